// Asks the wire worker for its counters when somebody reads the metrics.

import type { Timers } from '../kube/time.ts';
import { milliseconds } from '../time/duration.ts';
import type { ToWorker, WireCounters } from '../wire-worker/messages.ts';

/** A worker that is busy with frames may be late; a scrape does not wait for it. */
const PATIENCE = milliseconds(500);

export class WireTotals {
  readonly #send: (message: ToWorker) => void;
  readonly #timers: Timers;
  #pending: PromiseWithResolvers<WireCounters | undefined> | undefined;

  constructor(send: (message: ToWorker) => void, timers: Timers) {
    this.#send = send;
    this.#timers = timers;
  }

  /** The worker's answer, or undefined if there is none in time. Readers at the same time share one question. */
  read(): Promise<WireCounters | undefined> {
    if (this.#pending !== undefined) return this.#pending.promise;
    const pending = Promise.withResolvers<WireCounters | undefined>();
    this.#pending = pending;
    const timer = this.#timers.after(PATIENCE, 'wire-totals', () => this.#end(pending, undefined));
    void pending.promise.then(() => timer.cancel());
    this.#send({ kind: 'count' });
    return pending.promise;
  }

  receive(counters: WireCounters): void {
    if (this.#pending !== undefined) this.#end(this.#pending, counters);
  }

  #end(pending: PromiseWithResolvers<WireCounters | undefined>, counters: WireCounters | undefined): void {
    if (this.#pending === pending) this.#pending = undefined;
    pending.resolve(counters);
  }
}
