// The numbers of the frames that this node sends on one link, and which of them were given out lately: a peer that lists
// one of those has heard this node now. ELECTION.md section 1.

import type { Instant } from '../time/instant.ts';
import { MEMORY } from './peer-sessions.ts';

export class FrameNumbers {
  /** The first and the last that were given out. */
  #first: bigint | undefined;
  #sequence = 0n;

  /**
   * By the clock, so that it also grows from one machine of a session to the next, and over machines side by side on
   * links that turn out to be the same segment.
   */
  next(now: Instant): bigint {
    const byClock = BigInt(Math.floor(now));
    this.#sequence = byClock > this.#sequence ? byClock : this.#sequence + 1n;
    this.#first ??= this.#sequence;
    return this.#sequence;
  }

  /** `low`: the low 32 bits of a number, which come again after 49 days. */
  recent(now: Instant, low: number): bigint | undefined {
    if (this.#first === undefined) return undefined;
    const clock = BigInt(Math.floor(now));
    const latest = clock > this.#sequence ? clock : this.#sequence;
    const listed = latest - BigInt.asUintN(32, latest - BigInt(low));
    return listed >= this.#first && listed > clock - BigInt(MEMORY) ? listed : undefined;
  }
}
