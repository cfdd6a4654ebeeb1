// The time in which a thread that stood still answers nothing: until it has read all heartbeats that came meanwhile, and
// one interval more, in which whoever has taken over says so. ELECTION.md section 2.

import type { HeldElection } from '../election/election-messages.ts';
import type { Duration } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';

export class Quiet {
  readonly #interval: Duration;
  #isQuiet = false;
  /** Undefined while heartbeats are still being read. */
  #until: Instant | undefined;
  /** Uids of what is to be answered, or answered otherwise, afterwards. */
  readonly #postponed = new Set<string>();

  constructor(interval: Duration) {
    this.#interval = interval;
  }

  get isQuiet(): boolean {
    return this.#isQuiet;
  }

  deadline(): Instant | undefined {
    return this.#isQuiet ? this.#until : undefined;
  }

  begin(): void {
    this.#isQuiet = true;
    this.#until = undefined;
  }

  /** What may be answered now of what is held; the rest is kept for later. */
  postpone(held: readonly HeldElection[]): readonly HeldElection[] {
    if (!this.#isQuiet) return held;
    for (const { uid } of held) this.#postponed.add(uid);
    return [];
  }

  /** After heartbeats were read: what was postponed, when the time is over. */
  end(now: Instant, hasMore: boolean): readonly string[] | undefined {
    if (!this.#isQuiet || hasMore) return undefined;
    this.#until ??= after(now, this.#interval);
    if (!hasPassed(this.#until, now)) return undefined;
    this.#isQuiet = false;
    const postponed = [...this.#postponed];
    this.#postponed.clear();
    return postponed;
  }
}
