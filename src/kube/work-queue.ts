// A rate-limited, deduplicating queue of keys, after client-go's workqueue: a key is queued once, processed by one
// worker at a time, and retried with an exponential back-off of its own.

import { milliseconds, seconds } from '../time/duration.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';
import type { ReconcileResult, WorkQueue } from './api.ts';

export interface WorkQueueOptions {
  /** Default: 5 s doubling to 300 s, as the upstream service controller does. */
  readonly backOff?: RetrySchedule;
  readonly random: () => number;
  /** A reconcile that rejected; the key is retried. */
  readonly onError: (key: string, error: Error) => void;
}

export const SERVICE_BACK_OFF: RetrySchedule = {
  first: seconds(5),
  factor: 2,
  limit: milliseconds(300_000),
  jitter: 0.1,
};

type Reconcile = (key: string) => Promise<ReconcileResult>;

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new KeyQueue(options);
}

class KeyQueue implements WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Keys to process, in order of arrival. */
  readonly #waiting = new Set<string>();
  readonly #processing = new Set<string>();
  /** Keys added while they were being processed: they run once more. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { readonly timer: NodeJS.Timeout; readonly due: number }>();
  readonly #failures = new Map<string, number>();
  #reconcile: Reconcile | undefined;
  #workers = 0;
  #isStopped = false;
  #idle: (() => void) | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
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
    const due = performance.now() + ms;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.due <= due) return;
    this.#cancelDelay(key);
    const timer = setTimeout(() => this.add(key), ms);
    this.#delayed.set(key, { timer, due });
  }

  start(workers: number, reconcile: Reconcile): void {
    this.#workers = workers;
    this.#reconcile = reconcile;
    this.#pump();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { timer } of this.#delayed.values()) clearTimeout(timer);
    this.#delayed.clear();
    this.#waiting.clear();
    this.#again.clear();
    if (this.#processing.size > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
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
    try {
      this.#settle(key, await reconcile(key));
    } catch (error) {
      this.#options.onError(key, error as Error);
      this.#settle(key, { kind: 'retry' });
    }
    this.#processing.delete(key);
    if (this.#again.delete(key)) this.add(key);
    this.#pump();
    if (this.#isStopped && this.#processing.size === 0) this.#idle?.();
  }

  #settle(key: string, result: ReconcileResult): void {
    if (result.kind !== 'retry') this.#failures.delete(key);
    // A key that must run once more at once needs no delay.
    if (result.kind === 'done' || this.#again.has(key)) return;
    if (result.kind === 'after') return this.addAfter(key, result.milliseconds);
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(
      key,
      retryDelay(this.#options.backOff ?? SERVICE_BACK_OFF, failures, this.#options.random()),
    );
  }

  #cancelDelay(key: string): void {
    const delayed = this.#delayed.get(key);
    if (delayed === undefined) return;
    clearTimeout(delayed.timer);
    this.#delayed.delete(key);
  }
}
