// A socket that is left alone for a while after it was read: what comes meanwhile is read at once when the time is over.

import type { FilteredSocket } from '../host/host.ts';
import type { Duration } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';

export class PausingSocket {
  readonly socket: FilteredSocket;
  #until: Instant | undefined;

  constructor(socket: FilteredSocket) {
    this.socket = socket;
  }

  /** What to wait for: nothing during a pause. */
  get fds(): readonly number[] {
    return this.#until === undefined ? [this.socket.fd] : [];
  }

  /** When the pause is over; undefined if there is none. */
  deadline(): Instant | undefined {
    return this.#until;
  }

  pause(now: Instant, duration: Duration): void {
    this.#until = after(now, duration);
  }

  /** Whether it is to be read now; a pause that is over has ended then. `ready`: what poll says. */
  takeTurn(now: Instant, ready: readonly number[]): boolean {
    if (this.#until === undefined) return ready.includes(this.socket.fd);
    if (!hasPassed(this.#until, now)) return false;
    this.#until = undefined;
    return true;
  }
}
