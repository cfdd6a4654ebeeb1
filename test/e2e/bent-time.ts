// Time for end-to-end tests: timers of chosen names run faster than they say, with the clock moved along as if they had
// not, and the clock itself can be stepped.

import { processTime, type Time, type Timer } from '../../src/kube/time.ts';
import { type Duration, milliseconds } from '../../src/time/duration.ts';
import { after, type Instant } from '../../src/time/instant.ts';

export class BentTime implements Time {
  readonly #scales: Readonly<Record<string, number>>;
  #offset = milliseconds(0);

  /** By the name of the timer, what share of its delay it takes; 1 where a name is not given. */
  constructor(scales: Readonly<Record<string, number>>) {
    this.#scales = scales;
  }

  now(): Instant {
    return after(processTime.now(), this.#offset);
  }

  /** Moves the clock, back if negative, and fires nothing. */
  step(by: number): void {
    this.#offset = (this.#offset + by) as Duration;
  }

  after(delay: Duration, name: string, task: () => void): Timer {
    const real = milliseconds(delay * (this.#scales[name] ?? 1));
    return processTime.after(real, name, () => {
      this.step(delay - real);
      task();
    });
  }
}
