// Minimum, percentiles and maximum of samples, by the nearest-rank method: every figure is one that was measured.

import type { Measurement, Result, Statistics } from './bench.ts';

/** Sums up samples. Throws without any: a case that measured nothing has no figures. */
export function statisticsOf(samples: readonly number[]): Statistics {
  const sorted = [...samples].sort((a, b) => a - b);
  if (sorted.length === 0) throw new Error('statistics of 0 samples: want at least 1');
  if (sorted.some((sample) => !Number.isFinite(sample)))
    throw new Error('statistics of a sample that is no number');
  const p50 = rounded(percentile(sorted, 50));
  if (sorted.length === 1) return { p50 };
  return {
    n: sorted.length,
    min: rounded(percentile(sorted, 0)),
    p50,
    p99: rounded(percentile(sorted, 99)),
    max: rounded(percentile(sorted, 100)),
  };
}

export function resultOf({ samples, ...subject }: Measurement): Result {
  return { ...subject, ...statisticsOf(samples) };
}

/** The smallest sample that at least `percent` of all samples do not exceed. */
function percentile(sorted: readonly number[], percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

/** Three decimals: a microsecond where the unit is a millisecond, below what any bench here can tell apart. */
const rounded = (value: number): number => Math.round(value * 1000) / 1000;
