// Which nodes are alive, judged by their Leases: a node is alive until its Lease was seen unchanged for its duration,
// measured on our own clock (the rule of Kubernetes' leader election), so that clocks of nodes need not agree.
//
// Before the first complete list of Leases has been put in, the set is incomplete: pass it on only after that.

import type { Machine, Timeout } from '../protocol/machine.ts';
import { DeadlineQueue } from '../time/deadline-queue.ts';
import { type Duration, seconds, times } from '../time/duration.ts';
import { after, between, hasPassed, type Instant } from '../time/instant.ts';
import { parseTimestamp } from '../time/timestamp.ts';

export type LivenessInput =
  /** A Lease as seen now: spec.holderIdentity, spec.renewTime, spec.leaseDurationSeconds. */
  | {
      readonly kind: 'lease';
      readonly node: string;
      /** Empty or undefined when the node has released its Lease. */
      readonly holder: string | undefined;
      readonly renewTime: string | undefined;
      readonly duration: Duration;
      /** Our wall time (RFC 3339), to recognise a Lease that expired long before it was first seen. */
      readonly wallClock: string;
    }
  /** The Lease was deleted. */
  | { readonly kind: 'gone'; readonly node: string }
  /** Whether we can see Leases change at all. */
  | { readonly kind: 'reachable'; readonly isReachable: boolean };

/** The whole set, sorted by name, when it changed. */
export type LivenessOutput = { readonly kind: 'liveness'; readonly alive: readonly string[] };

type LeaseInput = Extract<LivenessInput, { readonly kind: 'lease' }>;

/** Wall clocks may differ, so a Lease seen for the first time is called dead only when it is far behind. */
const STALE_DURATIONS = 4;

/**
 * A timeout this late means that we were stopped (SIGSTOP, suspend, a paused VM) and have not yet read what happened
 * meanwhile: then we suspect nobody (ELECTION.md section 2).
 */
const STOPPED = seconds(1);

interface SeenLease {
  readonly holder: string | undefined;
  readonly renewTime: string | undefined;
  readonly duration: Duration;
}

export class LeaseLiveness implements Machine<LivenessInput, LivenessOutput> {
  readonly #leases = new Map<string, SeenLease>();
  /** Exactly the living nodes, each with the instant at which it will be dead unless its Lease changes. */
  readonly #expiry = new DeadlineQueue<string>();
  #living: ReadonlySet<string> = new Set();
  #isReachable = true;

  /** The living nodes, sorted by name. */
  alive(): readonly string[] {
    return [...this.#living].sort();
  }

  deadline(): Instant | undefined {
    return this.#isReachable ? this.#expiry.first()?.due : undefined;
  }

  step(now: Instant, input: LivenessInput | Timeout): readonly LivenessOutput[] {
    const living = new Set(this.#living);
    this.#take(now, input, living);
    const isSame = living.size === this.#living.size && [...living].every((node) => this.#living.has(node));
    if (isSame) return [];
    this.#living = living;
    return [{ kind: 'liveness', alive: this.alive() }];
  }

  #take(now: Instant, input: LivenessInput | Timeout, living: Set<string>): void {
    switch (input.kind) {
      case 'lease':
        this.#see(now, input, living);
        break;
      case 'gone':
        this.#leases.delete(input.node);
        this.#expiry.delete(input.node);
        living.delete(input.node);
        break;
      case 'reachable':
        // What changed while we could not see it is unknown, so every living node gets its full time again.
        if (input.isReachable && !this.#isReachable) this.#restartTimers(now);
        this.#isReachable = input.isReachable;
        break;
      case 'timeout':
        this.#expire(now, living);
    }
  }

  #see(now: Instant, input: LeaseInput, living: Set<string>): void {
    const { node, holder, renewTime, duration } = input;
    const before = this.#leases.get(node);
    this.#leases.set(node, { holder, renewTime, duration });
    if (holder === undefined || holder === '' || (before === undefined && isLongExpired(input))) {
      this.#expiry.delete(node);
      living.delete(node);
      return;
    }
    if (before !== undefined && before.holder === holder && before.renewTime === renewTime) return;
    this.#expiry.set(node, after(now, duration));
    living.add(node);
  }

  #expire(now: Instant, living: Set<string>): void {
    const deadline = this.deadline();
    if (deadline === undefined || !hasPassed(deadline, now)) return;
    if (between(deadline, now) > STOPPED) {
      this.#restartTimers(now);
      return;
    }
    for (let next = this.#expiry.first(); next !== undefined; next = this.#expiry.first()) {
      if (!hasPassed(next.due, now)) return;
      this.#expiry.delete(next.key);
      living.delete(next.key);
    }
  }

  #restartTimers(now: Instant): void {
    for (const node of this.#living) {
      const lease = this.#leases.get(node);
      if (lease !== undefined) this.#expiry.set(node, after(now, lease.duration));
    }
  }
}

function isLongExpired({ renewTime, wallClock, duration }: LeaseInput): boolean {
  const renewed = renewTime === undefined ? undefined : parseTimestamp(renewTime);
  const wallTime = parseTimestamp(wallClock);
  // Without two readable times nothing is known: the Lease gets its time on our clock.
  return (
    renewed !== undefined && wallTime !== undefined && wallTime - renewed > times(duration, STALE_DURATIONS)
  );
}
