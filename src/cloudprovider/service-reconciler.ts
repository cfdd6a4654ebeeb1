// Takes one Service from what it is to what the LoadBalancer contract asks, step by step. Each step starts from the
// latest state and is safe to repeat, so it does not matter where a former run ended.

import type { ReconcileResult } from '../kube/api.ts';
import { ApiError, hasCode } from '../kube/api-error.ts';
import { formatAddress } from '../net/address.ts';
import type { Log } from '../observe/log.ts';
import { place, whyNoCandidates } from '../plan/placement.ts';
import { type NextStep, nextStep } from '../plan/service-contract.ts';
import {
  ALLOCATED,
  ANNOUNCED,
  publishedStatus,
  refusedStatus,
  type StatusPlan,
} from '../plan/service-status.ts';
import type { ServiceView } from '../plan/views.ts';
import { type VirtualIP, virtualIPName } from '../resource/virtual-ip.ts';
import type { Duration } from '../time/duration.ts';
import type { AllocationBook } from './allocation-book.ts';
import type { Arrivals } from './arrivals.ts';
import type { ClusterState } from './cluster-state.ts';
import { type ClusterWrites, newVirtualIPSpec } from './cluster-writes.ts';
import { SERVICE_FINALIZER } from './deps.ts';
import type { PlacementNodes } from './placement-nodes.ts';
import type { Reporter } from './reporter.ts';
import type { WaitingServices } from './waiting-services.ts';

export interface ServiceReconcilerDeps {
  readonly state: ClusterState;
  readonly book: AllocationBook;
  readonly waiting: WaitingServices;
  readonly arrivals: Arrivals;
  readonly placement: PlacementNodes;
  readonly writes: ClusterWrites;
  readonly reporter: Reporter;
  readonly classes: readonly string[];
  /** RFC 3339. */
  readonly timestamp: () => string;
  readonly log: Log;
}

/** More steps than any Service needs; only a cluster that changes under every one of them gets so far. */
const MAX_STEPS = 100;

/** Refused writes in a row after which it is left to the back-off. */
const MAX_FAILURES = 5;

/** `again`: decide anew on what is known now; `done`: nothing to do until something changes; or when this time has passed. */
type Outcome = 'again' | 'done' | Duration;

export class ServiceReconciler {
  readonly #deps: ServiceReconcilerDeps;

  constructor(deps: ServiceReconcilerDeps) {
    this.#deps = deps;
  }

  /** `key` is namespace/name. Rejects for a bug of ours only: what the API answers is reported, and retried with back-off. */
  async reconcile(key: string): Promise<ReconcileResult> {
    const result = await this.#run(key);
    if (result.kind !== 'after') this.#deps.arrivals.leave(key);
    return result;
  }

  async #run(key: string): Promise<ReconcileResult> {
    const { state, classes, waiting } = this.#deps;
    let failures = 0;
    for (let steps = 0; steps < MAX_STEPS && failures < MAX_FAILURES; steps++) {
      const service = state.services.get(key)?.value;
      if (service === undefined) return { kind: 'done' };
      const virtualIPs = state.virtualIPsOf(service.uid);
      const step = nextStep(service, virtualIPs, { classes, finalizer: SERVICE_FINALIZER });
      if (step.kind !== 'allocate') waiting.remove(key);
      try {
        const outcome = await this.#perform(step, key, service);
        if (outcome === 'done') return { kind: 'done' };
        if (outcome !== 'again') return { kind: 'after', milliseconds: outcome };
      } catch (error) {
        failures++;
        if (!(await this.#recover(error, service))) return { kind: 'retry' };
      }
    }
    return { kind: 'retry' };
  }

  async #perform(step: NextStep, key: string, service: ServiceView): Promise<Outcome> {
    const { state, writes, arrivals } = this.#deps;
    switch (step.kind) {
      case 'add-finalizer':
        arrivals.enter(key);
        state.services.note(await writes.addServiceFinalizer(service));
        return 'again';
      case 'allocate':
        return this.#allocate(key, service);
      case 'publish': {
        const wait = arrivals.wait(key, step.virtualIP);
        return wait > 0 ? wait : this.#publish(service, step.virtualIP);
      }
      case 'release':
        return this.#release(service, step.virtualIPs);
      case 'remove-finalizer':
        return this.#removeFinalizer(service, step.clearsStatus);
      case 'wait':
      case 'nothing':
        return 'done';
    }
  }

