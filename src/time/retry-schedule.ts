// How long to wait before trying again: exponential back-off as a pure sequence. Chance comes in as an argument.

import { type Duration, milliseconds } from './duration.ts';

export interface RetrySchedule {
  /** The delay before the first retry. */
  readonly first: Duration;
  /** Each delay is the one before times this; 1 or more. */
  readonly factor: number;
  /** No delay is longer than this, jitter included. */
  readonly limit: Duration;
  /** 0 .. 1: the share of a delay that chance may take off, so that many who failed together do not return together. */
  readonly jitter: number;
}

/**
 * The delay before retry number `attempt` (0, 1, 2, ...); `random` is drawn evenly from 0 .. 1.
 * Jitter only shortens, so that `limit` is a limit.
 */
export function retryDelay(schedule: RetrySchedule, attempt: number, random: number): Duration {
  // 0 * Infinity is NaN: a first delay of 0 stays 0 however large the power has grown.
  const grown = schedule.first === 0 ? 0 : schedule.first * schedule.factor ** attempt;
  return milliseconds(Math.min(grown, schedule.limit) * (1 - schedule.jitter * random));
}
