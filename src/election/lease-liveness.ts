// Which nodes are alive, judged by their Leases: a node is alive until its Lease was seen unchanged for its duration,
// measured on our own clock (the rule of Kubernetes' leader election), so that clocks of nodes need not agree. A Lease
// seen for the first time gets its whole duration too, however old it says it is: one wall clock that is wrong, ours or
// its holder's, would make the living look dead.
//
// Before the first complete list of Leases has been put in, the set is incomplete: pass it on only after that.

import type { Machine, Timeout } from '../protocol/machine.ts';
import { DeadlineQueue } from '../time/deadline-queue.ts';
import { type Duration, seconds } from '../time/duration.ts';
import { after, between, hasPassed, type Instant } from '../time/instant.ts';

export type LivenessInput =
  /** A Lease as seen now: spec.holderIdentity, spec.renewTime, spec.leaseDurationSeconds. */
  | {
      readonly kind: 'lease';
      readonly node: string;
      /** Empty or undefined when the node has released its Lease. */
      readonly holder: string | undefined;
      readonly renewTime: string | undefined;
      readonly duration: Duration;
    }
  /** The Lease was deleted, which says nothing about its node: that one lives until the time of its last renewal is up. */
  | { readonly kind: 'gone'; readonly node: string }
  /** Whether we can see Leases change at all. */
  | { readonly kind: 'reachable'; readonly isReachable: boolean };

/** The whole set, sorted by name, when it changed. */
export type LivenessOutput = { readonly kind: 'liveness'; readonly alive: readonly string[] };

type LeaseInput = Extract<LivenessInput, { readonly kind: 'lease' }>;

/**
 * A timeout this late means that we were stopped (SIGSTOP, suspend, a paused VM) and have not yet read what happened
 * meanwhile: then we suspect nobody (ELECTION.md section 2).
 */
const STOPPED = seconds(1);

interface SeenLease {
  readonly holder: string | undefined;
  readonly renewTime: string | undefined;
  readonly duration: Duration;
  readonly isDeleted: boolean;
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
        this.#delete(input.node);
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
    this.#leases.set(node, { holder, renewTime, duration, isDeleted: false });
    if (holder === undefined || holder === '') {
      this.#expiry.delete(node);
      living.delete(node);
      return;
    }
    if (before?.isDeleted === false && before.holder === holder && before.renewTime === renewTime) return;
    this.#expiry.set(node, after(now, duration));
    living.add(node);
  }

  #delete(node: string): void {
    const lease = this.#leases.get(node);
    if (lease !== undefined && this.#living.has(node)) this.#leases.set(node, { ...lease, isDeleted: true });
    else this.#leases.delete(node);
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
      if (this.#leases.get(next.key)?.isDeleted === true) this.#leases.delete(next.key);
    }
  }

  #restartTimers(now: Instant): void {
    for (const node of this.#living) {
      const lease = this.#leases.get(node);
      if (lease !== undefined) this.#expiry.set(node, after(now, lease.duration));
    }
  }
}
