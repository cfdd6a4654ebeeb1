// For how long the main thread has not moved, of the time that the worker did.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant } from '../time/instant.ts';
import { Stall } from './stall.ts';

/** Looks at `[time, counter]`; the age after each. */
const ages = (...looks: readonly (readonly [at: number, beats: number])[]): readonly number[] => {
  const stall = new Stall();
  return looks.map(([at, beats]) => {
    stall.look(instant(at), beats);
    return stall.age;
  });
};

test('a counter that moves is no age; one that stands still ages with the looks', () => {
  assert.deepEqual(ages([1000, 7], [1250, 8], [1500, 8], [1750, 8], [2000, 9]), [0, 0, 250, 500, 0]);
});

test('the first look knows of no time before it', () => {
  assert.deepEqual(ages([1_000_000, 0], [1_000_100, 0]), [0, 100]);
});

test('a pause of the worker itself counts for half a second, however long it was', () => {
  assert.deepEqual(ages([0, 1], [250, 1], [3_600_250, 1], [3_600_500, 1]), [0, 250, 750, 1000]);
});

test('a counter that wraps around has moved', () => {
  assert.deepEqual(ages([0, 2 ** 31 - 1], [250, -(2 ** 31)], [500, -(2 ** 31)]), [0, 0, 250]);
});
