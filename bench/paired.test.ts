// How runs that were measured in pairs are compared and told.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { comparePairs, describeRun, rotated } from './paired.ts';

describe('paired runs', () => {
  test('differences are taken within a run, so a slow moment of the machine cancels out', () => {
    const runs = [
      { fairlead: [10, 12], c: [8, 9] },
      { fairlead: [110, 112], c: [108, 109] },
      { fairlead: [13, 15], c: [11, 12] },
    ];
    assert.equal(
      comparePairs(runs, 'c'),
      'fairlead against c, median of 3 paired runs: p50 +2.0 (x1.18), p99 +3.0 (x1.25)',
    );
  });

  test('of one value a run there is one difference, which may be below zero', () => {
    assert.equal(
      comparePairs([{ fairlead: [90], c: [100] }], 'c'),
      'fairlead against c, median of 1 paired runs: -10.0 (x0.90)',
    );
  });

  test('without the other there is nothing to compare', () => {
    assert.equal(comparePairs([{ fairlead: [1, 2] }], 'c'), 'nothing to compare with c');
    assert.equal(comparePairs([], 'c'), 'nothing to compare with c');
  });

  test('a run is told by its figures; who has none is left out', () => {
    assert.equal(describeRun({ fairlead: [1, 2, 3], c: [7], kernel: [] }), 'fairlead p50 2, p99 3; c 7');
  });

  test('everybody comes first in turn, and nobody is lost', () => {
    const list = ['a', 'b', 'c'];
    assert.deepEqual(
      [0, 1, 2, 3].map((by) => rotated(list, by).join('')),
      ['abc', 'bca', 'cab', 'abc'],
    );
  });
});
