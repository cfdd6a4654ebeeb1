// The time in which nothing is answered after the thread stood still.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeldElection } from '../election/election-messages.ts';
import { milliseconds } from '../time/duration.ts';
import { instant } from '../time/instant.ts';
import { Quiet } from './quiet.ts';

const held = (uid: string): HeldElection => ({
  ...{ uid, epoch: 1, isRecorded: true, isAlone: false, isDoubtful: false, isLeaving: false },
});

test('not quiet: what is held is answered at once, and nothing is due', () => {
  const quiet = new Quiet(milliseconds(100));
  assert.deepEqual(
    [quiet.isQuiet, quiet.deadline(), quiet.postpone([held('a')])],
    [false, undefined, [held('a')]],
  );
  assert.equal(quiet.end(instant(0), false), undefined);
});

test('it ends an interval after all heartbeats were read, with what was postponed, once', () => {
  const quiet = new Quiet(milliseconds(100));
  quiet.begin();
  assert.deepEqual(quiet.postpone([held('a'), held('b')]), []);
  assert.deepEqual(quiet.postpone([held('a')]), []);
  assert.equal(quiet.end(instant(0), true), undefined);
  assert.equal(quiet.deadline(), undefined, 'nobody knows when they are read');
  assert.equal(quiet.end(instant(40), false), undefined);
  assert.equal(quiet.deadline(), 140);
  assert.equal(quiet.end(instant(139), false), undefined);
  assert.deepEqual(quiet.end(instant(140), false), ['a', 'b']);
  assert.deepEqual(
    [quiet.isQuiet, quiet.deadline(), quiet.end(instant(141), false)],
    [false, undefined, undefined],
  );
});

test('a second standstill begins it anew', () => {
  const quiet = new Quiet(milliseconds(100));
  quiet.begin();
  quiet.end(instant(0), false);
  quiet.begin();
  assert.equal(quiet.end(instant(100), false), undefined);
  assert.deepEqual(quiet.end(instant(200), false), []);
});
