// RTM_NEWLINK and RTM_DELLINK: network links as the kernel reports them (linux/rtnetlink.h, linux/if_link.h).
//
//   struct ifinfomsg
//   off len
//     0  1  family: AF_UNSPEC = 0; AF_BRIDGE and others speak of something else
//     1  1  padding
//     2  2  type: ARPHRD_*
//     4  4  index
//     8  4  flags: IFF_*
//    12  4  change mask
//    16  n  attributes IFLA_*

import type { Reader } from '../../bytes/reader.ts';
import { readAttributes } from './netlink-header.ts';

/** IFF_* (linux/if.h); an incomplete list. */
export const LinkFlag = {
  Up: 0x1,
  Loopback: 0x8,
  Running: 0x40,
  NoArp: 0x80,
  LowerUp: 0x1_0000,
  Dormant: 0x2_0000,
} as const;

/** IFLA_OPERSTATE (RFC 2863 ifOperStatus); an incomplete list. */
export const OperState = { Unknown: 0, Down: 2, LowerLayerDown: 3, Testing: 4, Dormant: 5, Up: 6 } as const;

/** IFLA_LINKMODE: whether the operating state follows the carrier, or user space says when the link is let in. */
export const LinkMode = { Default: 0, Dormant: 1, Testing: 2 } as const;

/** ARPHRD_* (linux/if_arp.h); an incomplete list. */
export const LinkType = { Ethernet: 1, Loopback: 772 } as const;

/** IFLA_*; an incomplete list. */
const Attribute = { Address: 1, Name: 3, Mtu: 4, OperState: 16, LinkMode: 17, CarrierChanges: 35 } as const;

const AF_UNSPEC = 0;

export interface NetlinkLink {
  readonly index: number;
  readonly name: string;
  /** The hardware address, of any length: 6 bytes for Ethernet, none for a tunnel. */
  readonly mac: Uint8Array;
  readonly flags: number;
  readonly operState: number;
  readonly linkMode: number;
  /** How often the carrier came or went since the link was made. */
  readonly carrierChanges: number;
  readonly mtu: number;
  readonly type: number;
}

/**
 * Reads the body of a link message. Undefined for another family: a bridge reports its ports as links of AF_BRIDGE,
 * and deletes those when a port leaves while the link lives on. Throws DecodeError.
 */
export function readLinkMessage(reader: Reader): NetlinkLink | undefined {
  const family = reader.u8();
  reader.skip(1);
  const type = reader.u16();
  const index = reader.i32();
  const flags = reader.u32();
  reader.skip(4);
  if (family !== AF_UNSPEC) return undefined;
  const none: Uint8Array = new Uint8Array(0);
  const state = { flags, operState: 0, linkMode: 0, carrierChanges: 0 };
  const link = { index, name: '', mac: none, mtu: 0, type, ...state };
  readAttributes(reader, (attribute, payload) => {
    if (attribute === Attribute.Name) link.name = readName(payload);
    else if (attribute === Attribute.Address) link.mac = payload.bytes(payload.remaining);
    else if (attribute === Attribute.Mtu) link.mtu = payload.u32();
    else if (attribute === Attribute.OperState) link.operState = payload.u8();
    else if (attribute === Attribute.LinkMode) link.linkMode = payload.u8();
    else if (attribute === Attribute.CarrierChanges) link.carrierChanges = payload.u32();
  });
  if (link.name === '') throw reader.error('bad-value', 'IFLA_IFNAME missing or empty');
  return link;
}

/** A name ends at its first NUL. Its bytes are read as Latin-1, because the kernel promises no encoding. */
function readName(payload: Reader): string {
  const bytes = payload.bytes(payload.remaining);
  const end = bytes.indexOf(0);
  return String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
}
