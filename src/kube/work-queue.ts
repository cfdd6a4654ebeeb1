// A rate-limited, deduplicating queue of keys, after client-go's workqueue: a key is queued once, processed by one
// worker at a time, and retried with an exponential back-off of its own.

import { milliseconds, seconds } from '../time/duration.ts';
import { after, type Instant } from '../time/instant.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';
import type { ReconcileResult, WorkQueue } from './api.ts';
import { processTime, type Time, type Timer } from './time.ts';

export interface WorkQueueOptions {
  /** Default: 5 s doubling to 300 s, as the upstream service controller does. */
  readonly backOff?: RetrySchedule;
  /** At least 0, below 1; for jitter. */
  readonly random: () => number;
  /** A reconcile that rejected; the key is retried. */
  readonly onError: (key: string, error: Error) => void;
  readonly time?: Time;
}

export const SERVICE_BACK_OFF: RetrySchedule = {
  first: seconds(5),
  factor: 2,
  limit: seconds(300),
  jitter: 0.1,
};

type Reconcile = (key: string) => Promise<ReconcileResult>;

interface Delay {
  readonly timer: Timer;
  readonly due: Instant;
}

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new KeyQueue(options);
}

class KeyQueue implements WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #time: Time;
  /** Keys to process, in order of arrival. */
  readonly #waiting = new Set<string>();
  readonly #processing = new Set<string>();
  /** Keys added while they were being processed: they run once more. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, Delay>();
  readonly #failures = new Map<string, number>();
  readonly #idle = Promise.withResolvers<void>();
  #reconcile: Reconcile | undefined;
  #workers = 0;
  #isStopped = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#time = options.time ?? processTime;
  }

  get length(): number {
    return this.#waiting.size + this.#delayed.size;
  }

  add(key: string): void {
    if (this.#isStopped) return;
    this.#cancelDelay(key);
    if (this.#processing.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#pump();
  }

  addAfter(key: string, ms: number): void {
    if (this.#isStopped) return;
    if (ms <= 0) return this.add(key);
    const delay = milliseconds(ms);
    const due = after(this.#time.now(), delay);
    const known = this.#delayed.get(key);
    if (known !== undefined && known.due <= due) return;
    this.#cancelDelay(key);
    this.#delayed.set(key, { timer: this.#time.after(delay, 'delayed key', () => this.add(key)), due });
  }

  start(workers: number, reconcile: Reconcile): void {
    if (this.#reconcile !== undefined) throw new Error('the work queue is started twice');
    this.#workers = workers;
    this.#reconcile = reconcile;
    this.#pump();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    this.#again.clear();
    if (this.#processing.size > 0) await this.#idle.promise;
  }

  #pump(): void {
    const reconcile = this.#reconcile;
    if (reconcile === undefined) return;
    for (const key of this.#waiting) {
      if (this.#processing.size >= this.#workers) return;
      this.#waiting.delete(key);
      this.#processing.add(key);
      void this.#process(key, reconcile);
    }
  }

  async #process(key: string, reconcile: Reconcile): Promise<void> {
    let result: ReconcileResult;
    try {
      result = await reconcile(key);
    } catch (error) {
      result = { kind: 'retry' };
      this.#options.onError(key, error as Error);
    }
    this.#processing.delete(key);
    this.#settle(key, result);
    if (this.#isStopped && this.#processing.size === 0) this.#idle.resolve();
    this.#pump();
  }

  #settle(key: string, result: ReconcileResult): void {
    const failures = this.#failures.get(key) ?? 0;
    if (result.kind === 'retry') this.#failures.set(key, failures + 1);
    else this.#failures.delete(key);
    if (this.#again.delete(key)) return this.add(key);
    if (result.kind === 'after') return this.addAfter(key, result.milliseconds);
    if (result.kind === 'done') return;
    const { backOff = SERVICE_BACK_OFF, random } = this.#options;
    this.addAfter(key, retryDelay(backOff, failures, random()));
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.timer.cancel();
    this.#delayed.delete(key);
  }
}
