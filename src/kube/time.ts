// Clock and timers of the Kubernetes edge as one small interface, so that its tests run in virtual time and none waits.

import { type Duration, milliseconds } from '../time/duration.ts';
import { type Instant, instant } from '../time/instant.ts';

export interface Timer {
  cancel(): void;
}

export interface Time {
  now(): Instant;
  /** Runs `task` once after `delay`; `name` says in a debugger or a test which timer it is. */
  after(delay: Duration, name: string, task: () => void): Timer;
}

/** setTimeout takes 31 bits and fires at once for more. */
const LONGEST = 2 ** 31 - 1;

/** The event loop's clock (CLOCK_MONOTONIC: it stands still during suspend) and timers. */
export const processTime: Time = {
  now: () => instant(performance.now()),
  after(delay, _name, task) {
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
