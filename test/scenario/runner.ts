// Runs many schedules on several threads, each of which takes every n-th seed, and adds up what they counted.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { runSchedule } from './schedule.ts';
import type { Counts } from './surroundings.ts';

export interface RunOptions {
  /** The first seed; the others follow it. */
  readonly first: number;
  readonly schedules: number;
  readonly workers: number;
  /** A thread gives up after so many. */
  readonly failureLimit: number;
}

export interface Failure {
  readonly seed: number;
  readonly violation: string;
}

export interface RunResult {
  readonly counts: Counts;
  readonly failures: readonly Failure[];
  readonly done: number;
  /** Milliseconds. */
  readonly elapsed: number;
}

/** Room for what lives for one instant: with less, collecting it costs a tenth of the time. */
const YOUNG_MEGABYTES = 64;

interface Share extends RunOptions {
  readonly step: number;
}

type ShareResult = Omit<RunResult, 'elapsed'>;

export async function runSchedules(options: RunOptions): Promise<RunResult> {
  const started = performance.now();
  const shares = Array.from({ length: options.workers }, (_, i) => {
    return runInThread({ ...options, first: options.first + i, step: options.workers });
  });
  const results = await Promise.all(shares);
  const counts: Counts = new Map();
  for (const result of results)
    for (const [what, times] of result.counts) counts.set(what, (counts.get(what) ?? 0) + times);
  const failures = results.flatMap((result) => result.failures).sort((a, b) => a.seed - b.seed);
  const done = results.reduce((sum, result) => sum + result.done, 0);
  return { counts, failures, done, elapsed: performance.now() - started };
}

function runInThread(share: Share): Promise<ShareResult> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), {
      workerData: share,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    });
    thread.once('message', resolve);
    thread.once('error', reject);
  });
}

function runShare({ first, schedules, step, workers, failureLimit }: Share): ShareResult {
  const counts: Counts = new Map();
  const failures: Failure[] = [];
  const end = first - (first % workers) + schedules + workers;
  let done = 0;
  for (
    let seed = first;
    seed < end && done * step < schedules && failures.length < failureLimit;
    seed += step
  ) {
    const { violation } = runSchedule(seed, { isTold: false, counts });
    done++;
    if (violation !== undefined) failures.push({ seed, violation });
  }
  return { counts, failures, done };
}

if (!isMainThread && parentPort !== null) parentPort.postMessage(runShare(workerData as Share));
