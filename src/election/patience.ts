// How patient the others shall be with this node: a worker that was itself late asks for more, for a while.
// ELECTION.md section 1.

import { type Duration, seconds } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';

/** How long after the last delay of this kind. */
const WHILE = seconds(10);

const HIGHEST = 10;

export interface PatienceOptions {
  readonly interval: Duration;
  readonly multiplier: number;
}

export class Patience {
  readonly #options: PatienceOptions;
  #raised = 0;
  #until: Instant | undefined;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** A heartbeat was due `delay` ago. */
  late(now: Instant, delay: Duration): void {
    const { interval, multiplier } = this.#options;
    if (delay <= interval / 2) return;
    const raised = multiplier + Math.ceil(delay / interval);
    this.#raised = Math.min(HIGHEST, Math.max(raised, this.multiplier(now)));
    this.#until = after(now, WHILE);
  }

  /** After so many intervals of silence the others may take this node for dead. */
  multiplier(now: Instant): number {
    const isOver = this.#until === undefined || hasPassed(this.#until, now);
    return isOver ? this.#options.multiplier : Math.max(this.#raised, this.#options.multiplier);
  }
}
