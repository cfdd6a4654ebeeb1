// Comparing subjects that were measured in turns: run by run, so that what slows the whole machine for a while slows
// both. Pure.

import { statisticsOf } from './statistics.ts';

/** What each subject's samples were in one run. */
export type PairedRun = Readonly<Record<string, readonly number[]>>;

interface Figures {
  readonly p50: number;
  readonly p99: number;
}

/** `c p50 64.2, p99 203.1` for each subject of a run; of a single value that value alone. */
export const describeRun = (run: PairedRun): string =>
  Object.entries(run)
    .filter(([, samples]) => samples.length > 0)
    .map(([subject, samples]) =>
      samples.length === 1
        ? `${subject} ${figuresOf(samples).p50}`
        : `${subject} p50 ${figuresOf(samples).p50}, p99 ${figuresOf(samples).p99}`,
    )
    .join('; ');

/** How `fairlead` stands against another subject: the medians, over the runs, of difference and ratio within a run. */
export function comparePairs(runs: readonly PairedRun[], other: string): string {
  const pairs = runs.flatMap(({ fairlead, [other]: peer }) =>
    fairlead === undefined || peer === undefined
      ? []
      : [{ ours: figuresOf(fairlead), peers: figuresOf(peer) }],
  );
  if (pairs.length === 0) return `nothing to compare with ${other}`;
  const against = (pick: (figures: Figures) => number): string => {
    const difference = median(pairs.map(({ ours, peers }) => pick(ours) - pick(peers)));
    const ratio = median(pairs.map(({ ours, peers }) => pick(ours) / pick(peers)));
    return `${difference < 0 ? '' : '+'}${difference.toFixed(1)} (x${ratio.toFixed(2)})`;
  };
  const isSingle = runs.every((run) => run[other]?.length === 1);
  const tail = isSingle ? '' : `, p99 ${against(({ p99 }) => p99)}`;
  const head = `fairlead against ${other}, median of ${pairs.length} paired runs: `;
  return `${head}${isSingle ? '' : 'p50 '}${against(({ p50 }) => p50)}${tail}`;
}

function figuresOf(samples: readonly number[]): Figures {
  const figures = statisticsOf(samples);
  return 'p99' in figures ? figures : { p50: figures.p50, p99: figures.p50 };
}

const median = (values: readonly number[]): number => statisticsOf(values).p50;

/** The same list begun elsewhere each time, so that nobody always comes first. */
export const rotated = <T>(list: readonly T[], by: number): readonly T[] =>
  list.map((_, i) => list[(i + by) % list.length] as T);
