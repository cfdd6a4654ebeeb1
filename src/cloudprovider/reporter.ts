// What users see of a Service's way besides its status: events under the names that the upstream service controller
// uses, which people and dashboards already know. A created Service costs two: that it has its address, and who answers
// for it, which upstream has no name for. EnsuringLoadBalancer, a moment before the first, would tell nothing more.

import type { EventRecorder, EventTarget } from '../kube/api.ts';
import type { ServiceView } from '../plan/views.ts';

const NORMAL = [
  'EnsuredLoadBalancer',
  'AnnouncedLoadBalancer',
  'DeletingLoadBalancer',
  'DeletedLoadBalancer',
] as const;
const WARNING = ['SyncLoadBalancerFailed', 'UnAvailableLoadBalancer'] as const;

export type NormalReason = (typeof NORMAL)[number];
export type WarningReason = (typeof WARNING)[number];

export class Reporter {
  readonly #events: EventRecorder;

  constructor(events: EventRecorder) {
    this.#events = events;
  }

  normal(service: ServiceView, reason: NormalReason, message: string): void {
    this.#events.record(targetOf(service), 'Normal', reason, message);
  }

  warning(service: ServiceView, reason: WarningReason, message: string): void {
    this.#events.record(targetOf(service), 'Warning', reason, message);
  }
}

const targetOf = ({ namespace, name, uid }: ServiceView): EventTarget => ({
  kind: 'Service',
  apiVersion: 'v1',
  namespace,
  name,
  uid,
});
