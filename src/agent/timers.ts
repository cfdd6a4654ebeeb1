// Named timers as an interface, so that the agent's tests run in virtual time and none of them waits.

import type { Duration } from '../time/duration.ts';

export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Runs `task` once after `delay`; `name` says in a debugger or a test which timer it is. */
  after(delay: Duration, name: string, task: () => void): Timer;
}

/** The event loop's timers. They keep the process alive like any other. */
export const systemTimers: Timers = {
  after(delay, _name, task) {
    if (delay <= 0) {
      // Not setTimeout(0), which waits a millisecond.
      const immediate = setImmediate(task);
      return { cancel: () => clearImmediate(immediate) };
    }
    const handle = setTimeout(task, delay);
    return { cancel: () => clearTimeout(handle) };
  },
};
