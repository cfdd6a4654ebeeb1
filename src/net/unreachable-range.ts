// Addresses that no host sends a packet to over a network: a pool that holds one is a mistake. Only what hosts refuse by
// standard is listed; documentation ranges and IPv4 link-local addresses (RFC 3927) do work between neighbours.

import { type AddressRange, parseAddressRange } from './address-range.ts';

export interface UnreachableRange {
  /** In CIDR notation. */
  readonly cidr: string;
  /** What it is, and where that is said. */
  readonly meaning: string;
  readonly range: AddressRange;
}

/** The AddressPool's CRD refuses the same ones. */
export const UNREACHABLE_RANGES: readonly UnreachableRange[] = [
  named('0.0.0.0/8', 'this host or network, RFC 1122 section 3.2.1.3'),
  named('127.0.0.0/8', 'loopback, RFC 1122 section 3.2.1.3'),
  named('224.0.0.0/4', 'multicast, RFC 5771'),
  named('240.0.0.0/4', 'reserved and limited broadcast, RFC 1112 section 4'),
  named('::/127', 'unspecified and loopback, RFC 4291 section 2.5'),
  {
    cidr: '::ffff:0:0/96',
    meaning: 'IPv4-mapped, RFC 4291 section 2.5.5.2',
    // Not read from text: parseAddress knows no IPv4-mapped addresses.
    range: { family: 'IPv6', first: 0xffff_0000_0000n, last: 0xffff_ffff_ffffn },
  },
  // Nobody can use one without naming the link, and a Service's status has no room for that.
  named('fe80::/10', 'link-local, RFC 4291 section 2.5.6'),
  named('ff00::/8', 'multicast, RFC 4291 section 2.7'),
];

/** The first of them that the range touches. */
export function unreachableIn({ family, first, last }: AddressRange): UnreachableRange | undefined {
  return UNREACHABLE_RANGES.find(
    ({ range }) => range.family === family && range.first <= last && first <= range.last,
  );
}

function named(cidr: string, meaning: string): UnreachableRange {
  const parsed = parseAddressRange(cidr);
  // Literals of ours, so anything else is a bug.
  if (parsed.kind === 'problem') throw new Error(`read "${cidr}": want ${parsed.wanted}`);
  return { cidr, meaning, range: parsed.range };
}
