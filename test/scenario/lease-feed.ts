// Who lives, by the Leases that one virtual agent sees: the real machine, fed as the agent feeds it. Nobody is suspected
// while the agent's own renewals do not come back to it.

import { LeaseLiveness, type LivenessInput } from '../../src/election/lease-liveness.ts';
import type { Timeout } from '../../src/protocol/machine.ts';
import { type Instant, instant } from '../../src/time/instant.ts';
import type { StoredLease } from './api.ts';
import { LEASE, RENEW_INTERVAL } from './settings.ts';

/** How old the own renewal may be before the API counts as away, and when a Lease of another expires. */
const REACHABLE = 10_000;
const PROOF = LEASE / 2;

export class LeaseFeed {
  readonly #node: number;
  readonly #machine = new LeaseLiveness();
  readonly #onAlive: (alive: readonly number[]) => void;
  #renewedAt: number | undefined;
  #startedAt: number;

  constructor(node: number, now: number, onAlive: (alive: readonly number[]) => void) {
    this.#node = node;
    this.#startedAt = now;
    this.#onAlive = onAlive;
    this.#machine.step(instant(now), { kind: 'reachable', isReachable: false });
  }

  alive(): readonly number[] {
    return this.#machine.alive().map(Number);
  }

  /** A Lease as the watch shows it. */
  see(now: number, { node, isHeld, renewTime }: StoredLease): void {
    if (node === this.#node && renewTime >= this.#startedAt) this.#renew(now);
    this.#step(instant(now), {
      kind: 'lease',
      node: String(node),
      holder: isHeld ? String(node) : undefined,
      renewTime: String(renewTime),
      duration: LEASE,
    });
  }

  /** Called often. */
  look(now: number): void {
    if (this.#renewedAt !== undefined && now - this.#renewedAt > REACHABLE) this.#lose(now);
    const deadline = this.#machine.deadline();
    if (deadline === undefined || deadline > now) return;
    if (this.#renewedAt !== undefined && now - this.#renewedAt <= PROOF)
      this.#step(instant(now), { kind: 'timeout' });
    else this.#lose(now);
  }

  #renew(now: number): void {
    const wasReachable = this.#renewedAt !== undefined;
    this.#renewedAt = now;
    if (!wasReachable) this.#step(instant(now), { kind: 'reachable', isReachable: true });
  }

  #lose(now: number): void {
    this.#renewedAt = undefined;
    this.#step(instant(now), { kind: 'reachable', isReachable: false });
  }

  #step(now: Instant, input: LivenessInput | Timeout): void {
    for (const { alive } of this.#machine.step(now, input)) this.#onAlive(alive.map(Number));
  }
}

/** When an agent writes its next renewal. */
export const nextRenewal = (hasSucceeded: boolean): number => (hasSucceeded ? RENEW_INTERVAL : 2000);
