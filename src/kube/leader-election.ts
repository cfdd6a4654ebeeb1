// Which of several replicas acts, by a Lease: client-go's algorithm (leaderelection.go). A holder that could not renew
// for `renewDeadline` stops acting before anybody else, who waits for `leaseDuration` on its own clock, may begin.

import { type Duration, milliseconds, seconds, times } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import type { KubeApi } from './api.ts';
import type { BoundedApi } from './connection.ts';
import { LEASE } from './kinds.ts';
import { type LeaseObject, type LeaseTerms, leaseBody, readLease } from './lease-object.ts';
import type { Time, Timer } from './time.ts';

export interface LeaderElectionTimes {
  /** How long others wait after the last renewal that they saw. */
  readonly leaseDuration: Duration;
  /** How long the leader goes on without a renewal; less than leaseDuration. */
  readonly renewDeadline: Duration;
  /** Between two renewals, and between two looks of a candidate; less than renewDeadline. */
  readonly retryPeriod: Duration;
}

export const LEADER_ELECTION_TIMES: LeaderElectionTimes = {
  leaseDuration: seconds(15),
  renewDeadline: seconds(10),
  retryPeriod: seconds(5),
};

/** A write that was begun by a leader has to be over, or given up, after this time: then another may lead. */
export const leaderWriteLimit = ({ leaseDuration, renewDeadline }: LeaderElectionTimes): Duration =>
  milliseconds(leaseDuration - renewDeadline);

export interface LeaderElectionOptions extends Omit<LeaseTerms, 'durationSeconds'> {
  readonly times?: LeaderElectionTimes;
  /** At least 0, below 1; for jitter. */
  readonly random: () => number;
  /** Its clock must count suspend (the host's boot clock): a leader that slept is none. */
  readonly time: Time;
  /** From now on this replica acts. */
  readonly onStarted: () => void;
  /** This replica must not act any more; it goes on as a candidate unless it was stopped. */
  readonly onStopped: () => void;
  /** Somebody else was seen to lead. */
  readonly onLeader?: (holder: string) => void;
  /** The API answered: the Lease was read, and written unless another holds it. */
  readonly onAnswered?: () => void;
  readonly onProblem: (error: Error) => void;
}

export interface LeaderElector {
  start(): void;
  /** True while this replica may act; asks the clock, so it is right even when timers are late. */
  isLeader(): boolean;
  /** Ends the candidacy and gives the Lease back, for the next one to take at once. Call it when nothing acts any more. */
  stop(): Promise<void>;
}

export function electLeader(api: BoundedApi, options: LeaderElectionOptions): LeaderElector {
  return new Elector(api, options);
}

/** Candidates look at different moments: up to this share of the period later. */
const JITTER = 0.2;
/**
 * A request may take this much of the retry period: one that is never answered leaves time before the deadline for a
 * second attempt, which may itself take two requests.
 */
const PATIENCE = 0.4;

/** A leader whose renewal failed tries again after this share of the period. */
const HASTE = 0.2;

class Elector implements LeaderElector {
  readonly #api: KubeApi;
  readonly #options: LeaderElectionOptions;
  readonly #times: LeaderElectionTimes;
  readonly #terms: LeaseTerms;
  #known: LeaseObject | undefined;
  /** The newest version of the Lease, and when it was first seen on our clock: its own times are another's clock. */
  #seen: { readonly resourceVersion: string; readonly at: Instant } | undefined;
  #leader = '';
  /** Until when we may act; undefined = we do not. */
  #leadsUntil: Instant | undefined;
  #attemptTimer: Timer | undefined;
  #deadlineTimer: Timer | undefined;
  #isStopped = true;
  #attempt: Promise<void> = Promise.resolve();

