// Looks at something outside again and again; each look says when the next one is due.

import type { Timer, Timers } from '../kube/time.ts';
import type { Duration } from '../time/duration.ts';

export interface PollerOptions {
  readonly timers: Timers;
  /** Of its timer. */
  readonly name: string;
  /** Looks, and resolves with the pause until the next look. One that rejects ends the process. */
  readonly poll: () => Promise<Duration>;
}

export class Poller {
  readonly #options: PollerOptions;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** A look that was under way when it was stopped still ends: what it sees is of no use any more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Looks now and from then on. */
  start(): void {
    void this.#keep();
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #keep(): Promise<void> {
    const { timers, name, poll } = this.#options;
    const pause = await poll();
    if (!this.#isStopped) this.#timer = timers.after(pause, name, () => void this.#keep());
  }
}
