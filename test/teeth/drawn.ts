// The edits that are drawn on every run of the tests, in two halves, because a file of tests has five minutes.

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { drawEdits } from './draw.ts';
import { editsOf } from './operators.ts';
import { problemOf } from './report.ts';
import { electionSources } from './sources.ts';
import { DRAWN, SCHEDULES, SEED } from './teeth.ts';
import { tryAll } from './trial.ts';

/** Tests the half that begins with this edit of the draw. Two quiet cores need about half a minute. */
export function testDrawn(first: number): void {
  const last = first + DRAWN / 2;
  test(`drawn edits ${first} to ${last - 1} are caught by the simulation, or known to be none that it can catch`, async () => {
    const drawn = drawEdits(electionSources().flatMap(editsOf), SEED, DRAWN).slice(first, last);
    const trials = await tryAll(drawn, { schedules: SCHEDULES, workers: availableParallelism() });
    assert.equal(trials.length, DRAWN / 2);
    const problems = trials.flatMap((trial) => problemOf(trial) ?? []);
    assert.deepEqual(problems, []);
  });
}
