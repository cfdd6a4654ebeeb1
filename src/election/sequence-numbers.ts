// The numbers of this node's heartbeats on one segment. They follow the clock, so that they also grow from one machine of
// a session to the next, and over machines side by side on links that turn out to be the same segment.
//
// Frames to one peer have odd numbers, those to all even ones: a peer that lists an odd one is reached by unicast.

import type { Instant } from '../time/instant.ts';
import { MEMORY } from './peer-sessions.ts';

export const isOfUnicast = (number: bigint): boolean => (number & 1n) === 1n;

export class SequenceNumbers {
  /** The first and the last that were given out. */
  #first: bigint | undefined;
  #last = 0n;

  /** The next one; copies of one frame to several peers share it. */
  next(now: Instant, isUnicast: boolean): bigint {
    const byClock = BigInt(Math.floor(now));
    const next = byClock > this.#last ? byClock : this.#last + 1n;
    this.#last = isOfUnicast(next) === isUnicast ? next : next + 1n;
    this.#first ??= this.#last;
    return this.#last;
  }

  /**
   * The number with these low 32 bits, which come again after 49 days; undefined unless it was given out lately, and by
   * this machine.
   */
  recent(now: Instant, low: number): bigint | undefined {
    if (this.#first === undefined) return undefined;
    const clock = BigInt(Math.floor(now));
    const latest = clock > this.#last ? clock : this.#last;
    const listed = latest - BigInt.asUintN(32, latest - BigInt(low));
    return listed >= this.#first && listed > clock - BigInt(MEMORY) ? listed : undefined;
  }
}
