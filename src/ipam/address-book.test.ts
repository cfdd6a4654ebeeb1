// The book against a plain reading of its rules, over random histories.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Address, formatAddress } from '../net/address.ts';
import type { AddressRange } from '../net/address-range.ts';
import { AddressBook } from './address-book.ts';

const v4 = (value: number): Address => ({ family: 'IPv4', value: BigInt(value) });
const range = (first: number, last: number): AddressRange => ({
  family: 'IPv4',
  first: BigInt(first),
  last: BigInt(last),
});
const ask = (book: AddressBook, owner: string, preferred: readonly Address[] = []) =>
  book.allocate({ owner, families: ['IPv4'], familyPolicy: 'SingleStack', preferred });

test('an address held for two reasons is free only when both are gone', () => {
  const book = new AddressBook();
  book.setPool('a', [range(1, 1)]);
  book.hold('vip/1', [v4(1)]);
  book.hold('service/x', [v4(1)]);
  assert.equal(book.hold('vip/1', []), false);
  assert.equal(ask(book, 'service/y').kind, 'refused');
  assert.equal(book.hold('service/x', []), true);
  assert.equal(ask(book, 'service/y').kind, 'allocated');
});

test('a pool that changes or overlaps another keeps what is held', () => {
  const book = new AddressBook();
  book.setPool('a', [range(1, 3)]);
  book.hold('vip/2', [v4(2)]);
  book.setPool('b', [range(2, 4)]);
  book.setPool('a', [range(2, 2)]);
  assert.deepEqual(book.counts('a', 'IPv4'), { total: 1n, available: 0n });
  assert.deepEqual(book.counts('b', 'IPv4'), { total: 3n, available: 2n });
  assert.equal(book.hold('vip/2', []), true);
  assert.deepEqual(book.counts('a', 'IPv4'), { total: 1n, available: 1n });
  assert.deepEqual(book.counts('b', 'IPv4'), { total: 3n, available: 3n });
});

test('releasing an address of no pool frees nothing', () => {
  const book = new AddressBook();
  book.hold('node/n1', [v4(9)]);
  assert.equal(book.hold('node/n1', []), false);
});

type Event =
  | { readonly kind: 'create' | 'delete'; readonly owner: number }
  | { readonly kind: 'pool'; readonly name: string; readonly ranges: readonly AddressRange[] | undefined };

const owner = fc.integer({ min: 0, max: 14 });
const anyRange = fc
  .tuple(fc.integer({ min: 0, max: 25 }), fc.integer({ min: 0, max: 6 }))
  .map(([a, n]) => range(a, a + n));
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('create' as const), owner }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), owner }) },
  fc.record({
    kind: fc.constant('pool' as const),
    name: fc.constantFrom('a', 'b', 'c'),
    ranges: fc.option(fc.array(anyRange, { minLength: 1, maxLength: 3 }), { nil: undefined }),
  }),
);

/** A plain reading of the rules, against which the book is compared. */
class Model {
  readonly pools = new Map<string, readonly AddressRange[]>();
  readonly owners = new Map<number, Address>();

  isInPool(value: bigint): boolean {
    return [...this.pools.values()].flat().some((one) => one.first <= value && value <= one.last);
  }

  hasFree(): boolean {
    const held = new Set([...this.owners.values()].map((one) => one.value));
    for (let value = 0n; value <= 31n; value++) if (!held.has(value) && this.isInPool(value)) return true;
    return false;
  }
}

function apply(book: AddressBook, model: Model, one: Event): void {
  if (one.kind === 'pool') {
    book.setPool(one.name, one.ranges);
    if (one.ranges === undefined) model.pools.delete(one.name);
    else model.pools.set(one.name, one.ranges);
  } else if (one.kind === 'delete') {
    book.hold(`s${one.owner}`, []);
    model.owners.delete(one.owner);
  } else if (!model.owners.has(one.owner)) {
    const result = ask(book, `s${one.owner}`);
    // Complete: an address is refused only if there is none.
    assert.equal(result.kind === 'allocated', model.hasFree());
    if (result.kind === 'refused') return;
    assert.ok(model.isInPool(result.address.value));
    book.hold(`s${one.owner}`, [result.address]);
    model.owners.set(one.owner, result.address);
  }
}

test('any history of creations, deletions and pool changes: unique, complete, sticky', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 120 }), (history) => {
      const book = new AddressBook();
      const model = new Model();
      for (const one of history) {
        const before = new Map(model.owners);
        apply(book, model, one);
        const addresses = [...model.owners.values()].map(formatAddress);
        assert.equal(new Set(addresses).size, addresses.length, 'no address twice');
        // Sticky: nobody else's address moved, and asking again with the old address gives the old address.
        for (const [who, address] of before) {
          if (one.kind !== 'pool' && one.owner === who) continue;
          assert.deepEqual(model.owners.get(who), address);
          if (!model.isInPool(address.value)) continue;
          const again = ask(book, `s${who}`, [address]);
          assert.deepEqual(again.kind === 'allocated' && again.address, address);
        }
      }
    }),
    { numRuns: 200 },
  );
});
