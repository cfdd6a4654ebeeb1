// How long the main thread has not moved, as the wire worker sees it: a pure machine over a counter that the main
// thread raises. ELECTION.md section 9.

import { type Duration, milliseconds } from '../time/duration.ts';
import { between, type Instant } from '../time/instant.ts';

/**
 * What counts at most between two looks. The worker looks four times a second, so a longer pause was its own: the process
 * was stopped or the machine suspended (ELECTION.md section 2), and the main thread could not move either. Half of the
 * shortest time after which it is said to hang, so that one such pause alone never says so.
 */
const LONGEST_STEP = milliseconds(500);

export class Stall {
  #beats: number | undefined;
  #lookedAt: Instant | undefined;
  #age: Duration = milliseconds(0);

  /** Time that the main thread has not moved for, of the time that the worker itself did. */
  get age(): Duration {
    return this.#age;
  }

  /** Takes the counter as it is now. */
  look(now: Instant, beats: number): void {
    const elapsed = this.#lookedAt === undefined ? milliseconds(0) : between(this.#lookedAt, now);
    this.#lookedAt = now;
    if (beats !== this.#beats) this.#age = milliseconds(0);
    else this.#age = milliseconds(this.#age + Math.min(elapsed, LONGEST_STEP));
    this.#beats = beats;
  }
}
