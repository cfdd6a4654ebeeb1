// An outage of the API as an operator wants to read of it: one line when it begins, one a minute while it lasts and one
// when it is over, however many watches and Leases suffer from it. Every single attempt is a debug line.

import type { Timer, Timers } from '../kube/time.ts';
import { type Duration, minutes, seconds } from '../time/duration.ts';
import { between, type Instant } from '../time/instant.ts';
import type { Log } from './log.ts';

export interface OutageDeps {
  readonly log: Log;
  readonly time: Timers & { now(): Instant };
}

const TELL_EVERY = minutes(1);
/** An API that comes and goes is one outage, not many. */
const OVER_AFTER = seconds(5);

interface Outage {
  readonly began: Instant;
  toldAt: Instant;
  /** Waits whether it really is over. */
  end: Timer | undefined;
}

export class ApiOutage {
  readonly #deps: OutageDeps;
  /** What fails now: kinds that are watched, Leases that are renewed. */
  readonly #failing = new Set<string>();
  #outage: Outage | undefined;

  constructor(deps: OutageDeps) {
    this.#deps = deps;
  }

  /** An attempt of `what` failed, and is made again. */
  failed(what: string, error: Error, retryInMs?: number): void {
    const { log, time } = this.#deps;
    const now = time.now();
    this.#failing.add(what);
    const attempt = { what, error, ...(retryInMs === undefined ? {} : { retryInMs: Math.round(retryInMs) }) };
    if (this.#outage === undefined) {
      this.#outage = { began: now, toldAt: now, end: undefined };
      log.warn('API fails', attempt);
      return;
    }
    this.#outage.end?.cancel();
    this.#outage.end = undefined;
    if (between(this.#outage.toldAt, now) < TELL_EVERY) {
      log.debug('API attempt failed', attempt);
      return;
    }
    this.#outage.toldAt = now;
    const failing = [...this.#failing].sort();
    log.warn('API still fails', { ...attempt, failing, seconds: wholeSeconds(this.#outage.began, now) });
  }

  /** An attempt of `what` succeeded. */
  succeeded(what: string): void {
    this.#failing.delete(what);
    const outage = this.#outage;
    if (outage === undefined || outage.end !== undefined || this.#failing.size > 0) return;
    const { log, time } = this.#deps;
    const lasted = wholeSeconds(outage.began, time.now());
    outage.end = time.after(OVER_AFTER, 'API outage over', () => {
      this.#outage = undefined;
      log.info('API works again', { seconds: lasted });
    });
  }

  /** Leaves no timer behind. */
  stop(): void {
    this.#outage?.end?.cancel();
  }
}

const wholeSeconds = (start: Instant, end: Instant): number =>
  Math.round((between(start, end) satisfies Duration) / 1000);
