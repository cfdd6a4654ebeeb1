// Keeps one VirtualIP true to the plan: its candidates, what it says of its Services; deletes one that no Service wants
// any more, and lets one go, or says so, that nobody can be answering for.

import type { KubeObject, ReconcileResult } from '../kube/api.ts';
import { ApiError, hasCode } from '../kube/api-error.ts';
import type { Log } from '../observe/log.ts';
import { MAX_CANDIDATES } from '../plan/candidate-list.ts';
import { isAble } from '../plan/eligibility.ts';
import { withCondition } from '../resource/condition.ts';
import {
  type ServiceName,
  type ServiceRef,
  type VirtualIP,
  WITHDRAW_FINALIZER,
} from '../resource/virtual-ip.ts';
import type { CandidateLists } from './candidate-lists.ts';
import type { ClusterState } from './cluster-state.ts';
import { advertisementsOf, type ClusterWrites, refOf } from './cluster-writes.ts';
import { keyOf } from './mirror.ts';
import type { PlacementNodes } from './placement-nodes.ts';
import type { Reporter } from './reporter.ts';

export interface VirtualIPReconcilerDeps {
  readonly state: ClusterState;
  readonly placement: PlacementNodes;
  readonly lists: CandidateLists;
  readonly writes: ClusterWrites;
  readonly reporter: Reporter;
  /** RFC 3339. */
  readonly timestamp: () => string;
  readonly log: Log;
}

/** Refused writes in a row after which it is left to the back-off. */
const MAX_ATTEMPTS = 5;

export class VirtualIPReconciler {
  readonly #deps: VirtualIPReconcilerDeps;

  constructor(deps: VirtualIPReconcilerDeps) {
    this.#deps = deps;
  }

  /** Rejects for a bug of ours only: what the API answers is retried with back-off. */
  async reconcile(name: string): Promise<ReconcileResult> {
    const { state, log } = this.#deps;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const virtualIP = state.virtualIP(name);
      if (virtualIP === undefined) return { kind: 'done' };
      try {
        await this.#realise(virtualIP);
        return { kind: 'done' };
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (hasCode(error, 'NotFound')) {
          state.virtualIPs.gone({ metadata: virtualIP });
          return { kind: 'done' };
        }
        // An agent that records a claim meanwhile is no trouble: what it wrote is read, and decided on anew.
        const isConflict = hasCode(error, 'Conflict');
        this.#tell(error, virtualIP);
        log[isConflict ? 'debug' : 'warn']('VirtualIP will be retried', { virtualIP: name, error });
        if (!isConflict || !(await this.#refresh(virtualIP))) return { kind: 'retry' };
      }
    }
    return { kind: 'retry' };
  }

  /** What nobody but a person can mend is told where people look. */
  #tell(error: ApiError, { services, isDeleting }: VirtualIP): void {
    const { state, reporter } = this.#deps;
    if (isDeleting || !hasCode(error, 'Forbidden', 'Invalid', 'BadRequest')) return;
    for (const ref of services) {
      const service = state.services.get(keyOf(ref))?.value;
      if (service?.uid === ref.uid) reporter.warning(service, 'UpdateLoadBalancerFailed', error.message);
    }
  }

