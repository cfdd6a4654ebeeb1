// The Services on their way to their first address. One that comes alone is published at once, in parallel with its
// announcement. Of many that come together each waits a moment for its claim, so that one write of its status tells both:
// a fifth of all requests less, where the API server is what all of them wait for.

import type { Clock } from '../host/host.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import { type Duration, milliseconds, seconds } from '../time/duration.ts';
import { after, between, type Instant } from '../time/instant.ts';

/** A claim that is not recorded by then is not waited for any more: what keeps it may last. */
const LONGEST_WAIT = seconds(1);
const NONE = milliseconds(0);

export class Arrivals {
  readonly #clock: Clock;
  /** Since when each waits for its claim; undefined while it has no VirtualIP. */
  readonly #since = new Map<string, Instant | undefined>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  enter(key: string): void {
    if (!this.#since.has(key)) this.#since.set(key, undefined);
  }

  leave(key: string): void {
    this.#since.delete(key);
  }

  /** How long the addresses of this Service should not be published yet: while one of them can be claimed and is not. */
  wait(key: string, virtualIPs: readonly VirtualIP[]): Duration {
    const isAlone = this.#since.size < 2;
    const isClaimDue = virtualIPs.some(
      ({ candidates, record }) => candidates.length > 0 && record.holder === undefined,
    );
    if (isAlone || !this.#since.has(key) || !isClaimDue) return NONE;
    const now = this.#clock.now();
    const since = this.#since.get(key) ?? now;
    this.#since.set(key, since);
    return milliseconds(Math.max(0, between(now, after(since, LONGEST_WAIT))));
  }
}
