// The Ethernet address of an IPv4 multicast group (RFC 1112 section 6.4): 01:00:5e and the low 23 bits of the group.

import type { Mac } from '../../net/mac.ts';

/** `group` as an unsigned 32-bit number; 32 groups share an address. Throws RangeError outside of 224.0.0.0/4. */
export function multicastMac(group: number): Mac {
  if (group >>> 28 !== 0xe) throw new RangeError(`map group 0x${group.toString(16)}: want 224.0.0.0/4`);
  return Uint8Array.of(0x01, 0x00, 0x5e, (group >>> 16) & 0x7f, (group >>> 8) & 0xff, group & 0xff);
}
