// What a benchmark is, and the shape of the report that `npm run bench -- NAME --json` prints.

/** What was measured in one case of one subject: raw samples, in the order in which they were taken. */
export interface Measurement {
  readonly case: string;
  /** `fairlead`, or a peer that was measured in the same run. */
  readonly subject: string;
  readonly unit: string;
  readonly samples: readonly number[];
}

/** Which API server stood behind the figures. */
export interface ApiServer {
  readonly kind: string;
  readonly version: string;
}

export interface Outcome {
  /** null for a benchmark that needs none. */
  readonly apiserver: ApiServer | null;
  readonly measurements: readonly Measurement[];
}

export interface RunOptions {
  readonly runs: number;
  /** Names of the cases to measure, in the benchmark's own order. */
  readonly cases: readonly string[];
  readonly onProgress: (line: string) => void;
  /** Aborted by a signal of the user; what was built is still taken down. */
  readonly signal: AbortSignal;
}

export interface BenchCase {
  readonly name: string;
  readonly shows: string;
}

export interface Bench {
  readonly name: string;
  readonly shows: string;
  readonly cases: readonly BenchCase[];
  /** How often each case is repeated without --runs. */
  readonly runs: number;
  run(options: RunOptions): Promise<Outcome>;
  /** The same with so many objects, for trying out: its cases have other names. Absent where nothing is counted. */
  withCount?(count: number): Bench;
  /** The same over so many minutes; absent where no time is watched. */
  withMinutes?(minutes: number): Bench;
}

/** A single value carries p50 alone. */
export type Statistics =
  | { readonly p50: number }
  | {
      readonly n: number;
      readonly min: number;
      readonly p50: number;
      readonly p99: number;
      readonly max: number;
    };

export type Result = Omit<Measurement, 'samples'> & Statistics;

export interface Report {
  readonly name: string;
  /** RFC 3339. */
  readonly date: string;
  readonly commit: string;
  readonly machine: { readonly cores: number; readonly kernel: string; readonly node: string };
  readonly apiserver: ApiServer | null;
  readonly results: readonly Result[];
}