  constructor(api: BoundedApi, options: LeaderElectionOptions) {
    this.#options = options;
    this.#times = options.times ?? LEADER_ELECTION_TIMES;
    this.#api = api.within(times(this.#times.retryPeriod, PATIENCE));
    this.#terms = { ...options, durationSeconds: this.#times.leaseDuration / 1000 };
  }

  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#attempt = this.#attempt.then(() => this.#try());
  }

  isLeader(): boolean {
    return this.#leadsUntil !== undefined && !hasPassed(this.#leadsUntil, this.#options.time.now());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#attemptTimer?.cancel();
    await this.#attempt;
    this.#stepDown();
    try {
      await this.#release();
    } catch (error) {
      // The others take over when it expires.
      this.#options.onProblem(error as Error);
    }
  }

  async #release(): Promise<void> {
    const { namespace, name, holder } = this.#terms;
    const ref = { namespace, name };
    const known = this.#known ?? (await readLease(this.#api, ref));
    this.#known = undefined;
    if (known?.spec?.holderIdentity !== holder) return;
    await this.#api.update<LeaseObject>(LEASE, ref, leaseBody(known, this.#terms, ''));
  }

  async #try(): Promise<void> {
    if (this.#isStopped) return;
    const startedAt = this.#options.time.now();
    let delay = times(this.#times.retryPeriod, 1 + JITTER * this.#options.random());
    try {
      const isOurs = await this.#acquireOrRenew();
      this.#options.onAnswered?.();
      if (isOurs) {
        this.#lead(after(startedAt, this.#times.renewDeadline));
        delay = this.#times.retryPeriod;
      } else this.#stepDown();
    } catch (error) {
      // What we believe of the object may be what is wrong: read it anew.
      this.#known = undefined;
      if (this.isLeader()) delay = times(this.#times.retryPeriod, HASTE);
      this.#options.onProblem(error as Error);
    }
    if (this.#isStopped) return;
    this.#attemptTimer = this.#options.time.after(delay, 'renew leadership', () => {
      this.#attempt = this.#try();
    });
  }

  /** Whether the Lease is ours now. */
  async #acquireOrRenew(): Promise<boolean> {
    const { namespace, name } = this.#terms;
    const ref = { namespace, name };
    // A leader knows the Lease as it wrote it; if somebody has changed it, the API refuses the update.
    const known =
      this.isLeader() && this.#known !== undefined ? this.#known : await readLease(this.#api, ref);
    if (known !== undefined) this.#observe(known);
    if (known !== undefined && this.#isHeldByOther(known)) return false;
    const body = leaseBody(known, this.#terms);
    const written =
      known === undefined
        ? await this.#api.create<LeaseObject>(LEASE, namespace, body)
        : await this.#api.update<LeaseObject>(LEASE, ref, body);
    this.#observe(written);
    return true;
  }

  #observe(lease: LeaseObject): void {
    const { resourceVersion } = lease.metadata;
    const holder = lease.spec?.holderIdentity ?? '';
    this.#known = lease;
    if (this.#seen?.resourceVersion !== resourceVersion) {
      this.#seen = { resourceVersion, at: this.#options.time.now() };
    }
    if (holder !== this.#leader && holder !== '' && holder !== this.#terms.holder) {
      this.#options.onLeader?.(holder);
    }
    this.#leader = holder;
  }

  #isHeldByOther({ spec }: LeaseObject): boolean {
    const holder = spec?.holderIdentity ?? '';
    if (holder === '' || holder === this.#terms.holder || this.#seen === undefined) return false;
    // Its holder may have been started with a longer duration than ours.
    const held = Math.max(this.#times.leaseDuration, (spec?.leaseDurationSeconds ?? 0) * 1000);
    return !hasPassed(after(this.#seen.at, milliseconds(held)), this.#options.time.now());
  }

  #lead(until: Instant): void {
    const { time, onStarted } = this.#options;
    // The answer came when the leadership that it gives was over already.
    if (this.#isStopped || hasPassed(until, time.now())) return;
    const isNew = this.#leadsUntil === undefined;
    this.#leadsUntil = until;
    this.#deadlineTimer?.cancel();
    const left = milliseconds(until - time.now());
    this.#deadlineTimer = time.after(left, 'leadership deadline', () => this.#stepDown());
    if (isNew) onStarted();
  }

  #stepDown(): void {
    this.#deadlineTimer?.cancel();
    if (this.#leadsUntil === undefined) return;
    this.#leadsUntil = undefined;
    this.#options.onStopped();
  }
}
