// The real work queue in virtual time, with what it took and when it has nothing left to do. What a reconcile rejects
// with fails the test.

import type { ReconcileResult, WorkQueue } from '../../src/kube/api.ts';
import { createWorkQueue } from '../../src/kube/work-queue.ts';
import { type Duration, seconds } from '../../src/time/duration.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Far more than any test needs: a key that is queued again and again would keep a test from ever going on. */
const MOST_TAKEN = 30_000;

export class WatchedQueue implements WorkQueue {
  /** Keys in the order in which they were taken. */
  readonly taken: string[] = [];
  readonly #queue: WorkQueue;
  readonly #running = new Set<Promise<ReconcileResult>>();

  /** `backOff` is the same after every failure. */
  constructor(time: VirtualTime, backOff: Duration = seconds(5)) {
    this.#queue = createWorkQueue({
      backOff: { first: backOff, factor: 1, limit: backOff, jitter: 0 },
      random: () => 0,
      time,
      onError: (_key, error) =>
        queueMicrotask(() => {
          throw error;
        }),
    });
  }

  get length(): number {
    return this.#queue.length;
  }

  add(key: string): void {
    this.#queue.add(key);
  }

  addAfter(key: string, milliseconds: number): void {
    this.#queue.addAfter(key, milliseconds);
  }

  start(workers: number, reconcile: (key: string) => Promise<ReconcileResult>): void {
    this.#queue.start(workers, (key) => {
      if (this.taken.push(key) > MOST_TAKEN) throw new Error(`the key ${key} is taken without end`);
      const run = reconcile(key);
      this.#running.add(run);
      void run.finally(() => this.#running.delete(run)).catch(() => {});
      return run;
    });
  }

  stop(): Promise<void> {
    return this.#queue.stop();
  }

  /** Resolves when nothing runs and nothing is ready. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
