// Random schedules of faults, judged from outside. `npm run test:sim` runs many more, or one again.

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { missing } from './rules.ts';
import { runSchedules } from './runner.ts';

/** As many as a test file has time for on two cores that it shares. */
const SCHEDULES = 4000;

test(`${SCHEDULES} schedules keep all invariants, and each fault and rule takes effect`, async () => {
  const { done, failures, counts } = await runSchedules({
    ...{ first: 1, schedules: SCHEDULES, workers: availableParallelism(), failureLimit: 3 },
  });
  const texts = failures.map(({ seed, violation }) => `npm run test:sim -- --seed ${seed}: ${violation}`);
  assert.deepEqual(texts, []);
  assert.ok(done >= SCHEDULES, `${done} schedules`);
  assert.deepEqual(missing(counts), []);
});
