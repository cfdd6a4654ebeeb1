// The simulation catches wrong edits of src/election that were made by hand.

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { handMadeEdits } from './by-hand.ts';
import { formatTrial } from './report.ts';
import { electionSources } from './sources.ts';
import { SCHEDULES } from './teeth.ts';
import { tryAll } from './trial.ts';

test('every edit made by hand is caught by the simulation', async () => {
  const edits = handMadeEdits(electionSources()).map(({ edit }) => edit);
  assert.ok(edits.length >= 10, `${edits.length} edits`);
  const trials = await tryAll(edits, { schedules: SCHEDULES, workers: availableParallelism() });
  const missed = trials.filter(({ verdict }) => verdict.kind !== 'caught').map(formatTrial);
  assert.deepEqual(missed, []);
});
