// Takes one Service from what it is to what the LoadBalancer contract asks, step by step. Each step starts from the
// latest state and is safe to repeat, so it does not matter where a former run ended.

import { whyOutsidePool } from '../ipam/outside-pool.ts';
import type { Refusal } from '../ipam/refusal.ts';
import type { ReconcileResult } from '../kube/api.ts';
import { ApiError, hasCode } from '../kube/api-error.ts';
import { type Address, formatAddress } from '../net/address.ts';
import type { Log } from '../observe/log.ts';
import type { ControllerMetrics } from '../observe/metrics.ts';
import { whyNoCandidates } from '../plan/eligibility.ts';
import { type ClassRules, hasTrace, UPSTREAM_FINALIZER } from '../plan/service-class.ts';
import { isPublished, type NextStep, nextStep } from '../plan/service-contract.ts';
import { ingressAddresses, isToBeRetained } from '../plan/service-request.ts';
import {
  ALLOCATED,
  ANNOUNCED,
  type Assigned,
  claim,
  holderOf,
  ingressWithout,
  isAnsweredFor,
  OPEN_TO_ALL,
  OUTSIDE_POOL,
  originOf,
  REPLACING,
  type StatusPlan,
  statusPlan,
} from '../plan/service-status.ts';
import type { ServiceView } from '../plan/views.ts';
import type { Duration } from '../time/duration.ts';
import type { AllocationBook, Assignment } from './allocation-book.ts';
import type { Arrivals } from './arrivals.ts';
import type { ClusterState } from './cluster-state.ts';
import type { ClusterWrites } from './cluster-writes.ts';
import { keyOf } from './mirror.ts';
import type { Overlaps } from './overlaps.ts';
import type { PlacementNodes } from './placement-nodes.ts';
import type { RefusalRetries } from './refusal-retries.ts';
import type { Reporter } from './reporter.ts';
import type { Outcome, ServiceAddresses } from './service-addresses.ts';
import type { StatusRepairs } from './status-repairs.ts';
import { serviceKey } from './triggers.ts';

export interface ServiceReconcilerDeps {
  readonly state: ClusterState;
  readonly book: AllocationBook;
  readonly addresses: ServiceAddresses;
  readonly arrivals: Arrivals;
  readonly retries: RefusalRetries;
  readonly overlaps: Overlaps;
  readonly placement: PlacementNodes;
  readonly writes: ClusterWrites;
  readonly reporter: Reporter;
  readonly metrics: Pick<ControllerMetrics, 'refused'>;
  readonly repairs: StatusRepairs;
  readonly rules: ClassRules;
  /** RFC 3339. */
  readonly timestamp: () => string;
  readonly log: Log;
}

/** More steps than any Service needs; only a cluster that changes under every one of them gets so far. */
const MAX_STEPS = 100;

/** Refused writes in a row after which it is left to the back-off. */
const MAX_FAILURES = 5;

/** The steps that take something from a Service, where a refusal is one of its deletion. */
const TAKING_AWAY: ReadonlySet<NextStep['kind']> = new Set(['unpublish', 'release', 'let-go']);

/** `contested`: somebody else rewrites the status, and it is left alone for a while. */
type Publication = 'same' | 'written' | 'contested';

interface Lost {
  readonly address: Address;
  readonly why: Refusal;
}

/** Besides the outcomes of a step: come again when this time has passed. */
type Result = Outcome | Duration;

export class ServiceReconciler {
  readonly #deps: ServiceReconcilerDeps;

  constructor(deps: ServiceReconcilerDeps) {
    this.#deps = deps;
  }

  /** `key` is namespace/name. Rejects for a bug of ours only: what the API answers is reported, and retried with back-off. */
  async reconcile(key: string): Promise<ReconcileResult> {
    const { arrivals, retries } = this.#deps;
    const result = await this.#run(key);
    if (result.kind !== 'after') arrivals.leave(key);
    if (result.kind === 'done') retries.forget(key);
    return result;
  }

