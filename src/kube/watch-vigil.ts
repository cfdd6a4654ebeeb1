// Watches over one open watch: whether it has shown that it works, and whether it has been silent for too long.

import { type Duration, milliseconds, seconds } from '../time/duration.ts';
import { between, type Instant } from '../time/instant.ts';
import type { Time, Timer } from './time.ts';

/**
 * kube-apiserver sends a bookmark about once a minute. Silence for more than two may be a half-open connection that TCP
 * keep-alive does not find (a proxy in between), or a kind that was never written since the server's start, which gets
 * no bookmarks: so it is no failure, the watch is only opened anew.
 */
const SILENCE = seconds(150);
/** A watch that stayed open for this long worked, though nothing happened. */
const LASTING = seconds(5);

export class WatchVigil {
  readonly #time: Time;
  readonly #silence = new AbortController();
  #heardAt: Instant;
  #openedAt: Instant | undefined;
  #hasHeard = false;
  #timer: Timer;

  constructor(time: Time) {
    this.#time = time;
    this.#heardAt = time.now();
    this.#timer = time.after(SILENCE, 'silence', () => this.#check());
  }

  /** Aborted when nothing was heard for too long. */
  get silence(): AbortSignal {
    return this.#silence.signal;
  }

  /** The server has accepted the watch. */
  opened(): void {
    this.#openedAt = this.#time.now();
  }

  /** An event or a bookmark came. */
  heard(): void {
    this.#heardAt = this.#time.now();
    this.#hasHeard = true;
  }

  hasLasted(): boolean {
    return this.#openedAt !== undefined && between(this.#openedAt, this.#time.now()) >= LASTING;
  }

  /** It has delivered something, or was open for long enough to do so. */
  isProven(): boolean {
    return this.#hasHeard || this.hasLasted();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #check(): void {
    const left: Duration = milliseconds(SILENCE - between(this.#heardAt, this.#time.now()));
    if (left <= 0) this.#silence.abort();
    else this.#timer = this.#time.after(left, 'silence', () => this.#check());
  }
}
