// When a Service that was refused is looked at again although nothing says that it can have what it asks for: after 5 s,
// then less and less often. What ends a refusal is watched and acted on at once; this is for what nobody has thought of.

import type { Clock } from '../host/host.ts';
import type { Refusal } from '../ipam/refusal.ts';
import { type Duration, seconds } from '../time/duration.ts';
import { after, between, hasPassed, type Instant } from '../time/instant.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';

/** As the work queue does it after errors. A failed write of a Service that has waited long is tried again after 5 s all the same. */
const SCHEDULE: RetrySchedule = { first: seconds(5), factor: 2, limit: seconds(300), jitter: 0 };

interface Waiting {
  readonly message: string;
  readonly attempt: number;
  readonly due: Instant;
}

export class RefusalRetries {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * How long until the Service is looked at again. Looking at it for another reason meanwhile changes nothing of that;
   * another refusal begins anew.
   */
  wait(key: string, { code, message }: Refusal): Duration {
    const now = this.#clock.now();
    const known = this.#waiting.get(key);
    const text = `${code}: ${message}`;
    const isSame = known?.message === text;
    if (isSame && !hasPassed(known.due, now)) return between(now, known.due);
    const attempt = isSame ? known.attempt + 1 : 0;
    const delay = retryDelay(SCHEDULE, attempt, 0);
    this.#waiting.set(key, { message: text, attempt, due: after(now, delay) });
    return delay;
  }

  /** It is not refused any more, or gone. */
  forget(key: string): void {
    this.#waiting.delete(key);
  }
}
