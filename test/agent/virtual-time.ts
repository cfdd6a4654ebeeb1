// Virtual time for the agent's tests: a clock that moves only when a test says so, and timers on it.

import type { Timers } from '../../src/agent/timers.ts';
import type { Clock, WallClock } from '../../src/host/host.ts';
import { type Duration, milliseconds } from '../../src/time/duration.ts';
import { after, type Instant, instant } from '../../src/time/instant.ts';

interface Pending {
  readonly due: Instant;
  readonly name: string;
  readonly task: () => void;
}

const EPOCH = Date.parse('2026-12-01T10:00:00Z');

export class VirtualTime implements Timers, Clock, WallClock {
  #now = instant(1000);
  #pending: Pending[] = [];

  now(): Instant {
    return this.#now;
  }

  timestamp(): string {
    return new Date(EPOCH + this.#now).toISOString().replace('Z', '000Z');
  }

  after(delay: Duration, name: string, task: () => void): { cancel(): void } {
    const timer = { due: after(this.#now, milliseconds(Math.max(0, delay))), name, task };
    this.#pending.push(timer);
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
      this.#remove(next);
      this.#now = next.due;
      next.task();
      await settle();
    }
    this.#now = end;
  }

  #next(end: Instant): Pending | undefined {
    const due = this.#pending.filter((each) => each.due <= end);
    return due.toSorted((a, b) => a.due - b.due)[0];
  }

  #remove(timer: Pending): void {
    this.#pending = this.#pending.filter((each) => each !== timer);
  }
}

/** Lets everything that needs no time happen: chains of promises end within a few turns of the event loop. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
