// `npm run test:sim`: seeded schedules against the election, on as many threads as there are processors, or one seed
// with its timeline.
//
//   npm run test:sim -- [--schedules N] [--first SEED] [--workers N] | --seed SEED

import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { missing } from './rules.ts';
import { runSchedules } from './runner.ts';
import { runSchedule } from './schedule.ts';

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '10000' },
    first: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    seed: { type: 'string' },
    failures: { type: 'string', default: '20' },
  },
});

/** Where readable timelines of failed seeds go. */
function writeTimeline(seed: number): string {
  const { timeline, violation } = runSchedule(seed, { isTold: true, counts: new Map() });
  const folder = join(tmpdir(), 'fairlead-simulation');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `seed-${seed}.txt`);
  writeFileSync(file, `${[...timeline, violation ?? 'all invariants hold'].join('\n')}\n`);
  return file;
}

function replay(seed: number): number {
  const { violation } = runSchedule(seed, { isTold: false, counts: new Map() });
  process.stdout.write(`seed ${seed}: ${violation ?? 'all invariants hold'}\n${writeTimeline(seed)}\n`);
  return violation === undefined ? 0 : 1;
}

async function many(): Promise<number> {
  const { counts, failures, elapsed, done } = await runSchedules({
    first: Number(values.first),
    schedules: Number(values.schedules),
    workers: Number(values.workers),
    failureLimit: Number(values.failures),
  });
  for (const [what, times] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
    process.stdout.write(`${String(times).padStart(10)}  ${what}\n`);
  const rate = (done / elapsed) * 1000;
  process.stdout.write(`${done} schedules in ${(elapsed / 1000).toFixed(1)} s, ${rate.toFixed(1)}/s\n`);
  for (const { seed, violation } of failures) {
    process.stdout.write(`seed ${seed}: ${violation}\n  npm run test:sim -- --seed ${seed}\n`);
    process.stdout.write(`  ${writeTimeline(seed)}\n`);
  }
  const never = missing(counts);
  for (const what of never) process.stdout.write(`never counted: ${what}\n`);
  return failures.length === 0 && never.length === 0 ? 0 : 1;
}

process.exitCode = values.seed === undefined ? await many() : replay(Number(values.seed));
