// What the book counts of each pool as things come and go, against a walk over everything that is held.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tenant } from '../../test/arbitrary/ipam.ts';
import type { Address, Family } from '../net/address.ts';
import { AddressBook } from './address-book.ts';
import type { Tenancy } from './address-entry.ts';
import { PLAIN_POOL, type PoolSpec } from './pool.ts';

const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];
const POOLS = ['a', 'b', 'c'] as const;
const HIGHEST = 12;

interface Held {
  readonly addresses: readonly Address[];
  readonly tenancy: Tenancy;
}
type Event =
  | ({ readonly kind: 'hold'; readonly holder: string } & Held)
  | { readonly kind: 'pool'; readonly name: string; readonly spec: PoolSpec | undefined };

const service = tenant('shop');
const TENANCIES: readonly Tenancy[] = [
  { kind: 'virtual-ip', services: [service], reservedFor: undefined },
  { kind: 'virtual-ip', services: [], reservedFor: 'web/shop' },
  { kind: 'closed', by: 'VirtualIP x, which is being withdrawn' },
  { kind: 'blocked', by: 'Node n1' },
  { kind: 'granted', service },
  { kind: 'kept', service, rank: 'a' },
];

const family = fc.constantFrom(...FAMILIES);
const address: fc.Arbitrary<Address> = fc.record({ family, value: fc.bigInt(0n, BigInt(HIGHEST)) });
const range = fc
  .tuple(family, fc.nat(HIGHEST), fc.nat(4))
  .map(([of, first, more]) => ({ family: of, first: BigInt(first), last: BigInt(first + more) }));
const spec: fc.Arbitrary<PoolSpec> = fc
  .record({
    addresses: fc.array(range, { minLength: 1, maxLength: 3 }),
    exclude: fc.array(range, { maxLength: 1 }),
    avoidEdges: fc.boolean(),
    disabled: fc.boolean(),
  })
  .map((changes) => ({ ...PLAIN_POOL, ...changes }));
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('hold'),
      holder: fc.constantFrom('u', 'v', 'w', 'x'),
      addresses: fc.uniqueArray(address, {
        maxLength: 6,
        selector: ({ family: of, value }) => `${of} ${value}`,
      }),
      tenancy: fc.constantFrom(...TENANCIES),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('pool'),
      name: fc.constantFrom(...POOLS),
      spec: fc.option(spec, { nil: undefined }),
    }),
  },
);

/** Every address that has a holder, and whether one of them is a VirtualIP. */
function walk(holders: ReadonlyMap<string, Held>): ReadonlyMap<string, Address & { isAllocated: boolean }> {
  const found = new Map<string, Address & { isAllocated: boolean }>();
  for (const { addresses, tenancy } of holders.values()) {
    const isVirtualIP = tenancy.kind === 'virtual-ip' || tenancy.kind === 'closed';
    for (const one of addresses) {
      const key = `${one.family} ${one.value}`;
      const isAllocated = isVirtualIP || (found.get(key)?.isAllocated ?? false);
      found.set(key, { ...one, isAllocated });
    }
  }
  return found;
}

function assertCounts(book: AddressBook, holders: ReadonlyMap<string, Held>): void {
  const held = [...walk(holders).values()];
  for (const pool of book.pools) {
    for (const of of FAMILIES) {
      const own = held.filter((one) => one.family === of && pool.contains(one));
      const { total, available, allocated } = pool.counts(of);
      assert.equal(allocated, own.filter(({ isAllocated }) => isAllocated).length, `${pool.name} ${of}`);
      assert.equal(available, total - BigInt(own.length), `${pool.name} ${of}`);
    }
  }
}

test('at every moment the counts are what a walk finds', () => {
  let seen = 0;
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const book = new AddressBook();
      const all = FAMILIES.map((of) => ({ family: of, first: 0n, last: BigInt(HIGHEST) }));
      book.setPool('a', { ...PLAIN_POOL, addresses: all });
      const holders = new Map<string, Held>();
      for (const one of events) {
        if (one.kind === 'pool') book.setPool(one.name, one.spec);
        else {
          book.hold(one.holder, one.addresses, one.tenancy);
          holders.set(one.holder, one);
        }
        assertCounts(book, holders);
        for (const { name } of book.pools) seen += book.counts(name, 'IPv4').allocated;
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(seen >= 300, `${seen} allocated`);
});
