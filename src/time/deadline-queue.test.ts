// The queue of deadlines, against a sorted map.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DeadlineQueue } from './deadline-queue.ts';
import { instant } from './instant.ts';

function drain(queue: DeadlineQueue<number>): readonly (readonly [number, number])[] {
  const drained: (readonly [number, number])[] = [];
  for (let next = queue.first(); next !== undefined; next = queue.first()) {
    drained.push([next.key, next.due]);
    queue.delete(next.key);
  }
  return drained;
}

test('the earliest comes first, equal ones in the order of setting', () => {
  const queue = new DeadlineQueue<number>();
  queue.set(1, instant(20));
  queue.set(2, instant(10));
  queue.set(3, instant(20));
  queue.set(4, instant(10));
  assert.deepEqual(drain(queue), [
    [2, 10],
    [4, 10],
    [1, 20],
    [3, 20],
  ]);
});

test('setting a key again moves it', () => {
  const queue = new DeadlineQueue<number>();
  queue.set(1, instant(10));
  queue.set(2, instant(20));
  queue.set(1, instant(30));
  assert.equal(queue.size, 2);
  assert.deepEqual(drain(queue), [
    [2, 20],
    [1, 30],
  ]);
});

test('deleting what is not there changes nothing', () => {
  const queue = new DeadlineQueue<number>();
  queue.delete(1);
  queue.set(2, instant(5));
  queue.delete(1);
  assert.deepEqual(drain(queue), [[2, 5]]);
  assert.equal(queue.first(), undefined);
});

test('any history drains as a sorted map does', () => {
  const operation = fc.oneof(
    { weight: 3, arbitrary: fc.record({ key: fc.nat(20), due: fc.nat(50) }) },
    { weight: 1, arbitrary: fc.record({ key: fc.nat(20), due: fc.constant(undefined) }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const queue = new DeadlineQueue<number>();
      const model = new Map<number, number>();
      for (const { key, due } of operations) {
        // Deleting first keeps the map's order of setting the queue's.
        model.delete(key);
        if (due === undefined) queue.delete(key);
        else {
          queue.set(key, instant(due));
          model.set(key, due);
        }
      }
      assert.equal(queue.size, model.size);
      const sorted = [...model].sort((a, b) => a[1] - b[1]);
      for (const now of [-1, 0, 25, 50])
        assert.deepEqual(
          queue.due(instant(now)),
          sorted.filter(([, due]) => due <= now).map(([key]) => key),
        );
      assert.deepEqual(drain(queue), sorted);
    }),
  );
});
