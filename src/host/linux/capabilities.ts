// The capabilities of this process (capabilities(7)), as /proc/self/status tells them.

import { readFileSync } from 'node:fs';

/** Bits of linux/capability.h; incomplete list. */
const BITS = { NET_ADMIN: 12n, NET_RAW: 13n } as const;
export type Capability = keyof typeof BITS;

/** Whether it is in the effective set. */
export function hasCapability(capability: Capability): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  if (effective === undefined) throw new Error('read capabilities: /proc/self/status has no CapEff');
  return ((BigInt(`0x${effective}`) >> BITS[capability]) & 1n) === 1n;
}
