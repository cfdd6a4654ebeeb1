// Leaving: make before break (ELECTION.md section 8). The worker claims nothing more and offers what it holds to the
// others; the node's Lease is given back, for those that do not hear it. It goes on answering until somebody else has
// claimed, or until nobody else can, or until the time is up.

import type { Timer, Timers } from '../kube/time.ts';
import type { Log } from '../observe/log.ts';
import { type Duration, milliseconds, seconds } from '../time/duration.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';
import { apiErrorCode } from './api-errors.ts';
import type { VirtualIPs } from './virtual-ips.ts';
import type { WireState } from './wire-state.ts';

const RETRIES: RetrySchedule = { first: milliseconds(100), factor: 2, limit: seconds(2), jitter: 0.2 };

/** How long a Lease that nobody waits for may take to be given back. */
const LAST_CALL = seconds(1);

export interface DepartureDeps {
  readonly node: string;
  readonly virtualIPs: VirtualIPs;
  readonly wire: WireState;
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Log;
  readonly alive: () => readonly string[];
  /** Clears the holder of this node's Lease; rejects with ApiError. */
  readonly releaseLease: () => Promise<void>;
}

/** `HandedOver`: nothing is held any more; `NobodyElse`: what is held can be taken by no other living node. */
export type DepartureResult = 'HandedOver' | 'NobodyElse' | 'DeadlinePassed';

export class Departure {
  readonly #deps: DepartureDeps;
  readonly #finished = Promise.withResolvers<DepartureResult>();
  readonly #lastCall = Promise.withResolvers<void>();
  #isFinished = false;
  #retry: Timer | undefined;

  constructor(deps: DepartureDeps) {
    this.#deps = deps;
  }

  /** Resolves when the node may fall silent, after `limit` at the latest. */
  async run(limit: Duration): Promise<DepartureResult> {
    const deadline = this.#deps.timers.after(limit, 'departure', () => this.#finish('DeadlinePassed'));
    const released = this.#release(0);
    this.check();
    const result = await this.#finished.promise;
    this.#retry?.cancel();
    // With nothing to wait for the Lease is still given back, unless the API does not answer.
    const lastCall = this.#deps.timers.after(LAST_CALL, 'release-lease', () => this.#lastCall.resolve());
    await Promise.race([released, this.#lastCall.promise]);
    lastCall.cancel();
    deadline.cancel();
    return result;
  }

  /** Looks again whether anybody still depends on this node; called when something changed. */
  check(): void {
    const { wire } = this.#deps;
    if (wire.hasLeft() || wire.heldCount() === 0) this.#finish('HandedOver');
    else if (!this.#hasSuccessor()) this.#finish('NobodyElse');
  }

  #hasSuccessor(): boolean {
    const { node, alive, wire, virtualIPs } = this.#deps;
    const others = new Set(alive().filter((each) => each !== node));
    for (const { name } of wire.allHeld()) {
      if (virtualIPs.get(name)?.candidates.some((candidate) => others.has(candidate))) return true;
    }
    return false;
  }

  #finish(result: DepartureResult): void {
    this.#isFinished = true;
    this.#finished.resolve(result);
  }

  async #release(attempt: number): Promise<void> {
    try {
      await this.#deps.releaseLease();
    } catch (error) {
      const delay = retryDelay(RETRIES, attempt, this.#deps.random());
      const isAnswer = apiErrorCode(error) !== undefined;
      this.#deps.log[isAnswer ? 'warn' : 'error']('Lease not released', {
        error,
        retryInMs: Math.round(delay),
      });
      if (this.#isFinished) return;
      this.#retry = this.#deps.timers.after(delay, 'release-lease', () => void this.#release(attempt + 1));
    }
  }
}
