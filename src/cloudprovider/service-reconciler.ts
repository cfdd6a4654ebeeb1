// Takes one Service from what it is to what the LoadBalancer contract asks, step by step. Each step starts from the
// latest state and is safe to repeat, so it does not matter where a former run ended.

import { whyOutsidePool } from '../ipam/outside-pool.ts';
import type { ReconcileResult } from '../kube/api.ts';
import { ApiError, hasCode } from '../kube/api-error.ts';
import type { Log } from '../observe/log.ts';
import type { ControllerMetrics } from '../observe/metrics.ts';
import { whyNoCandidates } from '../plan/placement.ts';
import { type NextStep, nextStep } from '../plan/service-contract.ts';
import { ingressAddresses, isToBeRetained } from '../plan/service-request.ts';
import {
  ALLOCATED,
  ANNOUNCED,
  type Assigned,
  OUTSIDE_POOL,
  type StatusPlan,
  statusPlan,
} from '../plan/service-status.ts';
import type { ServiceView } from '../plan/views.ts';
import type { AllocationBook, Assignment } from './allocation-book.ts';
import type { ClusterState } from './cluster-state.ts';
import type { ClusterWrites } from './cluster-writes.ts';
import { SERVICE_FINALIZER } from './deps.ts';
import type { PlacementNodes } from './placement-nodes.ts';
import type { Reporter } from './reporter.ts';
import type { Outcome, ServiceAddresses } from './service-addresses.ts';

export interface ServiceReconcilerDeps {
  readonly state: ClusterState;
  readonly book: AllocationBook;
  readonly addresses: ServiceAddresses;
  readonly placement: PlacementNodes;
  readonly writes: ClusterWrites;
  readonly reporter: Reporter;
  readonly metrics: Pick<ControllerMetrics, 'refused'>;
  readonly classes: readonly string[];
  /** RFC 3339. */
  readonly timestamp: () => string;
  readonly log: Log;
}

/** More steps than any Service needs; only a cluster that changes under every one of them gets so far. */
const MAX_STEPS = 100;

/** Refused writes in a row after which it is left to the back-off. */
const MAX_FAILURES = 5;

export class ServiceReconciler {
  readonly #deps: ServiceReconcilerDeps;

  constructor(deps: ServiceReconcilerDeps) {
    this.#deps = deps;
  }

  /** `key` is namespace/name. Rejects for a bug of ours only: what the API answers is reported, and retried with back-off. */
  async reconcile(key: string): Promise<ReconcileResult> {
    const { state, classes } = this.#deps;
    let failures = 0;
    for (let steps = 0; steps < MAX_STEPS && failures < MAX_FAILURES; steps++) {
      const service = state.services.get(key)?.value;
      if (service === undefined) return { kind: 'done' };
      const virtualIPs = state.virtualIPsOf(service.uid);
      const step = nextStep(service, virtualIPs, { classes, finalizer: SERVICE_FINALIZER });
      try {
        if ((await this.#perform(step, service)) === 'done') return { kind: 'done' };
      } catch (error) {
        failures++;
        if (!(await this.#recover(error, service))) return { kind: 'retry' };
      }
    }
    return { kind: 'retry' };
  }

  async #perform(step: NextStep, service: ServiceView): Promise<Outcome> {
    const { state, writes, addresses } = this.#deps;
    switch (step.kind) {
      case 'add-finalizer':
        state.services.note(await writes.addServiceFinalizer(service));
        return 'again';
      case 'assign':
        return this.#assign(service);
      case 'release':
        return addresses.leave(service, step.virtualIPs, isToBeRetained(service));
      case 'remove-finalizer':
        return this.#removeFinalizer(service, step.clearsStatus);
      case 'wait':
      case 'nothing':
        return 'done';
    }
  }

  async #assign(service: ServiceView): Promise<Outcome> {
    const { book, addresses } = this.#deps;
    const assignment = book.assign(service);
    if (assignment.grants.length > 0) {
      try {
        await addresses.realise(service, assignment.grants);
      } finally {
        book.settle(service);
      }
      return 'again';
    }
    const hasNothingToSay = assignment.keep.length === 0 && assignment.refusal === undefined;
    if (!hasNothingToSay) await this.#publish(service, assignment);
    // Only when its status says nothing of them any more.
    return assignment.drop.length === 0 ? 'done' : addresses.leave(service, assignment.drop, false);
  }

  async #publish(service: ServiceView, assignment: Assignment): Promise<void> {
    const { reporter, timestamp, metrics } = this.#deps;
    const plan = statusPlan(service, this.#assigned(service, assignment), timestamp());
    if (!(await this.#writeStatus(service, plan))) return;
    const { refusal, isSatisfied } = assignment;
    const changed = (type: string) => plan.conditions.find((condition) => condition.type === type);
    const added = (plan.ingress ?? []).filter(({ ip }) => service.ingress.every((one) => one.ip !== ip));
    const isRefused = refusal !== undefined && !isSatisfied && changed(ALLOCATED) !== undefined;
    if (isRefused) {
      metrics.refused(refusal.code);
      reporter.warning(service, 'SyncLoadBalancerFailed', `${refusal.code}: ${refusal.message}`);
    }
    const outside = changed(OUTSIDE_POOL);
    if (outside !== undefined) reporter.warning(service, 'OutsidePool', outside.message);
    const announced = changed(ANNOUNCED);
    if (added.length > 0)
      reporter.normal(service, 'EnsuredLoadBalancer', `published ${added.map(({ ip }) => ip).join(', ')}`);
    else if (announced?.reason === 'NoCandidates')
      reporter.warning(service, 'UnAvailableLoadBalancer', announced.message);
  }

  #assigned(service: ServiceView, { keep, refusal, isSatisfied }: Assignment): Assigned {
    const { book, placement } = this.#deps;
    return {
      virtualIPs: keep,
      refusal,
      isSatisfied,
      isForfeited: ingressAddresses(service).some((address) => book.isForfeited(service, address)),
      whyOutside: ({ address, pool }) => whyOutsidePool(address, pool, book.pools),
      whyNobody: (address) => whyNoCandidates(address, placement.nodes),
    };
  }

  /** Returns whether there was anything to write. */
  async #writeStatus(service: ServiceView, plan: StatusPlan): Promise<boolean> {
    if (plan.isSame) return false;
    this.#deps.state.services.note(await this.#deps.writes.publishServiceStatus(service, plan));
    return true;
  }

  async #removeFinalizer(service: ServiceView, clearsStatus: boolean): Promise<Outcome> {
    const { state, writes, reporter } = this.#deps;
    const hadAddress = service.conditions.some(({ type, status }) => type === ALLOCATED && status === 'True');
    state.services.note(await writes.removeServiceFinalizer(service, clearsStatus));
    if (hadAddress) reporter.normal(service, 'DeletedLoadBalancer', 'the address is free again');
    return 'done';
  }

  /** Returns whether to go on at once: a decision on old data is made again on new data. */
  async #recover(error: unknown, service: ServiceView): Promise<boolean> {
    const { reporter, log } = this.#deps;
    const key = `${service.namespace}/${service.name}`;
    try {
      if (hasCode(error, 'Conflict', 'NotFound')) return await this.#readService(service);
    } catch (readError) {
      log.warn('reading the Service failed', { service: key, error: readError });
      return false;
    }
    if (!(error instanceof ApiError)) throw error;
    log.warn('reconcile will be retried', { service: key, error });
    if (error instanceof Error && hasCode(error, 'Forbidden', 'Invalid', 'BadRequest')) {
      reporter.warning(service, 'SyncLoadBalancerFailed', error.message);
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
