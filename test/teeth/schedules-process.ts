// A process that runs schedules one after the other until the first violation, and says after each that it goes on:
// edited source may stand still for ever. Argument: how many.

import { runSchedule } from '../scenario/schedule.ts';
import type { Counts } from '../scenario/surroundings.ts';

/** One line of output each, as JSON. */
export type Line =
  | { readonly kind: 'done' }
  | { readonly kind: 'violation'; readonly seed: number; readonly text: string }
  | { readonly kind: 'counts'; readonly counts: Readonly<Record<string, number>> };

const say = (line: Line): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

function run(schedules: number): void {
  const counts: Counts = new Map();
  for (let seed = 1; seed <= schedules; seed++) {
    const { violation } = runSchedule(seed, { isTold: false, counts });
    if (violation !== undefined) return say({ kind: 'violation', seed, text: violation });
    say({ kind: 'done' });
  }
  say({ kind: 'counts', counts: Object.fromEntries(counts) });
}

if (import.meta.main) run(Number(process.argv[2]));
