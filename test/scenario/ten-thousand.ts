// The random schedules that run with the other tests: ten thousand in two files, because a file of tests has five minutes.

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { missing } from './rules.ts';
import { runSchedules } from './runner.ts';

/** Of each file. Two quiet cores need about 65 s. */
const SCHEDULES = 5000;

/** Tests the half that begins with this seed. */
export function testHalf(first: number): void {
  const last = first + SCHEDULES - 1;
  test(`schedules ${first} to ${last} keep all invariants, and each fault and rule takes effect`, async () => {
    const { done, failures, counts } = await runSchedules({
      ...{ first, schedules: SCHEDULES, workers: availableParallelism(), failureLimit: 3 },
    });
    const texts = failures.map(({ seed, violation }) => `npm run test:sim -- --seed ${seed}: ${violation}`);
    assert.deepEqual(texts, []);
    assert.ok(done >= SCHEDULES, `${done} schedules`);
    assert.deepEqual(missing(counts), []);
  });
}
