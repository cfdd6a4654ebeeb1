// Keeps one Lease renewed: created or taken over at start, renewed at every interval, retried soon after a failure,
// and on release given back by clearing holderIdentity, as client-go does (ReleaseOnCancel).

import { type Duration, milliseconds } from '../time/duration.ts';
import { between } from '../time/instant.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';
import type { KubeApi } from './api.ts';
import { hasCode } from './api-error.ts';
import type { BoundedApi } from './connection.ts';
import { LEASE } from './kinds.ts';
import { type LeaseObject, type LeaseTerms, leaseBody, readLease } from './lease-object.ts';
import { processTime, type Time, type Timer } from './time.ts';

export interface LeaseOptions extends LeaseTerms {
  readonly renewIntervalMs: number;
  /** The first delay after a failed renewal; doubles up to the interval. */
  readonly retryIntervalMs: number;
  readonly onRenewed: () => void;
  readonly onFailed: (error: Error) => void;
  readonly time?: Time;
}

export interface LeaseKeeper {
  /** Renews now and from then on. */
  start(): void;
  /** Renews now and goes on from there, having read anew what there is: it was deleted, for example. */
  renew(): void;
  /** Stops renewing and gives the Lease back; rejects with ApiError if that could not be written, and can be repeated. */
  release(): Promise<void>;
  /** Stops renewing and leaves the Lease as it is. */
  stop(): void;
}

export function keepLease(api: BoundedApi, options: LeaseOptions): LeaseKeeper {
  return new Keeper(api, options);
}

class Keeper implements LeaseKeeper {
  readonly #api: KubeApi;
  readonly #options: LeaseOptions;
  readonly #time: Time;
  readonly #retries: RetrySchedule;
  /** As we wrote it last; undefined = to be read. */
  #known: LeaseObject | undefined;
  #failures = 0;
  #timer: Timer | undefined;
  #isStopped = true;
  #renewal: Promise<void> = Promise.resolve();

  constructor(api: BoundedApi, options: LeaseOptions) {
    const { durationSeconds, renewIntervalMs, retryIntervalMs } = options;
    // An answer that takes a third of the Lease comes too late: try again on another connection.
    this.#api = api.within(milliseconds((durationSeconds * 1000) / 3));
    this.#options = options;
    this.#time = options.time ?? processTime;
    const [first, limit] = [milliseconds(retryIntervalMs), milliseconds(renewIntervalMs)];
    this.#retries = { first, factor: 2, limit, jitter: 0 };
  }

  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    // After a renewal that was in flight when we were stopped.
    this.#renewal = this.#renewal.then(() => this.#renew());
  }

  renew(): void {
    this.#renewal = this.#renewal.then(() => {
      this.#known = undefined;
      return this.#renew();
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async release(): Promise<void> {
    this.stop();
    await this.#renewal;
    const { namespace, name, holder, timestamp } = this.#options;
    const operations = [
      { op: 'test', path: '/spec/holderIdentity', value: holder },
      { op: 'replace', path: '/spec/holderIdentity', value: '' },
      { op: 'add', path: '/spec/renewTime', value: timestamp() },
    ] as const;
    try {
      await this.#api.patch(LEASE, { namespace, name }, { type: 'json', operations });
    } catch (error) {
      // Deleted, or not ours any more (the test failed): nothing is left to give back.
      if (!hasCode(error, 'NotFound', 'Invalid')) throw error;
    }
  }

  async #renew(): Promise<void> {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    const startedAt = this.#time.now();
    let delay: Duration;
    try {
      this.#known = await this.#write();
      this.#failures = 0;
      // Counted from the start of this renewal, so that slow answers do not stretch the interval.
      const spent = between(startedAt, this.#time.now());
      delay = milliseconds(Math.max(0, this.#options.renewIntervalMs - spent));
      this.#options.onRenewed();
    } catch (error) {
      // What we believe of the object may be what is wrong: read it anew.
      this.#known = undefined;
      delay = retryDelay(this.#retries, this.#failures++, 0);
      this.#options.onFailed(error as Error);
    }
    if (this.#isStopped) return;
    this.#timer = this.#time.after(delay, 'renew Lease', () => {
      this.#renewal = this.#renew();
    });
  }

  async #write(): Promise<LeaseObject> {
    const { namespace, name } = this.#options;
    const known = this.#known ?? (await readLease(this.#api, { namespace, name }));
    const body = leaseBody(known, this.#options);
    if (known === undefined) return this.#api.create<LeaseObject>(LEASE, namespace, body);
    return this.#api.update<LeaseObject>(LEASE, { namespace, name }, body);
  }
}
