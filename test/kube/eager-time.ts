// Time for tests over real sockets: waits of chosen names are over at once and only move the clock, the others wait until
// the test fires them. So no test sleeps, and every delay can be asserted.

import type { Time, Timer } from '../../src/kube/time.ts';
import type { Duration } from '../../src/time/duration.ts';
import { after, type Instant, instant } from '../../src/time/instant.ts';

interface Pending {
  readonly name: string;
  readonly due: Instant;
  readonly task: () => void;
}

export class EagerTime implements Time {
  /** Every timer that was set, in order. */
  readonly delays: { readonly name: string; readonly delay: Duration }[] = [];
  readonly #eager: readonly string[];
  readonly #pending = new Set<Pending>();
  #now = instant(1000);

  constructor(...eager: readonly string[]) {
    this.#eager = eager;
  }

  now(): Instant {
    return this.#now;
  }

  /** Moves the clock without firing anything. */
  advance(duration: Duration): void {
    this.#now = after(this.#now, duration);
  }

  after(delay: Duration, name: string, task: () => void): Timer {
    this.delays.push({ name, delay });
    const pending = { name, due: after(this.#now, delay), task };
    this.#pending.add(pending);
    if (this.#eager.includes(name)) setImmediate(() => this.#fire(pending));
    return { cancel: () => this.#pending.delete(pending) };
  }

  /** Moves the clock to when the timers of this name are due and fires them. Throws if there are none. */
  fire(name: string): void {
    const due = [...this.#pending].filter((pending) => pending.name === name);
    if (due.length === 0) throw new Error(`no timer "${name}" is set: ${this.pending()}`);
    for (const pending of due) this.#fire(pending);
  }

  pending(): readonly string[] {
    return [...this.#pending].map(({ name }) => name);
  }

  #fire(pending: Pending): void {
    if (!this.#pending.delete(pending)) return;
    if (pending.due > this.#now) this.#now = pending.due;
    pending.task();
  }
}
