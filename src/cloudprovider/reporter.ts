// What users see of a Service's way besides its status: events under the names that the upstream service controller
// uses, which people and dashboards already know. `EnsuringLoadBalancer` is not among them: an address is there within
// milliseconds, and two events for each Service that comes are enough for the API server.

import type { EventRecorder, EventTarget } from '../kube/api.ts';
import type { ServiceView } from '../plan/views.ts';

const NORMAL = [
  /** It has an address, and which. */
  'EnsuredLoadBalancer',
  /** There is a host behind the address, and which. */
  'UpdatedLoadBalancer',
  'DeletingLoadBalancer',
  'DeletedLoadBalancer',
] as const;
const WARNING = [
  'SyncLoadBalancerFailed',
  'DeleteLoadBalancerFailed',
  /** No node can announce it. */
  'UnAvailableLoadBalancer',
  /** Ours: no other implementation keeps an address whose pool is gone. */
  'OutsidePool',
  /** Ours: what is published stays, because what is to take its place can not be had or is not answered for. */
  'Replacing',
  /** Ours: its status named an address that is somebody else's now. */
  'AddressLost',
  /** Ours: an annotation that providers of clouds keep lets everybody in. */
  'SourceRangesIgnored',
  /** The nodes behind an address could not be written. */
  'UpdateLoadBalancerFailed',
] as const;

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