  async #run(key: string): Promise<ReconcileResult> {
    const { state, rules } = this.#deps;
    let failures = 0;
    for (let steps = 0; steps < MAX_STEPS && failures < MAX_FAILURES; steps++) {
      const service = state.services.get(key)?.value;
      if (service === undefined) {
        this.#deps.overlaps.forget(key);
        return { kind: 'done' };
      }
      const virtualIPs = state.virtualIPsOf(service.uid);
      const step = nextStep(service, virtualIPs, rules);
      try {
        const result = await this.#perform(step, service);
        if (result === 'done') return { kind: 'done' };
        if (result !== 'again') return { kind: 'after', milliseconds: result };
      } catch (error) {
        failures++;
        if (!(await this.#recover(error, step, service))) return { kind: 'retry' };
      }
    }
    return { kind: 'retry' };
  }

  async #perform(step: NextStep, service: ServiceView): Promise<Result> {
    const { addresses } = this.#deps;
    switch (step.kind) {
      case 'add-finalizer':
        return this.#addFinalizer(service, step.finalizer);
      case 'assign':
        return this.#assign(service);
      case 'release':
        return addresses.leave(service, step.virtualIPs, isToBeRetained(service));
      case 'unpublish':
        return this.#unpublish(service, step.addresses);
      case 'let-go':
        return this.#letGo(service, step);
      case 'wait':
      case 'nothing':
        return 'done';
    }
  }

