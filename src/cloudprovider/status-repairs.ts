// Keeps us from rewriting a Service's status for ever against another provider that takes the Service for its own: after
// a few repairs in a row there is one a minute, and an event that says why.

import type { Clock } from '../host/host.ts';
import type { WorkQueue } from '../kube/api.ts';
import { ALLOCATED, hasIngress, type StatusPlan } from '../plan/service-status.ts';
import type { ServiceView } from '../plan/views.ts';
import { minutes } from '../time/duration.ts';
import { TokenBuckets } from '../time/token-buckets.ts';
import type { Reporter } from './reporter.ts';

const BURST = 5;
const REFILL = minutes(1);
const REMEMBERED = 4096;

export interface StatusRepairsDeps {
  readonly clock: Clock;
  readonly queue: Pick<WorkQueue, 'addAfter'>;
  readonly reporter: Reporter;
}

export class StatusRepairs {
  readonly #deps: StatusRepairsDeps;
  readonly #buckets = new TokenBuckets({ burst: BURST, refill: REFILL, remembered: REMEMBERED });

  constructor(deps: StatusRepairsDeps) {
    this.#deps = deps;
  }

  /** Whether the write has to wait; it is tried again under the key when its time has come. */
  isToWait(key: string, service: ServiceView, plan: StatusPlan): boolean {
    const { clock, queue, reporter } = this.#deps;
    if (!isRepair(service, plan) || this.#buckets.spend(service.uid, clock.now())) return false;
    const present = service.ingress.map(({ ip, hostname }) => ip ?? hostname ?? '').join(', ');
    const text = `StatusContested: somebody else keeps writing ${present} into the status: is another provider active?`;
    reporter.warning(service, 'SyncLoadBalancerFailed', text);
    queue.addAfter(key, REFILL);
    return true;
  }
}

/** Nothing changed on our side, and yet its status says other addresses than the ones that we wrote. */
function isRepair(service: ServiceView, { ingress, conditions }: StatusPlan): boolean {
  const isOurChange = conditions.some(({ type }) => type === ALLOCATED);
  const wasPublished = service.conditions.some(({ type, status }) => type === ALLOCATED && status === 'True');
  const isDifferent = ingress !== undefined && !hasIngress(service, ingress);
  return wasPublished && !isOurChange && service.ingress.length > 0 && isDifferent;
}
