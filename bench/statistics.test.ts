// The figures of a bench: nearest-rank percentiles over what was measured.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { resultOf, statisticsOf } from './statistics.ts';

const samples = fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 2, maxLength: 300 });

describe('statistics', () => {
  test('of 1 to 100: each percentile is the sample of its rank', () => {
    const all = Array.from({ length: 100 }, (_, i) => 100 - i);
    assert.deepEqual(statisticsOf(all), { n: 100, min: 1, p50: 50, p99: 99, max: 100 });
  });

  test('of twenty: p99 is the largest, p50 the tenth', () => {
    const twenty = Array.from({ length: 20 }, (_, i) => i + 1);
    assert.deepEqual(statisticsOf(twenty), { n: 20, min: 1, p50: 10, p99: 20, max: 20 });
  });

  test('a single value carries p50 alone', () => {
    assert.deepEqual(statisticsOf([41.23456]), { p50: 41.235 });
  });

  test('nothing measured is an error, and so is what is no number', () => {
    assert.throws(() => statisticsOf([]), /0 samples/);
    assert.throws(() => statisticsOf([1, Number.POSITIVE_INFINITY]), /no number/);
  });

  test('every figure was measured, in order, whatever the order of the samples', () => {
    fc.assert(
      fc.property(samples, (values) => {
        const found = statisticsOf(values);
        assert.ok('n' in found);
        const { n, min, p50, p99, max } = found;
        assert.ok(min <= p50 && p50 <= p99 && p99 <= max && n === values.length);
        for (const figure of [min, p50, p99, max]) assert.ok(values.includes(figure));
        assert.deepEqual(statisticsOf(values.toReversed()), found);
        assert.ok(values.filter((value) => value <= p50).length * 2 >= n);
      }),
    );
  });

  test('a result names its case, subject and unit and leaves the samples out', () => {
    const result = resultOf({ case: 'create', subject: 'fairlead', unit: 'ms', samples: [3, 1, 2] });
    assert.deepEqual(result, {
      case: 'create',
      subject: 'fairlead',
      unit: 'ms',
      n: 3,
      min: 1,
      p50: 2,
      p99: 3,
      max: 3,
    });
  });
});
