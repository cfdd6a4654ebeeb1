// Which nodes are alive, from the agents' Leases: drives the pure machine election/lease-liveness.ts with the watch's
// events and one timer, and tells the wire worker each change.

import type { LeaseLiveness, LivenessOutput } from '../election/lease-liveness.ts';
import type { Clock, WallClock } from '../host/host.ts';
import type { KubeObject, ListWatch, ObjectChange } from '../kube/api.ts';
import type { Timer, Timers } from '../kube/time.ts';
import { type Duration, seconds, times } from '../time/duration.ts';
import { between, type Instant } from '../time/instant.ts';
import { parseTimestamp } from '../time/timestamp.ts';

const LEASE_PREFIX = 'fairlead-agent-';

export const leaseName = (node: string): string => `${LEASE_PREFIX}${node}`;

/** coordination.k8s.io/v1 Lease, as far as we read it. */
interface LeaseObject extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly renewTime?: string;
    readonly leaseDurationSeconds?: number;
  };
}

export interface LivenessDeps {
  readonly node: string;
  readonly leases: ListWatch<KubeObject>;
  readonly machine: LeaseLiveness;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly timers: Timers;
  /** The whole list, each time it changed. */
  readonly onAlive: (alive: readonly string[]) => void;
  /** Whether our own renewals come through, each time it changed. */
  readonly onReachable: (isReachable: boolean) => void;
  /** Somebody deleted this node's own Lease. */
  readonly onOwnDeleted: () => void;
}

/**
 * Without a renewal of our own for this long we suspect nobody: the API, not the others, is what is missing. It lies
 * between the interval of renewals and the duration of a Lease: 10 s of 7 s and 15 s.
 */
export function suspicionLimit(lease: {
  readonly duration: Duration;
  readonly renewInterval: Duration;
}): Duration {
  return times(lease.renewInterval, 1 + (3 / 8) * (lease.duration / lease.renewInterval - 1));
}

/**
 * How old our last renewal may be when another Lease expires, for that to mean anything. The other may have renewed a
 * whole interval before the API fell silent, and then its Lease expires before `suspicionLimit`: our own renewal is by
 * then `duration - renewInterval` old at least, and while all is well `renewInterval` at most. This is the middle.
 */
const proofLimit = ({ duration }: { readonly duration: Duration }): Duration => times(duration, 1 / 2);

export class LivenessFeed {
  readonly #deps: LivenessDeps;
  readonly #limit: Duration;
  readonly #proofLimit: Duration;
  #renewedAt: Instant | undefined;
  #ownRenewTime: string | undefined;
  #deadline: Timer | undefined;
  #reachability: Timer | undefined;

  constructor(deps: LivenessDeps, lease: { readonly duration: Duration; readonly renewInterval: Duration }) {
    this.#deps = deps;
    this.#limit = suspicionLimit(lease);
    this.#proofLimit = proofLimit(lease);
    deps.leases.onChange((change) => this.#apply(change));
    // Until our own first renewal is seen, nobody is suspected.
    this.#step({ kind: 'reachable', isReachable: false });
  }

  alive(): readonly string[] {
    return this.#deps.machine.alive();
  }

  /** Whether our own renewals come through: written by us, and seen again on the watch. */
  isReachable(): boolean {
    return this.#reachability !== undefined;
  }

  /** Seconds since our last renewal that was seen on the watch. */
  renewAge(): number | undefined {
    return this.#renewedAt === undefined
      ? undefined
      : between(this.#renewedAt, this.#deps.clock.now()) / 1000;
  }

  stop(): void {
    this.#deadline?.cancel();
    this.#reachability?.cancel();
  }

  #apply(change: ObjectChange<KubeObject>): void {
    const object = change.kind === 'deleted' ? change.before : change.object;
    const { name } = object.metadata;
    if (!name.startsWith(LEASE_PREFIX)) return;
    const node = name.slice(LEASE_PREFIX.length);
    if (change.kind !== 'deleted') return this.#applyLease(node, object);
    this.#step({ kind: 'gone', node });
    if (node === this.#deps.node) this.#deps.onOwnDeleted();
  }

  #applyLease(node: string, object: LeaseObject): void {
    const { holderIdentity, renewTime, leaseDurationSeconds = 15 } = object.spec ?? {};
    if (node === this.#deps.node && renewTime !== undefined) this.#seeOwn(renewTime);
    // A released Lease has an empty or no holder.
    const holder = holderIdentity === '' ? undefined : holderIdentity;
    this.#step({ kind: 'lease', node, holder, renewTime, duration: seconds(leaseDurationSeconds) });
  }

  /**
   * Our own renewal came back on the watch that shows us the others': one proof that both the writes and the watch
   * work. A watch that is half open would otherwise make everybody else look dead.
   */
  #seeOwn(renewTime: string): void {
    if (renewTime === this.#ownRenewTime) return;
    const isFirst = this.#ownRenewTime === undefined;
    this.#ownRenewTime = renewTime;
    // What an earlier life of this agent wrote proves nothing. (Both times are of this node's clock.)
    if (isFirst && !this.#isRecent(renewTime)) return;
    this.#renewedAt = this.#deps.clock.now();
    const wasReachable = this.isReachable();
    this.#reachability?.cancel();
    this.#reachability = this.#deps.timers.after(this.#limit, 'lease-renewal-seen', () => this.#lose());
    if (!wasReachable) this.#setReachable(true);
  }

  #lose(): void {
    this.#reachability?.cancel();
    this.#reachability = undefined;
    this.#setReachable(false);
  }

  /** A Lease has expired, or so it looks. */
  #timeout(): void {
    const renewedAt = this.#renewedAt;
    const isProven =
      renewedAt !== undefined && between(renewedAt, this.#deps.clock.now()) <= this.#proofLimit;
    if (isProven) this.#step({ kind: 'timeout' });
    else this.#lose();
  }

  #setReachable(isReachable: boolean): void {
    this.#step({ kind: 'reachable', isReachable });
    this.#deps.onReachable(isReachable);
  }

  #isRecent(renewTime: string): boolean {
    const written = parseTimestamp(renewTime);
    const now = parseTimestamp(this.#deps.wallClock.timestamp());
    return written !== undefined && now !== undefined && now - written < this.#limit;
  }

  #step(input: Parameters<LeaseLiveness['step']>[1]): void {
    const { machine, clock, timers } = this.#deps;
    const now = clock.now();
    for (const output of machine.step(now, input)) this.#perform(output);
    this.#deadline?.cancel();
    const next = machine.deadline();
    this.#deadline =
      next === undefined
        ? undefined
        : timers.after(between(now, next), 'lease-liveness', () => this.#timeout());
  }

  #perform(output: LivenessOutput): void {
    this.#deps.onAlive(output.alive);
  }
}
