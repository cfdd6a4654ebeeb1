// The simulation catches wrong edits of src/election that were drawn at random, but for those that are known to change
// nothing, or nothing that a virtual cluster can show. Each edit is drawn for itself, so a change of the source makes
// new draws only where it changes the text of an edit; what such a draw asks for, the failure says.

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { drawEdits } from './draw.ts';
import { editsOf } from './operators.ts';
import { problemOf, staleEntries } from './report.ts';
import { electionSources } from './sources.ts';
import { DRAWN, SCHEDULES, SEED } from './teeth.ts';
import { tryAll } from './trial.ts';

const edits = electionSources().flatMap(editsOf);

test(`each of ${DRAWN} drawn edits is caught by the simulation, or known to be none that it can catch`, async () => {
  const drawn = drawEdits(edits, SEED, DRAWN);
  const trials = await tryAll(drawn, { schedules: SCHEDULES, workers: availableParallelism() });
  assert.equal(trials.length, DRAWN);
  const problems = trials.flatMap((trial) => problemOf(trial) ?? []);
  assert.deepEqual(problems, []);
});

test('each known edit can still be made of the source; else take it out of test/teeth/known.ts', () => {
  assert.deepEqual(staleEntries(edits), []);
});
