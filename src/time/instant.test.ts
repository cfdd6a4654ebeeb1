// Instants and deadlines.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { milliseconds } from './duration.ts';
import { after, between, earlier, hasPassed, instant } from './instant.ts';

test('a deadline has passed when its instant is reached', () => {
  const deadline = after(instant(1000), milliseconds(500));
  assert.equal(hasPassed(deadline, instant(1499.9)), false);
  assert.equal(hasPassed(deadline, instant(1500)), true);
});

test('the time between two instants has a sign', () => {
  assert.equal(between(instant(1000), instant(1500)), 500);
  assert.equal(between(instant(1500), instant(1000)), -500);
});

test('no deadline is later than any', () => {
  assert.equal(earlier(undefined, undefined), undefined);
  assert.equal(earlier(instant(0), undefined), 0);
  assert.equal(earlier(undefined, instant(0)), 0);
  assert.equal(earlier(instant(2), instant(1)), 1);
  assert.equal(earlier(instant(1), instant(2)), 1);
});
