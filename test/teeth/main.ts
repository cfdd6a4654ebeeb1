// `npm run test:teeth`: wrong edits of src/election, those made by hand and some drawn by a seed, each with what catches it.
//
//   npm run test:teeth -- [--draw SEED] [--count N] [--schedules N] [--workers N] [--no-by-hand]

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { handMadeEdits } from './by-hand.ts';
import { drawEdits } from './draw.ts';
import { editsOf } from './operators.ts';
import { formatTrial, problemOf } from './report.ts';
import { electionSources } from './sources.ts';
import { DRAWN, SCHEDULES, SEED } from './teeth.ts';
import { tryAll } from './trial.ts';

const { values } = parseArgs({
  allowNegative: true,
  options: {
    draw: { type: 'string', default: String(SEED) },
    count: { type: 'string', default: String(DRAWN) },
    schedules: { type: 'string', default: String(SCHEDULES) },
    workers: { type: 'string', default: String(availableParallelism()) },
    'by-hand': { type: 'boolean', default: true },
  },
});

/** A whole number of at least `least`; throws for anything else. */
function whole(option: 'draw' | 'count' | 'schedules' | 'workers', least: number): number {
  const value = Number(values[option]);
  if (Number.isInteger(value) && value >= least) return value;
  throw new RangeError(`--${option} "${values[option]}": want a whole number of at least ${least}`);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const sources = electionSources();
  const all = sources.flatMap(editsOf);
  const drawn = drawEdits(all, whole('draw', 0), whole('count', 0));
  const byHand = values['by-hand'] ? handMadeEdits(sources).map(({ edit }) => edit) : [];
  say(`${byHand.length} edits made by hand, ${drawn.length} drawn of ${all.length}`);
  const options = { schedules: whole('schedules', 1), workers: whole('workers', 1) };
  const trials = await tryAll([...byHand, ...drawn], options, (trial) => say(formatTrial(trial)));
  const problems = trials.flatMap((trial) => problemOf(trial) ?? []);
  for (const problem of problems) say(`\n${problem}`);
  const caught = trials.filter(({ verdict }) => verdict.kind === 'caught').length;
  say(`\n${caught} of ${trials.length} caught by the simulation, ${problems.length} to look at`);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main();
