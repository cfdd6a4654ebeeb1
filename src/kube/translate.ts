// Kubernetes' own kinds, as they come from the API, into the small readonly values of plan/views.ts. Defensive: a
// field that is absent or of another type becomes its empty value, because old servers leave fields out.

import type {
  ApiServerSliceView,
  EndpointSliceView,
  IngressView,
  LeaseView,
  NamespaceView,
  NodeView,
  ServicePort,
  ServiceView,
  TaintView,
} from '../plan/views.ts';
import type { Condition } from '../resource/condition.ts';
import type { KubeObject } from './api.ts';

type Fields = Readonly<Record<string, unknown>>;

export function translateService(object: KubeObject): ServiceView {
  const { metadata } = object;
  const spec = fieldsOf(object, 'spec');
  const status = fieldsOf(object, 'status');
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    creationTimestamp: metadata.creationTimestamp,
    generation: metadata.generation,
    type: text(spec.type) ?? 'ClusterIP',
    loadBalancerClass: text(spec.loadBalancerClass),
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    finalizers: metadata.finalizers ?? [],
    isDeleting: metadata.deletionTimestamp !== undefined,
    ipFamilies: texts(spec.ipFamilies).filter((family) => family === 'IPv4' || family === 'IPv6'),
    ipFamilyPolicy: text(spec.ipFamilyPolicy),
    clusterIPs: texts(spec.clusterIPs),
    selector: textsByKey(fieldsOf(spec, 'selector')),
    ports: items(spec.ports).map(servicePort),
    externalTrafficPolicy: text(spec.externalTrafficPolicy),
    loadBalancerIP: text(spec.loadBalancerIP),
    loadBalancerSourceRanges: texts(spec.loadBalancerSourceRanges),
    ingress: items(fieldsOf(status, 'loadBalancer').ingress).map(ingress),
    conditions: items(status.conditions).map(condition),
  };
}

export function translateNode(object: KubeObject): NodeView {
  const { metadata } = object;
  const status = fieldsOf(object, 'status');
  return {
    name: metadata.name,
    uid: metadata.uid,
    labels: metadata.labels ?? {},
    taints: items(fieldsOf(object, 'spec').taints).map(taint),
    addresses: items(status.addresses)
      .filter((address) => address.type === 'InternalIP' || address.type === 'ExternalIP')
      .map((address) => text(address.address) ?? '')
      .filter((address) => address !== ''),
    isDeleting: metadata.deletionTimestamp !== undefined,
    ready: items(status.conditions).some((entry) => entry.type === 'Ready' && entry.status === 'True'),
    isShuttingDown: items(status.conditions).some(
      ({ type, status: is, message }) =>
        type === 'Ready' && is === 'False' && text(message)?.includes('node is shutting down') === true,
    ),
  };
}

/** Ready, as an endpoint of which nothing is said is, or still serving while it terminates. */
export function translateEndpointSlice(object: KubeObject): EndpointSliceView {
  const { namespace = '', labels = {} } = object.metadata;
  const usable = items((object as { readonly endpoints?: unknown }).endpoints).filter((endpoint) => {
    const { ready, serving } = fieldsOf(endpoint, 'conditions');
    return ready !== false || serving === true;
  });
  const nodes = usable.map(({ nodeName }) => text(nodeName));
  return {
    service: `${namespace}/${labels['kubernetes.io/service-name'] ?? ''}`,
    nodes: [...new Set(nodes.flatMap((node) => node ?? []))].sort(),
    isAnywhere: nodes.includes(undefined),
  };
}

export const translateNamespace = ({ metadata: { name, labels = {} } }: KubeObject): NamespaceView => ({
  name,
  labels,
});

export const translateApiServerSlice = (object: KubeObject): ApiServerSliceView => ({
  addresses: items((object as unknown as Fields).endpoints).flatMap(({ addresses }) => texts(addresses)),
});

export function translateLease(object: KubeObject): LeaseView {
  const spec = fieldsOf(object, 'spec');
  return {
    name: object.metadata.name,
    holder: text(spec.holderIdentity) ?? '',
    renewTime: text(spec.renewTime),
    durationSeconds: typeof spec.leaseDurationSeconds === 'number' ? spec.leaseDurationSeconds : 0,
    labels: object.metadata.labels ?? {},
  };
}

/** All of them, by the kind that each one reads. */
export const translate = {
  service: translateService,
  namespace: translateNamespace,
  node: translateNode,
  lease: translateLease,
  endpointSlice: translateEndpointSlice,
  apiServerSlice: translateApiServerSlice,
};

const servicePort = (port: Fields): ServicePort => ({
  name: text(port.name) ?? '',
  protocol: port.protocol === 'UDP' || port.protocol === 'SCTP' ? port.protocol : 'TCP',
  port: typeof port.port === 'number' ? port.port : 0,
});

function ingress(entry: Fields): IngressView {
  const ip = text(entry.ip);
  const hostname = text(entry.hostname);
  const ipMode = text(entry.ipMode);
  const ports = items(entry.ports);
  return {
    ...(ip === undefined ? {} : { ip }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(ipMode === undefined ? {} : { ipMode }),
    ...(ports.length === 0 ? {} : { ports }),
  };
}

const condition = (entry: Fields): Condition => ({
  type: text(entry.type) ?? '',
  status: entry.status === 'True' || entry.status === 'False' ? entry.status : 'Unknown',
  reason: text(entry.reason) ?? '',
  message: text(entry.message) ?? '',
  ...(typeof entry.observedGeneration === 'number' ? { observedGeneration: entry.observedGeneration } : {}),
  lastTransitionTime: text(entry.lastTransitionTime) ?? '',
});

const taint = (entry: Fields): TaintView => ({
  key: text(entry.key) ?? '',
  value: text(entry.value) ?? '',
  effect: text(entry.effect) ?? '',
});

function fieldsOf(object: object, field: string): Fields {
  const value: unknown = (object as Fields)[field];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];

const textsByKey = (fields: Fields): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  );

const items = (value: unknown): readonly Fields[] =>
  Array.isArray(value)
    ? value.filter((item): item is Fields => typeof item === 'object' && item !== null)
    : [];
