// What the controller is given by its composition root: the cluster as types, clocks, log, metrics.

import type { Clock, WallClock } from '../host/host.ts';
import type { EventRecorder, KubeApi, KubeObject, ListWatch, WorkQueue } from '../kube/api.ts';
import type { Log } from '../observe/log.ts';
import type { ControllerMetrics } from '../observe/metrics.ts';
import type { ClassRules } from '../plan/service-class.ts';
import type {
  ApiServerSliceView,
  EndpointSliceView,
  LeaseView,
  NamespaceView,
  NodeView,
  ServiceView,
} from '../plan/views.ts';
import { type Duration, minutes } from '../time/duration.ts';

/** One watch for each kind that the controller reads; it starts and stops them. */
export interface ControllerWatches {
  readonly services: ListWatch<KubeObject>;
  /** Their labels decide which pools are for them. */
  readonly namespaces: ListWatch<KubeObject>;
  readonly nodes: ListWatch<KubeObject>;
  /** The agents' Leases only: in our namespace, with the label app.kubernetes.io/component=agent. */
  readonly leases: ListWatch<KubeObject>;
  readonly pools: ListWatch<KubeObject>;
  readonly virtualIPs: ListWatch<KubeObject>;
  readonly announcers: ListWatch<KubeObject>;
  /** Where the API server is: the slices of Service default/kubernetes. */
  readonly apiServers: ListWatch<KubeObject>;
  /** Where the pods of Services with externalTrafficPolicy Local are. */
  readonly endpointSlices: ListWatch<KubeObject>;
}

/** Kubernetes' own kinds as small values (kube/translate.ts). */
export interface Translate {
  service(object: KubeObject): ServiceView;
  namespace(object: KubeObject): NamespaceView;
  node(object: KubeObject): NodeView;
  lease(object: KubeObject): LeaseView;
  endpointSlice(object: KubeObject): EndpointSliceView;
  apiServerSlice(object: KubeObject): ApiServerSliceView;
}

export interface ControllerDeps {
  readonly api: KubeApi;
  readonly translate: Translate;
  readonly watches: ControllerWatches;
  /** Not started yet. */
  readonly queue: WorkQueue;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly metrics: Pick<ControllerMetrics, 'reconciled' | 'allocations' | 'refused'>;
}

/** `Off`: no address ever moves because others hold fewer. */
export type Rebalance = 'Off' | 'Slow';

export interface ControllerOptions {
  /** The values of spec.loadBalancerClass that are ours. */
  readonly loadBalancerClasses: readonly string[];
  /** Whether Services without a class are ours too. */
  readonly servesClassless: boolean;
  /** Whether addresses are moved, one at a time, away from nodes that hold too many. */
  readonly rebalance: Rebalance;
  /** How long an address that was replaced is published beside the new one, in ms. */
  readonly replacementOverlap: Duration;
  /** How many keys are reconciled at a time. */
  readonly workers: number;
  /** How long changes are collected before a pool's status is written, in ms. */
  readonly poolStatusDelay: number;
  /** The shortest time between two writes of a pool's counts, in ms. */
  readonly poolStatusInterval: number;
}

export const rulesOf = ({ loadBalancerClasses, servesClassless }: ControllerOptions): ClassRules => ({
  classes: loadBalancerClasses,
  servesClassless,
});

export const DEFAULT_OPTIONS: ControllerOptions = {
  loadBalancerClasses: ['fairlead.io/lb'],
  servesClassless: false,
  rebalance: 'Off',
  replacementOverlap: minutes(1),
  workers: 8,
  poolStatusDelay: 200,
  poolStatusInterval: 5000,
};
