// The free intervals against a plain set of values.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FreeIntervals, mergeIntervals, subtractIntervals } from './free-intervals.ts';

test('first is the lowest free value, over gaps', () => {
  const free = new FreeIntervals([
    { first: 20n, last: 21n },
    { first: 5n, last: 6n },
  ]);
  const seen: (bigint | undefined)[] = [];
  for (let value = free.first(); value !== undefined; value = free.first()) {
    seen.push(value);
    assert.equal(free.take(value), true);
  }
  assert.deepEqual(seen, [5n, 6n, 20n, 21n]);
  assert.equal(free.count, 0n);
});

test('a /64 is counted and given out without enumeration', () => {
  const last = (1n << 64n) - 1n;
  const free = new FreeIntervals([{ first: 0n, last }]);
  assert.equal(free.count, 1n << 64n);
  assert.equal(free.take(last), true);
  assert.equal(free.take(1n << 40n), true);
  assert.equal(free.take(0n), true);
  assert.equal(free.first(), 1n);
  assert.equal(free.count, (1n << 64n) - 3n);
  assert.equal(free.release(0n), true);
  assert.equal(free.first(), 0n);
});

test('taking and releasing in any order agrees with a plain set of values', () => {
  const interval = fc
    .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 12 }))
    .map(([first, size]) => ({ first: BigInt(first), last: BigInt(first + size) }));
  const step = fc.record({ takes: fc.boolean(), value: fc.integer({ min: 0, max: 72 }).map(BigInt) });
  fc.assert(
    fc.property(
      fc.array(interval, { maxLength: 8 }),
      fc.array(step, { maxLength: 200 }),
      (intervals, steps) => {
        const all = new Set<bigint>();
        for (const { first, last } of intervals) for (let v = first; v <= last; v++) all.add(v);
        const model = new Set(all);
        const free = new FreeIntervals(intervals);
        for (const { takes, value } of steps.filter((one) => all.has(one.value))) {
          if (takes) assert.equal(free.take(value), model.delete(value));
          else {
            assert.equal(free.release(value), !model.has(value));
            model.add(value);
          }
          assert.equal(free.first(), [...model].sort((a, b) => Number(a - b))[0]);
          assert.equal(free.count, BigInt(model.size));
          const above = [...model].filter((one) => one >= value).sort((a, b) => Number(a - b));
          assert.equal(free.firstFrom(value), above[0]);
        }
        for (const value of all) assert.equal(free.has(value), model.has(value));
      },
    ),
  );
});

test('intervals merge where they overlap or touch', () => {
  const merged = mergeIntervals([
    { first: 8n, last: 9n },
    { first: 1n, last: 3n },
    { first: 4n, last: 4n },
    { first: 2n, last: 2n },
  ]);
  assert.deepEqual(merged, [
    { first: 1n, last: 4n },
    { first: 8n, last: 9n },
  ]);
});

test('what is subtracted leaves the rest in order', () => {
  const from = [
    { first: 1n, last: 9n },
    { first: 20n, last: 22n },
  ];
  const holes = [
    { first: 0n, last: 1n },
    { first: 3n, last: 4n },
    { first: 9n, last: 20n },
  ];
  assert.deepEqual(subtractIntervals(from, holes), [
    { first: 2n, last: 2n },
    { first: 5n, last: 8n },
    { first: 21n, last: 22n },
  ]);
});
