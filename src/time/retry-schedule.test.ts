// Back-off as a sequence.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { milliseconds, seconds } from './duration.ts';
import { type RetrySchedule, retryDelay } from './retry-schedule.ts';

const SERVICE: RetrySchedule = { first: seconds(5), factor: 2, limit: seconds(300), jitter: 0 };

test('delays double up to the limit', () => {
  const delays = Array.from({ length: 9 }, (_, attempt) => retryDelay(SERVICE, attempt, 0.5) / 1000);
  assert.deepEqual(delays, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
});

test('jitter takes off its share at most', () => {
  const schedule = { ...SERVICE, jitter: 0.2 };
  assert.equal(retryDelay(schedule, 1, 0), 10_000);
  assert.equal(retryDelay(schedule, 1, 0.5), 9000);
  assert.equal(retryDelay(schedule, 1, 1), 8000);
});

test('a first delay of 0 stays 0, however many attempts', () => {
  assert.equal(retryDelay({ ...SERVICE, first: milliseconds(0) }, 5000, 0.5), 0);
});

test('every delay is a number between its share and the limit, and never below the one before', () => {
  const schedule = fc.record({
    first: fc.integer({ min: 1, max: 10_000 }).map(milliseconds),
    factor: fc.double({ min: 1, max: 10, noNaN: true }),
    limit: fc.integer({ min: 10_000, max: 600_000 }).map(milliseconds),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  const random = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(schedule, fc.nat(5000), random, (given, attempt, chance) => {
      const delay = retryDelay(given, attempt, chance);
      assert.ok(delay >= given.first * (1 - given.jitter) && delay <= given.limit, `${delay}`);
      assert.ok(retryDelay(given, attempt + 1, chance) >= delay);
    }),
  );
});