  async #realise(virtualIP: VirtualIP): Promise<void> {
    const { writes, state, log } = this.#deps;
    if (virtualIP.isDeleting) return this.#letGo(virtualIP);
    if (virtualIP.services.length === 0) return this.#sayWithdrawn(virtualIP);
    const wanting = await this.#wanting(virtualIP);
    const reservedFor = virtualIP.reservedFor ?? retainedFor(virtualIP, wanting);
    if (wanting.length > 0) {
      await this.#replan({ ...virtualIP, reservedFor }, wanting);
      return this.#finishMove(virtualIP.name);
    }
    log.info('VirtualIP of a Service that is gone', { virtualIP: virtualIP.name });
    if (reservedFor === undefined) return writes.deleteVirtualIP(virtualIP);
    const spec = { services: [], candidates: [], reservedFor };
    state.virtualIPs.note(await writes.replanVirtualIP(virtualIP, spec));
  }

  async #replan(virtualIP: VirtualIP, wanting: readonly ServiceRef[]): Promise<void> {
    const { state, lists, writes } = this.#deps;
    const { candidates, record, pool, reservedFor } = virtualIP;
    const isAnnounced = state.isAnnounced(pool);
    const from = this.#movedFrom(virtualIP);
    const isLastResort = virtualIP.isLastResort === true && from === candidates;
    const basis = { ...virtualIP, candidates: from, holder: record.holder, isLastResort };
    const planned = isAnnounced ? lists.plan(basis, wanting) : [];
    const services = wanting.map((ref) => this.#upToDate(ref));
    const isSamePlaces =
      planned.length === candidates.length && planned.every((name, i) => name === candidates[i]);
    const isSameWay = isAnnounced === virtualIP.advertisements.length > 0;
    if (isSamePlaces && isSameWay && JSON.stringify(services) === JSON.stringify(virtualIP.services)) return;
    const spec = {
      candidates: planned,
      services,
      ...(isSameWay ? {} : { advertisements: advertisementsOf(isAnnounced) }),
      ...(reservedFor === undefined ? {} : { reservedFor }),
    };
    state.virtualIPs.note(await writes.replanVirtualIP(virtualIP, spec));
  }

  /** A holder that is no candidate offers the address to those that are: first to the node that somebody wants it on. */
  #movedFrom({ candidates, record: { holder }, moveTo, address }: VirtualIP): readonly string[] {
    const target = moveTo === undefined ? undefined : this.#deps.placement.nodes.get(moveTo);
    if (target === undefined || target.name === holder || !isAble(target, address)) return candidates;
    const others = candidates.filter((name) => name !== target.name && name !== holder);
    return [target.name, ...others].slice(0, MAX_CANDIDATES);
  }

  /** The wish goes when it has come true, and when it can not: it must not come true by surprise some day. */
  async #finishMove(name: string): Promise<void> {
    const { state, placement, writes, log } = this.#deps;
    const virtualIP = state.virtualIP(name);
    if (virtualIP?.moveTo === undefined) return;
    const { moveTo, record, address } = virtualIP;
    const target = placement.nodes.get(moveTo);
    const isPossible = target !== undefined && isAble(target, address);
    if (isPossible && record.holder !== moveTo) return;
    if (!isPossible && record.holder !== moveTo)
      log.warn('address can not be moved there', {
        virtualIP: name,
        to: moveTo,
        wanted: 'a node that could hold it',
      });
    state.virtualIPs.note(await writes.forgetMove(virtualIP));
  }

  #upToDate(ref: ServiceRef): ServiceRef {
    const service = this.#deps.state.services.get(keyOf(ref))?.value;
    return service === undefined ? ref : refOf(service);
  }

  /** The holder takes the finalizer away when it has fallen silent; where there is no holder that lives, we do. */
  async #letGo(virtualIP: VirtualIP): Promise<void> {
    const { placement, writes, state, log } = this.#deps;
    if (!virtualIP.finalizers.includes(WITHDRAW_FINALIZER)) return;
    const { holder } = virtualIP.record;
    if (holder !== undefined && placement.isAlive(holder)) return;
    // A claim that comes in between changes the resourceVersion, and so this is refused.
    const object = await writes.removeWithdrawFinalizer(virtualIP);
    log.info('VirtualIP let go', { virtualIP: virtualIP.name, holder: holder ?? '' });
    state.virtualIPs.note(object);
  }

  /**
   * Reserved, or retained. Its holder says that it has fallen silent; of one that is dead we say it, the only thing that
   * we write into this status. A claim that comes in between changes the resourceVersion, and so this is refused.
   */
  async #sayWithdrawn(virtualIP: VirtualIP): Promise<void> {
    const { placement, writes, state, timestamp } = this.#deps;
    const { holder } = virtualIP.record;
    if (holder === undefined || virtualIP.phase === 'Withdrawn' || placement.isAlive(holder)) return;
    const message = `no Service uses the address, and ${holder}, which had it last, is gone`;
    const condition = { type: 'Announced', status: 'False', reason: 'Withdrawn', message } as const;
    const conditions = withCondition(virtualIP.conditions, condition, timestamp());
    state.virtualIPs.note(await writes.writeWithdrawn(virtualIP, conditions));
  }

  #isKnown(ref: ServiceRef): boolean {
    return this.#deps.state.services.get(keyOf(ref))?.meta.uid === ref.uid;
  }

  /**
   * The Services that are there. Our copy of them may be older than the VirtualIP, if another controller wrote it, so the
   * API is asked before anything is taken away from one.
   */
  async #wanting({ services }: VirtualIP): Promise<readonly ServiceRef[]> {
    const wanting: ServiceRef[] = [];
    for (const ref of services)
      if (this.#isKnown(ref) || (await this.#isThereAfterAll(ref))) wanting.push(ref);
    return wanting;
  }

  async #isThereAfterAll(ref: ServiceRef): Promise<boolean> {
    const service = await this.#readService(ref);
    if (service?.metadata.uid !== ref.uid) return false;
    this.#deps.state.services.note(service);
    return true;
  }

  async #readService(ref: ServiceRef): Promise<KubeObject | undefined> {
    try {
      return await this.#deps.writes.readService(ref);
    } catch (error) {
      if (hasCode(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** Returns whether the VirtualIP could be read anew. */
  async #refresh({ name }: VirtualIP): Promise<boolean> {
    const { state, writes, log } = this.#deps;
    try {
      state.virtualIPs.note(await writes.readVirtualIP(name));
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      log.warn('reading the VirtualIP failed', { virtualIP: name, error });
      return false;
    }
  }
}

/** The first of those that are gone that wanted it to be kept. */
function retainedFor({ services }: VirtualIP, wanting: readonly ServiceRef[]): ServiceName | undefined {
  const gone = services.find((ref) => ref.retain === true && !wanting.includes(ref));
  return gone && { namespace: gone.namespace, name: gone.name };
}
