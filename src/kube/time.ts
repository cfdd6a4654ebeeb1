// Clock and timers as small interfaces, so that the tests of the Kubernetes edge and of the agent run in virtual time
// and none waits.

import { type Duration, milliseconds } from '../time/duration.ts';
import { type Instant, instant } from '../time/instant.ts';

export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Runs `task` once after `delay`; `name` says in a debugger or a test which timer it is. */
  after(delay: Duration, name: string, task: () => void): Timer;
}

export interface Time extends Timers {
  now(): Instant;
}

/** setTimeout takes 31 bits and fires at once for more. */
const LONGEST = 2 ** 31 - 1;

/**
 * The event loop's clock (CLOCK_MONOTONIC: it stands still during suspend) and timers, which keep the process alive
 * like any other.
 */
export const processTime: Time = {
  now: () => instant(performance.now()),
  after(delay, _name, task) {
    if (delay <= 0) {
      // Not setTimeout(0), which waits a millisecond.
      const immediate = setImmediate(task);
      return { cancel: () => clearImmediate(immediate) };
    }
    const handle = setTimeout(task, Math.min(delay, LONGEST));
    return { cancel: () => clearTimeout(handle) };
  },
};

export interface SleepOptions {
  readonly time: Time;
  readonly name: string;
  readonly signal: AbortSignal;
}

/** Resolves after `duration`, or as soon as the signal is aborted. */
export function sleep(duration: number, { time, name, signal }: SleepOptions): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = time.after(milliseconds(duration), name, wake);
    signal.addEventListener('abort', wake);
  });
}
