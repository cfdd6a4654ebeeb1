// Durations as text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { milliseconds, minutes, parseDuration, seconds, times } from './duration.ts';

test('a number with one unit is read', () => {
  const texts = { '0': 0, '100ms': 100, '2s': 2000, '1.5s': 1500, '5m': 300_000, '1h': 3_600_000, '0ms': 0 };
  for (const [text, length] of Object.entries(texts)) assert.equal(parseDuration(text), length, text);
  assert.equal(parseDuration('180us'), milliseconds(180 * 0.001));
});

test('everything else is refused', () => {
  for (const text of [
    '',
    '5',
    '-1s',
    '1s ',
    ' 1s',
    '1d',
    '1m30s',
    '.5s',
    '1.s',
    '1e3s',
    's',
    '1S',
    '00',
    'constructor',
  ]) {
    assert.equal(parseDuration(text), undefined, JSON.stringify(text));
  }
});

test('the units agree with each other', () => {
  fc.assert(
    fc.property(fc.nat(100_000), (count) => {
      assert.equal(parseDuration(`${count}s`), seconds(count));
      assert.equal(parseDuration(`${count}m`), minutes(count));
      assert.equal(minutes(count), times(seconds(count), 60));
      assert.equal(parseDuration(`${count}ms`), milliseconds(count));
    }),
  );
});
