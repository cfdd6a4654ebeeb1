// How often something may happen to each of many keys: a burst, then a slow refill (a token bucket per key, as
// client-go's spam filter for events has it).

import type { Duration } from './duration.ts';
import { between, type Instant } from './instant.ts';

export interface TokenBucketsOptions {
  /** Tokens of a key that has not been seen before, and the most that one can have. */
  readonly burst: number;
  /** The time in which one token comes back. */
  readonly refill: Duration;
  /** Keys beyond this many are forgotten, the one that asked longest ago first. */
  readonly remembered: number;
}

interface Bucket {
  /** May be a fraction. */
  readonly tokens: number;
  readonly at: Instant;
}

export class TokenBuckets {
  readonly #options: TokenBucketsOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: TokenBucketsOptions) {
    this.#options = options;
  }

  /** Takes one token of the key's; false when it has none. */
  spend(key: string, now: Instant): boolean {
    const tokens = this.#tokens(key, now);
    // Set anew at its end, so that the first of the map is the one that asked longest ago.
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > this.#options.remembered) this.#forgetFirst();
    return tokens >= 1;
  }

  #tokens(key: string, now: Instant): number {
    const { burst, refill } = this.#options;
    const bucket = this.#buckets.get(key);
    return bucket === undefined ? burst : Math.min(burst, bucket.tokens + between(bucket.at, now) / refill);
  }

  #forgetFirst(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key);
      return;
    }
  }
}
