// The command line of `npm run bench`: which bench, how often, which cases, and for whom the answer is.

import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';

export const USAGE = `usage: npm run bench -- list
       npm run bench -- NAME [--runs N] [--case NAME]... [--count N | --minutes N] [--json]
`;

export type Command =
  | { readonly kind: 'list' }
  | { readonly kind: 'usage'; readonly problem: string }
  | {
      readonly kind: 'run';
      readonly bench: Bench;
      readonly runs: number;
      readonly cases: readonly string[];
      readonly json: boolean;
    };

const OPTIONS = {
  json: { type: 'boolean', default: false },
  runs: { type: 'string' },
  count: { type: 'string' },
  minutes: { type: 'string' },
  case: { type: 'string', multiple: true, default: [] as string[] },
} as const;

/** Reads the arguments after the program's name. */
export function parseCommand(argv: readonly string[], benches: readonly Bench[]): Command {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const [name, ...more] = positionals;
    if (name === undefined || more.length > 0) return usage(`want one bench, got ${positionals.length}`);
    if (name === 'list') return { kind: 'list' };
    const bench = benches.find((candidate) => candidate.name === name);
    if (bench === undefined)
      return usage(`no bench "${name}": want one of ${benches.map((b) => b.name).join(', ')}`);
    return countedCommand(bench, values);
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
}

interface Values {
  readonly json: boolean;
  readonly runs?: string | undefined;
  readonly count?: string | undefined;
  readonly minutes?: string | undefined;
  readonly case: readonly string[];
}

/** Another number of objects, or another length of time, makes another bench, whose cases are then chosen. */
function countedCommand(bench: Bench, values: Values): Command {
  const { count, minutes } = values;
  if (count !== undefined && minutes !== undefined) return usage('--count and --minutes: want one of them');
  if (count !== undefined)
    return variedCommand(bench, values, { flag: '--count', text: count, vary: bench.withCount });
  if (minutes !== undefined)
    return variedCommand(bench, values, { flag: '--minutes', text: minutes, vary: bench.withMinutes });
  return runCommand(bench, values);
}

interface Variation {
  readonly flag: string;
  readonly text: string;
  readonly vary: ((value: number) => Bench) | undefined;
}

function variedCommand(bench: Bench, values: Values, { flag, text, vary }: Variation): Command {
  const value = Number(text);
  if (vary === undefined) return usage(`${flag} ${text}: ${bench.name} has no number to choose`);
  if (!Number.isInteger(value) || value < 1) return usage(`${flag} "${text}": want a whole number from 1`);
  return runCommand(vary(value), values);
}

function runCommand(bench: Bench, values: Values): Command {
  const known = bench.cases.map(({ name }) => name);
  const unknown = values.case.find((name) => !known.includes(name));
  if (unknown !== undefined)
    return usage(`no case "${unknown}" in ${bench.name}: want one of ${known.join(', ')}`);
  const runs = values.runs === undefined ? bench.runs : Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1)
    return usage(`--runs "${values.runs}": want a whole number from 1`);
  const cases = known.filter((name) => values.case.length === 0 || values.case.includes(name));
  return { kind: 'run', bench, runs, cases, json: values.json };
}

const usage = (problem: string): Command => ({ kind: 'usage', problem });
