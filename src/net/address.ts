// IP addresses of both families as values: a family and an unsigned integer. Text goes through ipaddr.js' strict
// parsers only, because its `parse` reads 010.0.0.1 as octal and 10.1 as 10.0.0.1.

import ipaddr from 'ipaddr.js';

export type Family = 'IPv4' | 'IPv6';

export interface Address {
  readonly family: Family;
  /** 0 .. 2^32-1 for IPv4, 0 .. 2^128-1 for IPv6. */
  readonly value: bigint;
}

export const BITS: Readonly<Record<Family, number>> = { IPv4: 32, IPv6: 128 };

/**
 * Reads an address in its canonical notation: four decimal parts without leading zeros, or RFC 4291 text without
 * a zone. Returns undefined for anything else, IPv4-mapped IPv6 included (Kubernetes refuses those too).
 */
export function parseAddress(text: string): Address | undefined {
  if (/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) {
    return ipaddr.IPv4.isValidFourPartDecimal(text)
      ? fromBytes(ipaddr.IPv4.parse(text).toByteArray())
      : undefined;
  }
  if (!/^[0-9a-f:]+$/i.test(text) || !ipaddr.IPv6.isValid(text)) return undefined;
  const parsed = ipaddr.IPv6.parse(text);
  return parsed.isIPv4MappedAddress() ? undefined : fromBytes(parsed.toByteArray());
}

/** RFC 5952 text for IPv6, four decimal parts for IPv4. */
export function formatAddress(address: Address): string {
  const bytes = Array.from(toBytes(address));
  return address.family === 'IPv4' ? bytes.join('.') : new ipaddr.IPv6(bytes).toRFC5952String();
}

/** The address of 4 (IPv4) or 16 (IPv6) bytes in network order. Throws for another length: a bug of ours. */
export function fromBytes(bytes: ArrayLike<number>): Address {
  if (bytes.length !== 4 && bytes.length !== 16)
    throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
  let value = 0n;
  for (let i = 0; i < bytes.length; i++) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return { family: bytes.length === 4 ? 'IPv4' : 'IPv6', value };
}

/** The bytes in network order: 4 or 16. */
export function toBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(BITS[address.family] / 8);
  let rest = address.value;
  for (let i = bytes.length - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

/** IPv4 before IPv6, then by value: the order in which addresses are listed and handed out. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family === 'IPv4' ? -1 : 1;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

export const sameAddress = (a: Address, b: Address): boolean => a.family === b.family && a.value === b.value;
