// The simulation catches wrong edits of src/election that were drawn at random, but for those that are known to change
// nothing, or nothing that a virtual cluster can show: the first half. Each edit is drawn for itself, so a change of the
// source makes new draws only where it changes the text of an edit; what such a draw asks for, the failure says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDrawn } from './drawn.ts';
import { editsOf } from './operators.ts';
import { staleEntries } from './report.ts';
import { electionSources } from './sources.ts';

testDrawn(0);

test('each known edit can still be made of the source; else take it out of test/teeth/known.ts', () => {
  assert.deepEqual(staleEntries(electionSources().flatMap(editsOf)), []);
});
