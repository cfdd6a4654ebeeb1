// A work queue in virtual time: it runs until nothing is left to do, and what was put off waits until the clock is
// moved on.

import type { Clock } from '../../src/host/host.ts';
import type { ReconcileResult, WorkQueue } from '../../src/kube/api.ts';
import { type Instant, instant } from '../../src/time/instant.ts';

const BACK_OFF = 5000;

export class FakeClock implements Clock {
  #now = 1000;

  now(): Instant {
    return instant(this.#now);
  }

  /** RFC 3339, on the same clock. */
  timestamp(): string {
    return new Date(Date.UTC(2026, 11, 1) + this.#now).toISOString();
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

export class FakeQueue implements WorkQueue {
  readonly #clock: FakeClock;
  readonly #ready = new Set<string>();
  readonly #delayed = new Map<string, number>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  #workers = 0;
  #reconcile: ((key: string) => Promise<ReconcileResult>) | undefined;
  #isStopped = false;
  /** Keys in the order in which they were taken. */
  readonly taken: string[] = [];

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#ready.size + this.#delayed.size;
  }

  add(key: string): void {
    if (this.#isStopped) return;
    this.#delayed.delete(key);
    if (this.#running.has(key)) this.#again.add(key);
    else this.#ready.add(key);
    this.#pump();
  }

  addAfter(key: string, milliseconds: number): void {
    const due = this.#clock.now() + milliseconds;
    if (!this.#isStopped && (this.#delayed.get(key) ?? Number.POSITIVE_INFINITY) > due)
      this.#delayed.set(key, due);
  }

  start(workers: number, reconcile: (key: string) => Promise<ReconcileResult>): void {
    this.#workers = workers;
    this.#reconcile = reconcile;
    this.#pump();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#ready.clear();
    this.#delayed.clear();
    await Promise.all(this.#running.values());
  }

  /** Resolves when nothing runs and nothing is ready. Rejects with what a reconcile rejected with. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** Makes due what was put off until now. */
  wake(): void {
    for (const [key, due] of this.#delayed) if (due <= this.#clock.now()) this.add(key);
  }

  #pump(): void {
    if (this.#reconcile === undefined) return;
    for (const key of this.#ready) {
      if (this.#running.size >= this.#workers) return;
      this.#ready.delete(key);
      this.#running.set(key, this.#process(key, this.#reconcile));
    }
  }

  async #process(key: string, reconcile: (key: string) => Promise<ReconcileResult>): Promise<void> {
    this.taken.push(key);
    // A turn later, so that no reconcile begins inside the one that queued it.
    await Promise.resolve();
    const result = await reconcile(key);
    this.#running.delete(key);
    if (this.#again.delete(key)) this.add(key);
    else if (result.kind === 'retry') this.addAfter(key, BACK_OFF);
    else if (result.kind === 'after') this.addAfter(key, result.milliseconds);
    this.#pump();
  }
}
