// Waiting for something in the lab to become true: a check repeated until it gives a value or the deadline has
// passed. For tests, the demo and the bed itself; the product never polls.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Duration, milliseconds } from '../src/time/duration.ts';

const INTERVAL = milliseconds(20);

/** `undefined` and `false` mean "not yet"; so does an exception, whose message is told if the deadline passes. */
export type Check<T> = () => Promise<T | undefined | false> | T | undefined | false;

/** How long to wait; a signal ends it early. */
export interface WaitLimits {
  readonly deadline: Duration;
  readonly signal?: AbortSignal;
}

/** Resolves with the first value that `check` gives; rejects at the deadline and says what was waited for. */
export async function waitFor<T>(
  description: string,
  check: Check<T>,
  limits: Duration | WaitLimits,
): Promise<T> {
  const { deadline, signal }: WaitLimits = typeof limits === 'number' ? { deadline: limits } : limits;
  const end = performance.now() + deadline;
  for (;;) {
    const { value, problem } = await attempt(check);
    if (value !== undefined && value !== false) return value;
    signal?.throwIfAborted();
    if (performance.now() >= end) throw new Error(`wait for ${description}: ${problem} after ${deadline} ms`);
    await sleep(INTERVAL);
  }
}

async function attempt<T>(
  check: Check<T>,
): Promise<{ readonly value?: T | undefined | false; readonly problem: string }> {
  try {
    return { value: await check(), problem: 'not yet' };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
