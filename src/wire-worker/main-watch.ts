// Watches the main thread from the wire worker: whether it hangs, and for how long it has not moved. ELECTION.md
// section 9.

import { Stall } from '../election/stall.ts';
import { type Duration, milliseconds } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import type { Pulse } from './pulse.ts';

/** The worker wakes up at least this often to look. */
export const LOOK_INTERVAL = milliseconds(250);

export class MainWatch {
  readonly #pulse: Pulse;
  readonly #timeout: Duration;
  readonly #stall = new Stall();
  #isHung = false;
  #isAble = true;
  #ableFrom: Instant | undefined;

  constructor(pulse: Pulse, timeout: Duration) {
    this.#pulse = pulse;
    this.#timeout = timeout;
  }

  get isHung(): boolean {
    return this.#isHung;
  }

  /**
   * Whether this node may take addresses: not while its main thread hangs, nor for as long again afterwards. What made
   * it hang may have made the others, and they do not all move again in the same instant.
   */
  get isAble(): boolean {
    return this.#isAble;
  }

  get age(): Duration {
    return this.#stall.age;
  }

  /** Called at every turn of the loop; true if `isHung` or `isAble` changed. */
  look(now: Instant): boolean {
    this.#pulse.beatWorker();
    this.#stall.look(now, this.#pulse.main());
    const isHung = this.#stall.age >= this.#timeout;
    if (isHung) this.#ableFrom = after(now, this.#timeout);
    const isAble = !isHung && (this.#ableFrom === undefined || hasPassed(this.#ableFrom, now));
    const hasChanged = isHung !== this.#isHung || isAble !== this.#isAble;
    this.#isHung = isHung;
    this.#isAble = isAble;
    return hasChanged;
  }
}
