// Address prefixes in CIDR notation (RFC 4632 for IPv4, RFC 4291 section 2.3 for IPv6). Host bits are kept as
// given, because an interface's address and its subnet are written in one text: 10.77.0.11/24.

import { type Address, BITS, formatAddress, parseAddress } from './address.ts';

export interface Prefix {
  readonly address: Address;
  /** 0 .. 32 for IPv4, 0 .. 128 for IPv6. */
  readonly length: number;
}

/** Reads `10.77.0.11/24`; undefined unless the address is canonical and the length fits, without leading zeros. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (address === undefined || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const length = Number(digits);
  return length <= BITS[address.family] ? { address, length } : undefined;
}

/** How many addresses the prefix spans: 2 to the power of its host bits. */
export const spanOf = (prefix: Prefix): bigint => 1n << BigInt(BITS[prefix.address.family] - prefix.length);

/** The prefix's first address: all host bits 0. */
export function networkOf(prefix: Prefix): Address {
  const { family, value } = prefix.address;
  return { family, value: value & ~(spanOf(prefix) - 1n) };
}

export function containsAddress(prefix: Prefix, address: Address): boolean {
  if (prefix.address.family !== address.family) return false;
  return networkOf(prefix).value === networkOf({ address, length: prefix.length }).value;
}

/**
 * What nobody else in an interface's subnet can be given: its own address and, with IPv4, the first and the last, which
 * mean the network and all hosts (RFC 1122 section 3.2.1.3). A /31 has neither (RFC 3021).
 */
export function unassignableIn(prefix: Prefix): readonly Address[] {
  const { address } = prefix;
  const span = spanOf(prefix);
  if (address.family === 'IPv6' || span <= 2n) return [address];
  const network = networkOf(prefix);
  return [address, network, { family: 'IPv4', value: network.value + span - 1n }];
}

export const formatPrefix = (prefix: Prefix): string => `${formatAddress(prefix.address)}/${prefix.length}`;
