// The time for which an address that was replaced is published beside the one that took its place: for clients that have
// looked up the old one. Who starts anew counts from then on, so a restart makes it longer and never shorter.

import type { Clock } from '../host/host.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import type { Duration } from '../time/duration.ts';
import { after, between, hasPassed, type Instant } from '../time/instant.ts';

export interface Overlap {
  /** To be published for now. */
  readonly lasting: readonly VirtualIP[];
  readonly over: readonly VirtualIP[];
  /** When the next one is over; undefined if none lasts. */
  readonly next: Duration | undefined;
}

export class Overlaps {
  readonly #clock: Clock;
  readonly #length: Duration;
  /** By namespace/name of the Service, when the overlap of each of its VirtualIPs ends. */
  readonly #ends = new Map<string, ReadonlyMap<string, Instant>>();

  constructor(clock: Clock, length: Duration) {
    this.#clock = clock;
    this.#length = length;
  }

  /** `going`: all of the Service that were replaced. The overlap of each begins when it is first among them. */
  of(key: string, going: readonly VirtualIP[]): Overlap {
    if (going.length === 0) {
      this.#ends.delete(key);
      return { lasting: [], over: [], next: undefined };
    }
    const now = this.#clock.now();
    const before = this.#ends.get(key);
    const dated = going.map((one) => ({ one, end: before?.get(one.uid) ?? after(now, this.#length) }));
    this.#ends.set(key, new Map(dated.map(({ one, end }) => [one.uid, end])));
    const lasting = dated.filter(({ end }) => !hasPassed(end, now));
    const [next] = lasting.map(({ end }) => between(now, end)).sort((a, b) => a - b);
    const over = dated.filter(({ end }) => hasPassed(end, now)).map(({ one }) => one);
    return { lasting: lasting.map(({ one }) => one), over, next };
  }

  /** The Service is gone. */
  forget(key: string): void {
    this.#ends.delete(key);
  }
}
