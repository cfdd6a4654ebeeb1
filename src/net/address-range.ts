// Contiguous ranges of addresses as an AddressPool lists them: a prefix, `first-last`, or one bare address.

import { type Address, BITS, type Family, formatAddress, parseAddress } from './address.ts';
import { formatPrefix, networkOf, parsePrefix, spanOf } from './prefix.ts';

export interface AddressRange {
  readonly family: Family;
  readonly first: bigint;
  /** Inclusive; never below `first`. */
  readonly last: bigint;
}

export type ParsedRange =
  | { readonly kind: 'range'; readonly range: AddressRange }
  /** `wanted` completes the sentence "..., want ...". */
  | { readonly kind: 'problem'; readonly wanted: string };

const problem = (wanted: string): ParsedRange => ({ kind: 'problem', wanted });
const valid = (family: Family, first: bigint, last: bigint): ParsedRange => ({
  kind: 'range',
  range: { family, first, last },
});

/** Reads a CIDR whose host bits are 0, `first-last`, or a bare address; anything else names what is wanted. */
export function parseAddressRange(text: string): ParsedRange {
  if (text.includes('/')) return parseCIDR(text);
  if (text.includes('-')) return parseFirstLast(text);
  const address = parseAddress(text);
  return address === undefined
    ? problem('an address, a CIDR or first-last, in canonical notation')
    : valid(address.family, address.value, address.value);
}

function parseCIDR(text: string): ParsedRange {
  const prefix = parsePrefix(text);
  if (prefix === undefined) return problem('a CIDR such as 10.0.0.0/28 or fd00::/120');
  const network = networkOf(prefix);
  if (network.value !== prefix.address.value) {
    return problem(`host bits 0: ${formatPrefix({ address: network, length: prefix.length })}`);
  }
  return valid(network.family, network.value, network.value + spanOf(prefix) - 1n);
}

function parseFirstLast(text: string): ParsedRange {
  const [from = '', to = '', ...more] = text.split('-');
  const first = parseAddress(from);
  const last = parseAddress(to);
  if (first === undefined || last === undefined || more.length > 0) {
    return problem('first-last, two addresses in canonical notation without spaces');
  }
  if (first.family !== last.family) return problem('first and last of the same family');
  if (first.value > last.value) return problem('first <= last');
  return valid(first.family, first.value, last.value);
}

export function contains(range: AddressRange, address: Address): boolean {
  return range.family === address.family && range.first <= address.value && address.value <= range.last;
}

/** How many addresses the range holds: at least 1, at most 2^128. */
export const sizeOf = (range: AddressRange): bigint => range.last - range.first + 1n;

/** The shortest text that reads back as this range: a bare address, a CIDR, or `first-last`. */
export function formatAddressRange(range: AddressRange): string {
  const { family } = range;
  const first: Address = { family, value: range.first };
  const size = sizeOf(range);
  if (size === 1n) return formatAddress(first);
  // A range is a prefix when its size is a power of two and its first address is a multiple of that size.
  const isPrefix = (size & (size - 1n)) === 0n && range.first % size === 0n;
  if (isPrefix) return formatPrefix({ address: first, length: BITS[family] - (size.toString(2).length - 1) });
  return `${formatAddress(first)}-${formatAddress({ family, value: range.last })}`;
}
