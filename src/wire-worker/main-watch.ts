// Watches the main thread from the wire worker: whether it hangs, and for how long it has not moved. ELECTION.md
// section 9.

import { Stall } from '../election/stall.ts';
import { type Duration, milliseconds } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import type { Pulse } from './pulse.ts';

/** The worker wakes up at least this often to look. */
export const LOOK_INTERVAL = milliseconds(250);

/**
 * `Hangs` and `Moves` again, which peers are told; `Halts`: it does not move, and may hang; `Recovered`: from either.
 */
export type MainChange = 'Hangs' | 'Moves' | 'Halts' | 'Recovered';

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
   * Whether this node may take addresses: not while its main thread hangs, nor until it has moved for as long again. What
   * made it hang may have made the others, and they do not all move again in the same instant. Nor do they begin in the
   * same instant, so half the time is enough for not taking what somebody else has just given up.
   */
  get isAble(): boolean {
    return this.#isAble;
  }

  get age(): Duration {
    return this.#stall.age;
  }

  /** Called at every turn of the loop; what has changed with `isHung` or `isAble`. */
  look(now: Instant): MainChange | undefined {
    this.#pulse.beatWorker();
    this.#stall.look(now, this.#pulse.main());
    const isHung = this.#stall.age >= this.#timeout;
    const isHalting = this.#stall.age >= this.#timeout / 2;
    const isRecovering = this.#ableFrom !== undefined && !hasPassed(this.#ableFrom, now);
    if (isHung || (isHalting && isRecovering)) this.#ableFrom = after(now, this.#timeout);
    return this.#become(isHung, !isHung && !isHalting && !isRecovering);
  }

  #become(isHung: boolean, isAble: boolean): MainChange | undefined {
    const [wasHung, wasAble] = [this.#isHung, this.#isAble];
    this.#isHung = isHung;
    this.#isAble = isAble;
    if (isHung !== wasHung) return isHung ? 'Hangs' : 'Moves';
    if (isAble === wasAble) return undefined;
    return isAble ? 'Recovered' : 'Halts';
  }
}