  async #allocate(key: string, service: ServiceView): Promise<Outcome> {
    const { book, waiting, arrivals, reporter, placement, state, writes, log, timestamp } = this.#deps;
    const allocation = book.allocate(key, service);
    if (allocation.kind === 'refused') {
      waiting.add(key);
      const { refusal } = allocation;
      const isWritten = await this.#writeStatus(service, refusedStatus(service, refusal, timestamp()));
      if (isWritten)
        reporter.warning(service, 'SyncLoadBalancerFailed', `${refusal.code}: ${refusal.message}`);
      return 'done';
    }
    waiting.remove(key);
    arrivals.enter(key);
    const { address, pool } = allocation;
    const name = virtualIPName(address);
    const candidates = place({ name, address, candidates: [], holder: undefined }, placement.nodes);
    try {
      state.virtualIPs.note(
        await writes.createVirtualIP(name, newVirtualIPSpec(service, { address, pool, candidates })),
      );
      log.info('address allocated', { service: key, address: formatAddress(address), pool });
    } catch (error) {
      if (!hasCode(error, 'AlreadyExists')) throw error;
      // Somebody else has it, or we made it just before a crash: with it in view, decide again.
      await this.#readVirtualIP(name);
    } finally {
      book.settle(key);
    }
    return 'again';
  }

  async #publish(service: ServiceView, virtualIP: VirtualIP): Promise<Outcome> {
    const { placement, reporter, timestamp } = this.#deps;
    const whyNobody = whyNoCandidates(virtualIP.address, placement.nodes);
    const plan = publishedStatus(service, { virtualIP, whyNobody }, timestamp());
    const isNew = plan.ingress?.some(({ ip }) => service.ingress.every((one) => one.ip !== ip)) ?? false;
    if (!(await this.#writeStatus(service, plan))) return 'done';
    const announced = plan.conditions.find((condition) => condition.type === ANNOUNCED);
    const address = formatAddress(virtualIP.address);
    if (isNew) reporter.normal(service, 'EnsuredLoadBalancer', `${address} from pool ${virtualIP.pool}`);
    // Once, when an address is first answered for: a take-over costs neither a write of the Service nor an event.
    if (announced?.status === 'True')
      reporter.normal(
        service,
        'UpdatedLoadBalancer',
        `${address} is announced by ${virtualIP.record.holder}`,
      );
    else if (announced?.reason === 'NoCandidates' && !isNew)
      reporter.warning(service, 'UnAvailableLoadBalancer', whyNobody);
    return 'done';
  }

  /** Returns whether there was anything to write. */
  async #writeStatus(service: ServiceView, plan: StatusPlan): Promise<boolean> {
    if (plan.isSame) return false;
    this.#deps.state.services.note(await this.#deps.writes.publishServiceStatus(service, plan));
    return true;
  }

  async #release(service: ServiceView, virtualIPs: readonly VirtualIP[]): Promise<Outcome> {
    const { reporter, writes, state, log } = this.#deps;
    for (const virtualIP of virtualIPs) {
      reporter.normal(service, 'DeletingLoadBalancer', `withdrawing ${formatAddress(virtualIP.address)}`);
      try {
        await writes.deleteVirtualIP(virtualIP);
        log.info('address released', {
          service: `${service.namespace}/${service.name}`,
          virtualIP: virtualIP.name,
        });
      } catch (error) {
        if (hasCode(error, 'NotFound')) state.virtualIPs.gone({ metadata: virtualIP });
        else if (hasCode(error, 'Conflict')) await this.#readVirtualIP(virtualIP.name);
        else throw error;
        return 'again';
      }
    }
    // The watch tells when it is gone.
    return 'done';
  }

  async #removeFinalizer(service: ServiceView, clearsStatus: boolean): Promise<Outcome> {
    const { state, writes, reporter } = this.#deps;
    const hadAddress = service.conditions.some(({ type, status }) => type === ALLOCATED && status === 'True');
    state.services.note(await writes.removeServiceFinalizer(service, clearsStatus));
    if (hadAddress) reporter.normal(service, 'DeletedLoadBalancer', 'the address is free again');
    return 'done';
  }

  async #readVirtualIP(name: string): Promise<void> {
    const { state, writes } = this.#deps;
    try {
      state.virtualIPs.note(await writes.readVirtualIP(name));
    } catch (error) {
      if (!hasCode(error, 'NotFound')) throw error;
      const known = state.virtualIPs.get(name);
      if (known !== undefined) state.virtualIPs.gone({ metadata: known.meta });
    }
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
