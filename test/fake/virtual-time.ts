// Virtual time: a clock that moves only when a test says so, and timers on it. So no test waits, and every delay can be
// asserted.

import type { Clock, WallClock } from '../../src/host/host.ts';
import type { Time, Timer } from '../../src/kube/time.ts';
import { type Duration, milliseconds } from '../../src/time/duration.ts';
import { after, type Instant, instant } from '../../src/time/instant.ts';

interface Pending {
  readonly due: Instant;
  readonly name: string;
  readonly task: () => void;
}

const EPOCH = Date.parse('2026-12-01T10:00:00Z');

export class VirtualTime implements Time, Clock, WallClock {
  /** Every timer that was ever set, in order. */
  readonly delays: { readonly name: string; readonly delay: Duration }[] = [];
  readonly #eager: readonly string[];
  #now = instant(1000);
  #pending: Pending[] = [];

  /** Timers of the `eager` names are over at once and only move the clock: for tests over real sockets. */
  constructor(...eager: readonly string[]) {
    this.#eager = eager;
  }

  now(): Instant {
    return this.#now;
  }

  timestamp(): string {
    return new Date(EPOCH + this.#now).toISOString().replace('Z', '000Z');
  }

  after(delay: Duration, name: string, task: () => void): Timer {
    this.delays.push({ name, delay });
    const timer = { due: after(this.#now, milliseconds(Math.max(0, delay))), name, task };
    this.#pending.push(timer);
    if (this.#eager.includes(name)) setImmediate(() => this.#fire(timer));
    return { cancel: () => this.#remove(timer) };
  }

  /** Names of the timers that are set. */
  pending(): readonly string[] {
    return this.#pending.map(({ name }) => name);
  }

  /** Lets `duration` pass: runs what becomes due, in order, and lets promises settle in between. */
  async advance(duration: Duration): Promise<void> {
    const end = after(this.#now, duration);
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#fire(next);
      await settle();
    }
    this.#now = end;
  }

  /** Moves the clock without firing anything. */
  skip(duration: Duration): void {
    this.#now = after(this.#now, duration);
  }

  /** Moves the clock to when the timers of this name are due and fires them. Throws if there are none. */
  fire(name: string): void {
    const named = this.#pending.filter((timer) => timer.name === name);
    if (named.length === 0) throw new Error(`no timer "${name}" is set: ${this.pending()}`);
    for (const timer of named) this.#fire(timer);
  }

  #fire(timer: Pending): void {
    if (!this.#remove(timer)) return;
    if (timer.due > this.#now) this.#now = timer.due;
    timer.task();
  }

  #next(end: Instant): Pending | undefined {
    const due = this.#pending.filter((each) => each.due <= end);
    return due.toSorted((a, b) => a.due - b.due)[0];
  }

  #remove(timer: Pending): boolean {
    const index = this.#pending.indexOf(timer);
    if (index >= 0) this.#pending.splice(index, 1);
    return index >= 0;
  }
}

/** Lets everything that needs no time happen: chains of promises end within a few turns of the event loop. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
