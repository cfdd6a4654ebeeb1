// Writes what an AddressPool holds and whether it can be used into its status, and the same counts into the metrics.
// Off the path of a Service: changes are collected for a moment first, and counts are written every few seconds at most.

import type { Clock } from '../host/host.ts';
import type { Pool } from '../ipam/pool.ts';
import type { ObjectMeta, ReconcileResult } from '../kube/api.ts';
import { ApiError, hasCode } from '../kube/api-error.ts';
import type { Family } from '../net/address.ts';
import type { Log } from '../observe/log.ts';
import type { ControllerMetrics } from '../observe/metrics.ts';
import {
  type AddressPoolStatus,
  type FamilyCounts,
  readAddressPoolStatus,
} from '../resource/address-pool.ts';
import { type Condition, withCondition } from '../resource/condition.ts';
import { formatProblems } from '../resource/parsed.ts';
import { between, type Instant } from '../time/instant.ts';
import type { AllocationBook } from './allocation-book.ts';
import type { ClusterState, PoolEntry } from './cluster-state.ts';
import type { ClusterWrites } from './cluster-writes.ts';
import type { Entry } from './mirror.ts';

export interface PoolStatusDeps {
  readonly state: ClusterState;
  readonly book: AllocationBook;
  readonly writes: ClusterWrites;
  readonly metrics: Pick<ControllerMetrics, 'allocations'>;
  readonly clock: Clock;
  /** At least so long after the counts of a pool were written they are written again. */
  readonly interval: number;
  /** RFC 3339. */
  readonly timestamp: () => string;
  readonly log: Log;
}

interface Allocated {
  readonly pool: string;
  readonly family: Family;
  readonly count: number;
}

const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];
const MAX_MESSAGE = 32_768;

export class PoolStatusReconciler {
  readonly #deps: PoolStatusDeps;
  /** When the status of each pool was written last. */
  readonly #written = new Map<string, Instant>();

  constructor(deps: PoolStatusDeps) {
    this.#deps = deps;
  }

  async reconcile(name: string): Promise<ReconcileResult> {
    const { state, writes, metrics, log, clock } = this.#deps;
    const entry = state.pools.get(name);
    if (entry === undefined) this.#written.delete(name);
    const present = entry === undefined ? undefined : readAddressPoolStatus(entry.value.object);
    const rest = present?.observedGeneration === entry?.meta.generation ? this.#rest(name) : 0;
    if (rest > 0) return { kind: 'after', milliseconds: rest };
    metrics.allocations(this.#allocated());
    if (entry === undefined || present === undefined) return { kind: 'done' };
    const wanted = this.#statusOf(entry, present);
    if (isSame(present, wanted)) return { kind: 'done' };
    this.#written.set(name, clock.now());
    try {
      state.pools.note(await writes.writePoolStatus(entry.meta, wanted));
      return { kind: 'done' };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // On a conflict or a deletion the watch brings the pool, and that its status is looked at again.
      if (hasCode(error, 'Conflict', 'NotFound')) return { kind: 'done' };
      log.warn('status of AddressPool not written', { pool: name, error });
      return { kind: 'retry' };
    }
  }

  /** How long its counts have to wait; thousands of Services would else cost as many writes as the time they take. */
  #rest(name: string): number {
    const written = this.#written.get(name);
    return written === undefined ? 0 : this.#deps.interval - between(written, this.#deps.clock.now());
  }

  #statusOf({ meta, value }: Entry<PoolEntry>, present: AddressPoolStatus): AddressPoolStatus {
    const observedGeneration = meta.generation ?? 0;
    const isValid = value.parsed.kind === 'value';
    const message =
      value.parsed.kind === 'value' ? '' : formatProblems(value.parsed.problems).slice(0, MAX_MESSAGE);
    const ready = isValid
      ? ({ type: 'Ready', status: 'True', reason: 'Valid', message, observedGeneration } as const)
      : ({ type: 'Ready', status: 'False', reason: 'Invalid', message, observedGeneration } as const);
    const timestamp = this.#deps.timestamp();
    const conditions = this.#withOverlap(
      meta,
      withCondition(present.conditions, ready, timestamp),
      timestamp,
    );
    const pool = this.#deps.book.pool(meta.name);
    const counts = (family: Family) => (pool === undefined ? undefined : countsOf(pool, family));
    return { observedGeneration, ipv4: counts('IPv4'), ipv6: counts('IPv6'), conditions };
  }

  /** Overlapping pools both work, and an address is given once all the same; but it is seldom meant. */
  #withOverlap(
    { name, generation }: ObjectMeta,
    conditions: readonly Condition[],
    timestamp: string,
  ): readonly Condition[] {
    const others = this.#deps.book.overlapping(name);
    const type = 'Overlapping';
    if (others.length === 0) {
      const isThere = conditions.some((condition) => condition.type === type);
      return isThere ? conditions.filter((condition) => condition.type !== type) : conditions;
    }
    const message = `some addresses are also in ${others.join(', ')}`.slice(0, MAX_MESSAGE);
    const observedGeneration = generation ?? 0;
    const overlap = { type, status: 'True', reason: 'SharedAddresses', message, observedGeneration } as const;
    return withCondition(conditions, overlap, timestamp);
  }

  /** What is allocated of each pool and family that it holds: all of it, because pools may overlap. */
  #allocated(): readonly Allocated[] {
    return this.#deps.book.pools.flatMap((pool) =>
      FAMILIES.flatMap((family) => {
        const { total, allocated } = pool.counts(family);
        return total > 0n ? { pool: pool.name, family, count: allocated } : [];
      }),
    );
  }
}

/** Undefined for a family that the pool does not hold. */
function countsOf(pool: Pool, family: Family): FamilyCounts | undefined {
  const { total, allocated, available } = pool.counts(family);
  if (total === 0n) return undefined;
  return { total: `${total}`, allocated: `${allocated}`, available: `${available}` };
}

function isSame(a: AddressPoolStatus, b: AddressPoolStatus): boolean {
  return (
    a.observedGeneration === b.observedGeneration &&
    a.conditions === b.conditions &&
    isSameCounts(a.ipv4, b.ipv4) &&
    isSameCounts(a.ipv6, b.ipv6)
  );
}

function isSameCounts(a: FamilyCounts | undefined, b: FamilyCounts | undefined): boolean {
  return a?.total === b?.total && a?.allocated === b?.allocated && a?.available === b?.available;
}
