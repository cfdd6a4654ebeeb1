// How many Events one object may cause: a burst, then a slow refill, as client-go's spam filter has it. A Service that
// flaps then costs etcd 25 Events and one in five minutes, not one per reconcile.

import { minutes } from '../time/duration.ts';
import { between, type Instant } from '../time/instant.ts';

const BURST = 25;
const REFILL = minutes(5);
/** Objects beyond this many are forgotten, the one that asked longest ago first. */
const REMEMBERED = 4096;

interface Bucket {
  /** May be a fraction. */
  readonly tokens: number;
  readonly at: Instant;
}

export class EventBudget {
  readonly #buckets = new Map<string, Bucket>();

  /** Takes one token of the object's; false when it has none. */
  spend(uid: string, now: Instant): boolean {
    const tokens = this.#tokens(uid, now);
    // Set anew at its end, so that the first of the map is the one that asked longest ago.
    this.#buckets.delete(uid);
    this.#buckets.set(uid, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > REMEMBERED) this.#forgetFirst();
    return tokens >= 1;
  }

  #tokens(uid: string, now: Instant): number {
    const bucket = this.#buckets.get(uid);
    if (bucket === undefined) return BURST;
    return Math.min(BURST, bucket.tokens + between(bucket.at, now) / REFILL);
  }

  #forgetFirst(): void {
    for (const uid of this.#buckets.keys()) {
      this.#buckets.delete(uid);
      return;
    }
  }
}