  async #addFinalizer(service: ServiceView, finalizer: string): Promise<Outcome> {
    const { state, writes, arrivals, timestamp } = this.#deps;
    arrivals.enter(keyOf(service));
    const claims = finalizer === UPSTREAM_FINALIZER && !hasTrace(service) ? [claim(timestamp())] : [];
    state.services.note(await writes.addServiceFinalizer(service, finalizer, claims));
    return 'again';
  }

  async #assign(service: ServiceView): Promise<Result> {
    const { book, addresses, arrivals, overlaps } = this.#deps;
    const assignment = book.assign(service);
    if (assignment.grants.length > 0) {
      arrivals.enter(keyOf(service));
      try {
        await addresses.realise(service, assignment.grants);
      } catch (error) {
        book.abandon(service);
        throw error;
      }
      book.settle(service);
      return 'again';
    }
    // Until that is done its status stays as it is: by it the Service gets the same address again.
    if (assignment.isWithdrawing) return 'done';
    const wait = arrivals.wait(keyOf(service), assignment.keep);
    if (wait > 0) return wait;
    const { lasting, over, next } = overlaps.of(keyOf(service), assignment.going);
    // What it is to leave goes only when its status says nothing of it any more.
    if ((await this.#publish(service, { ...assignment, going: lasting })) === 'contested') return 'done';
    const left = [...assignment.drop, ...over];
    const outcome = left.length === 0 ? 'done' : await addresses.leave(service, left, false);
    return outcome === 'done' ? this.#comeAgain(keyOf(service), assignment.refusal, next) : outcome;
  }

  /** By time: for one that is refused, and when the overlap of an address is over. */
  #comeAgain(key: string, refusal: Refusal | undefined, overlap: Duration | undefined): Result {
    const { arrivals, retries } = this.#deps;
    if (refusal === undefined) retries.forget(key);
    const waits = [overlap ?? [], refusal === undefined ? [] : retries.wait(key, refusal)].flat();
    const [first] = waits.sort((a, b) => a - b);
    if (first === undefined) return 'done';
    arrivals.leave(key);
    return first;
  }

  async #publish(service: ServiceView, assignment: Assignment): Promise<Publication> {
    const { timestamp } = this.#deps;
    const lost = this.#lost(service);
    const plan = statusPlan(service, this.#assigned(assignment, lost), timestamp());
    const publication = await this.#writeStatus(service, plan);
    if (publication === 'written') this.#report(service, assignment, { plan, lost });
    return publication;
  }

  /** What its status names and somebody else has: restored twice, or shared by Services that do not fit any more. */
  #lost(service: ServiceView): readonly Lost[] {
    return ingressAddresses(service).flatMap((address) => {
      const why = this.#deps.book.whyForfeited(service, address);
      return why === undefined ? [] : [{ address, why }];
    });
  }

  #report(
    service: ServiceView,
    { keep, refusal, isSatisfied }: Assignment,
    { plan, lost }: { readonly plan: StatusPlan; readonly lost: readonly Lost[] },
  ): void {
    const { reporter, metrics } = this.#deps;
    const changed = (type: string) => plan.conditions.find((condition) => condition.type === type);
    // Without a change of our own somebody else has written it there, and it was never the Service's.
    for (const { why } of changed(ALLOCATED) === undefined ? [] : lost)
      reporter.warning(service, 'AddressLost', `${why.code}: ${why.message}`);
    if (refusal !== undefined && !isSatisfied && changed(ALLOCATED) !== undefined) {
      metrics.refused(refusal.code);
      reporter.warning(service, 'SyncLoadBalancerFailed', `${refusal.code}: ${refusal.message}`);
    }
    const replacing = changed(REPLACING);
    if (replacing !== undefined && replacing.reason !== 'Pending')
      reporter.warning(service, 'Replacing', `${replacing.reason}: ${replacing.message}`);
    const outside = changed(OUTSIDE_POOL);
    if (outside !== undefined) reporter.warning(service, 'OutsidePool', outside.message);
    const open = changed(OPEN_TO_ALL);
    if (open !== undefined) reporter.warning(service, 'SourceRangesIgnored', open.message);
    const published = { ...service, ingress: plan.ingress ?? service.ingress };
    const added = keep.filter((one) => isPublished(published, one) && !isPublished(service, one));
    if (added.length > 0) reporter.normal(service, 'EnsuredLoadBalancer', added.map(originOf).join(', '));
    // Once, when it is first answered for: a take-over costs neither a write of the Service nor an event.
    const announced = changed(ANNOUNCED);
    const wasAnnounced = service.conditions.some(
      ({ type, status }) => type === ANNOUNCED && status === 'True',
    );
    const answered = keep.filter(isAnsweredFor);
    const isComplete = keep.every((one) => one.candidates.length === 0 || answered.includes(one));
    if (announced !== undefined && !wasAnnounced && isComplete && answered.length > 0)
      reporter.normal(service, 'UpdatedLoadBalancer', answered.map(holderOf).join(', '));
    else if (announced?.reason === 'NoCandidates' && added.length === 0)
      reporter.warning(service, 'UnAvailableLoadBalancer', announced.message);
  }

  #assigned(
    { keep, coming, going, isReplacing, refusal, isSatisfied }: Assignment,
    lost: readonly Lost[],
  ): Assigned {
    const { book, placement } = this.#deps;
    return {
      ...{ virtualIPs: keep, coming, going, isReplacing },
      refusal,
      isSatisfied,
      forfeited: lost.map(({ address }) => address),
      whyOutside: ({ address, pool }) => whyOutsidePool(address, pool, book.pools),
      whyNobody: (address) => whyNoCandidates(address, placement.nodes),
    };
  }

  async #writeStatus(service: ServiceView, plan: StatusPlan): Promise<Publication> {
    const { state, writes, repairs } = this.#deps;
    if (plan.isSame) return 'same';
    const key = serviceKey(keyOf(service));
    if (repairs.isToWait(key, service, plan)) return 'contested';
    state.services.note(await writes.publishServiceStatus(service, plan));
    return 'written';
  }

  async #unpublish(service: ServiceView, addresses: readonly string[]): Promise<Outcome> {
    const { state, writes } = this.#deps;
    const rest = ingressWithout(service, addresses);
    state.services.note(await writes.writeServiceIngress(service, rest));
    return 'again';
  }

  async #letGo(service: ServiceView, step: Extract<NextStep, { kind: 'let-go' }>): Promise<Outcome> {
    const { state, writes, reporter, book } = this.#deps;
    const hadAddress = service.conditions.some(({ type, status }) => type === ALLOCATED && status === 'True');
    state.services.note(await writes.letServiceGo(service, step));
    const kept = book.reservedFor(service).map(formatAddress).join(', ');
    const message = kept === '' ? 'the address is free again' : `${kept} is kept for a Service of this name`;
    if (hadAddress) reporter.normal(service, 'DeletedLoadBalancer', message);
    return 'done';
  }

  /** Returns whether to go on at once: a decision on old data is made again on new data. */
  async #recover(error: unknown, step: NextStep, service: ServiceView): Promise<boolean> {
    const { reporter, log } = this.#deps;
    const key = keyOf(service);
    try {
      if (hasCode(error, 'Conflict', 'NotFound')) return await this.#readService(service);
    } catch (readError) {
      log.warn('reading the Service failed', { service: key, error: readError });
      return false;
    }
    if (!(error instanceof ApiError)) throw error;
    log.warn('reconcile will be retried', { service: key, error });
    if (hasCode(error, 'Forbidden', 'Invalid', 'BadRequest')) {
      const isTaken = TAKING_AWAY.has(step.kind);
      const reason = isTaken ? 'DeleteLoadBalancerFailed' : 'SyncLoadBalancerFailed';
      reporter.warning(service, reason, error.message);
    }
    return false;
  }

  async #readService(service: ServiceView): Promise<boolean> {
    const { state, writes } = this.#deps;
    try {
      state.services.note(await writes.readService(service));
    } catch (error) {
      if (!hasCode(error, 'NotFound')) throw error;
      state.services.gone({ metadata: service });
    }
    return true;
  }
}
