// How many intervals of silence the others shall wait for a node that was late itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { milliseconds } from '../time/duration.ts';
import { type Instant, instant } from '../time/instant.ts';
import { Patience } from './patience.ts';

const at = (seconds: number): Instant => instant(seconds * 1000);

const patienceOf = (): Patience => new Patience({ interval: milliseconds(100), multiplier: 3 });

test('half an interval of delay is none', () => {
  const patience = patienceOf();
  patience.late(at(0), milliseconds(50));
  assert.equal(patience.multiplier(at(0)), 3);
});

test('every interval of delay asks for one more, up to ten, for ten seconds', () => {
  for (const [delay, expected] of [
    [51, 4],
    [100, 4],
    [101, 5],
    [650, 10],
    [60_000, 10],
  ] as const) {
    const patience = patienceOf();
    patience.late(at(0), milliseconds(delay));
    assert.deepEqual(
      [patience.multiplier(at(0)), patience.multiplier(at(9.999))],
      [expected, expected],
      `${delay}`,
    );
    assert.equal(patience.multiplier(at(10)), 3);
  }
});

test('a shorter delay neither lowers what is asked for nor lets it end', () => {
  const patience = patienceOf();
  patience.late(at(0), milliseconds(400));
  patience.late(at(8), milliseconds(60));
  assert.equal(patience.multiplier(at(17)), 7);
  assert.equal(patience.multiplier(at(18)), 3);
});

test('a multiplier above ten is not lowered', () => {
  const patience = new Patience({ interval: milliseconds(100), multiplier: 20 });
  patience.late(at(0), milliseconds(500));
  assert.equal(patience.multiplier(at(1)), 20);
});
