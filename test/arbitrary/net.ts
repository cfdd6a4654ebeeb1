// Arbitrary addresses, prefixes, ranges and hardware addresses.

import fc from 'fast-check';
import { type Address, BITS, type Family, fromBytes } from '../../src/net/address.ts';
import type { AddressRange } from '../../src/net/address-range.ts';
import type { Mac } from '../../src/net/mac.ts';
import type { Prefix } from '../../src/net/prefix.ts';

export const family = (): fc.Arbitrary<Family> => fc.constantFrom('IPv4', 'IPv6');

export const uint32 = (): fc.Arbitrary<number> => fc.integer({ min: 0, max: 0xffff_ffff });

/** Addresses by bytes, with many zero bytes, so that IPv6 texts are often compressed. */
export function address(of: fc.Arbitrary<Family> = family()): fc.Arbitrary<Address> {
  const byte = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 }));
  return of
    .map((name) => BITS[name] / 8)
    .chain((length) => fc.array(byte, { minLength: length, maxLength: length }))
    .map(fromBytes);
}

export function prefix(): fc.Arbitrary<Prefix> {
  return address().chain((value) =>
    fc.integer({ min: 0, max: BITS[value.family] }).map((length) => ({ address: value, length })),
  );
}

export function addressRange(): fc.Arbitrary<AddressRange> {
  return family().chain((name) =>
    fc
      .tuple(address(fc.constant(name)), address(fc.constant(name)))
      .map(([a, b]) =>
        a.value < b.value
          ? { family: name, first: a.value, last: b.value }
          : { family: name, first: b.value, last: a.value },
      ),
  );
}

export const mac = (): fc.Arbitrary<Mac> => fc.uint8Array({ minLength: 6, maxLength: 6 });

/** A single station's hardware address: not a group, not all zero. */
export const stationMac = (): fc.Arbitrary<Mac> =>
  mac().map((bytes) => Uint8Array.from(bytes, (byte, at) => (at === 0 ? (byte & 0xfe) | 0x02 : byte)));
