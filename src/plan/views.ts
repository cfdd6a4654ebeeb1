// Kubernetes' own kinds as the pure code sees them: small readonly values, made by kube/translate.ts at the edge.

import type { Condition } from '../resource/condition.ts';

export interface ServicePort {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
}

export interface IngressView {
  readonly ip?: string;
  readonly hostname?: string;
  readonly ipMode?: string;
  /** Never ours: kept as another provider wrote it. */
  readonly ports?: readonly object[];
}

/** A v1 Service. */
export interface ServiceView {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
  readonly generation: number | undefined;
  /** ClusterIP | NodePort | LoadBalancer | ExternalName. */
  readonly type: string;
  readonly loadBalancerClass: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
  readonly isDeleting: boolean;
  readonly ipFamilies: readonly ('IPv4' | 'IPv6')[];
  /** SingleStack | PreferDualStack | RequireDualStack. */
  readonly ipFamilyPolicy: string | undefined;
  readonly clusterIPs: readonly string[];
  /** Labels of the pods behind it. */
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
  readonly externalTrafficPolicy: string | undefined;
  readonly loadBalancerIP: string | undefined;
  /** Kept by kube-proxy. */
  readonly loadBalancerSourceRanges: readonly string[];
  readonly ingress: readonly IngressView[];
  readonly conditions: readonly Condition[];
}

export interface TaintView {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
}

/** A v1 Node. */
export interface NodeView {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly TaintView[];
  /** status.addresses that are IP addresses, as text. */
  readonly addresses: readonly string[];
  readonly isDeleting: boolean;
  readonly ready: boolean;
  /** The kubelet says that it is being shut down (graceful node shutdown). */
  readonly isShuttingDown: boolean;
}

/** A discovery.k8s.io/v1 EndpointSlice: where its endpoints are that traffic may be sent to. */
export interface EndpointSliceView {
  /** namespace/name of its Service. */
  readonly service: string;
  /** Sorted, each once. */
  readonly nodes: readonly string[];
  /** One of them does not say on which node it is. */
  readonly isAnywhere: boolean;
}

/** A v1 Namespace. */
export interface NamespaceView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** An EndpointSlice of the API server's own Service. */
export interface ApiServerSliceView {
  /** Of all its endpoints, ready or not; a host name where they are of type FQDN. */
  readonly addresses: readonly string[];
}

/** A coordination.k8s.io/v1 Lease. */
export interface LeaseView {
  readonly name: string;
  /** spec.holderIdentity; '' when released. */
  readonly holder: string;
  readonly renewTime: string | undefined;
  readonly durationSeconds: number;
  readonly labels: Readonly<Record<string, string>>;
}
