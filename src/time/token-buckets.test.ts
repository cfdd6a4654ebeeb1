// Token buckets: the burst, the refill, and what is forgotten.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seconds } from './duration.ts';
import { instant } from './instant.ts';
import { TokenBuckets } from './token-buckets.ts';

const make = () => new TokenBuckets({ burst: 2, refill: seconds(10), remembered: 2 });
const spends = (buckets: TokenBuckets, key: string, times: readonly number[]) =>
  times.map((time) => buckets.spend(key, instant(time * 1000)));

test('a burst, then one for each refill, and never more than the burst', () => {
  const buckets = make();
  assert.deepEqual(spends(buckets, 'a', [0, 0, 0, 9, 10, 10]), [true, true, false, false, true, false]);
  assert.deepEqual(spends(buckets, 'a', [1000, 1000, 1000]), [true, true, false]);
});

test('asking in vain costs nothing, and keys do not share', () => {
  const buckets = make();
  assert.deepEqual(spends(buckets, 'a', [0, 0, 3, 6, 9.9, 10]), [true, true, false, false, false, true]);
  assert.deepEqual(spends(buckets, 'b', [10]), [true]);
});

test('the key that asked longest ago is forgotten first', () => {
  const buckets = make();
  assert.deepEqual(spends(buckets, 'a', [0, 0]), [true, true]);
  assert.deepEqual(spends(buckets, 'b', [0, 0]), [true, true]);
  assert.deepEqual(spends(buckets, 'a', [0]), [false]);
  assert.deepEqual(spends(buckets, 'c', [0]), [true]);
  assert.deepEqual(spends(buckets, 'a', [0]), [false], 'it asked after b');
  assert.deepEqual(spends(buckets, 'b', [0]), [true], 'as if never seen');
});
