// Every write that the controller makes, and the few reads that must not come from a watch. Each carries what it was
// decided on (resourceVersion, uid), so that a decision on old data is refused instead of carried out.

import type { KubeApi, KubeObject, ObjectMeta } from '../kube/api.ts';
import { ADDRESS_POOL, SERVICE, VIRTUAL_IP } from '../kube/kinds.ts';
import { formatAddress } from '../net/address.ts';
import type { Clearing } from '../plan/service-contract.ts';
import { isToBeRetained } from '../plan/service-request.ts';
import { OUR_ANNOTATIONS, OUR_CONDITIONS, type StatusPlan } from '../plan/service-status.ts';
import type { IngressView, ServiceView } from '../plan/views.ts';
import type { AddressPoolStatus } from '../resource/address-pool.ts';
import type { Condition } from '../resource/condition.ts';
import type { VirtualIPSpec } from '../resource/generated.ts';
import { MOVE_TO, type ServiceRef, type VirtualIP, WITHDRAW_FINALIZER } from '../resource/virtual-ip.ts';

export class ClusterWrites {
  readonly #api: KubeApi;

  constructor(api: KubeApi) {
    this.#api = api;
  }

  readService(ref: { readonly namespace: string; readonly name: string }): Promise<KubeObject> {
    return this.#api.get(SERVICE, { namespace: ref.namespace, name: ref.name });
  }

  /** With the conditions that say whose finalizer it is, in one patch. */
  addServiceFinalizer(
    service: ServiceView,
    finalizer: string,
    conditions: readonly Condition[],
  ): Promise<KubeObject> {
    return this.#patchService(service, { metadata: { finalizers: [finalizer] }, status: { conditions } });
  }

  /** Takes our finalizers away, and what is to be cleared of what we wrote, in one patch. */
  letServiceGo(
    service: ServiceView,
    { finalizers, clears }: { readonly finalizers: readonly string[]; readonly clears: Clearing },
  ): Promise<KubeObject> {
    const metadata = { '$deleteFromPrimitiveList/finalizers': finalizers };
    if (clears === 'nothing') return this.#patchService(service, { metadata });
    const loadBalancer = clears === 'everything' ? { loadBalancer: { ingress: null } } : {};
    const conditions = OUR_CONDITIONS.map(withoutCondition);
    const ours = OUR_ANNOTATIONS.filter((name) => name in service.annotations);
    const annotations = Object.fromEntries(ours.map((name) => [name, null]));
    return this.#patchService(service, {
      metadata: ours.length === 0 ? metadata : { ...metadata, annotations },
      status: { ...loadBalancer, conditions },
    });
  }

  /** Nothing else of the status changes. */
  writeServiceIngress(service: ServiceView, ingress: readonly IngressView[]): Promise<KubeObject> {
    return this.#patchService(service, { status: { loadBalancer: { ingress } } });
  }

  publishServiceStatus(service: ServiceView, plan: StatusPlan): Promise<KubeObject> {
    const { ingress, annotations } = plan;
    const loadBalancer = ingress === undefined ? {} : { loadBalancer: { ingress } };
    const conditions = [...plan.conditions, ...plan.goneConditions.map(withoutCondition)];
    const metadata = Object.keys(annotations).length === 0 ? {} : { annotations };
    return this.#patchService(service, { metadata, status: { ...loadBalancer, conditions } });
  }

  readVirtualIP(name: string): Promise<KubeObject> {
    return this.#api.get(VIRTUAL_IP, { name });
  }

  createVirtualIP(name: string, spec: VirtualIPSpec): Promise<KubeObject> {
    const { group, version, kind } = VIRTUAL_IP;
    return this.#api.create(VIRTUAL_IP, undefined, {
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { name, finalizers: [WITHDRAW_FINALIZER] },
      spec,
    });
  }

  /** The fields that are given take the place of what is there. */
  replanVirtualIP(
    { name, resourceVersion }: VirtualIP,
    spec: Partial<Pick<VirtualIPSpec, 'candidates' | 'services' | 'advertisements' | 'reservedFor'>>,
  ): Promise<KubeObject> {
    const body = { metadata: { resourceVersion }, spec };
    return this.#api.patch(VIRTUAL_IP, { name }, { type: 'merge', body });
  }

  /** Takes away the wish to have it on a certain node. */
  forgetMove({ name, resourceVersion }: VirtualIP): Promise<KubeObject> {
    const body = { metadata: { resourceVersion, annotations: { [MOVE_TO]: null } } };
    return this.#api.patch(VIRTUAL_IP, { name }, { type: 'merge', body });
  }

  /** Takes a reserved VirtualIP, which a user may have made without our finalizer, into use. */
  useVirtualIP(virtualIP: VirtualIP, spec: Partial<VirtualIPSpec>): Promise<KubeObject> {
    const { name, resourceVersion } = virtualIP;
    const finalizers = [...new Set([...virtualIP.finalizers, WITHDRAW_FINALIZER])];
    const body = { metadata: { resourceVersion, finalizers }, spec };
    return this.#api.patch(VIRTUAL_IP, { name }, { type: 'merge', body });
  }

  deleteVirtualIP({ name, uid, resourceVersion }: VirtualIP): Promise<void> {
    return this.#api.remove(VIRTUAL_IP, { name }, { uid, resourceVersion });
  }

  removeWithdrawFinalizer({ name, resourceVersion, finalizers }: VirtualIP): Promise<KubeObject> {
    const others = finalizers.filter((finalizer) => finalizer !== WITHDRAW_FINALIZER);
    const body = { metadata: { resourceVersion, finalizers: others } };
    return this.#api.patch(VIRTUAL_IP, { name }, { type: 'merge', body });
  }

  /** Agents write the rest of this status. */
  writeWithdrawn(
    { name, resourceVersion }: VirtualIP,
    conditions: readonly Condition[],
  ): Promise<KubeObject> {
    const body = { metadata: { resourceVersion }, status: { phase: 'Withdrawn', conditions } };
    const patch = { type: 'merge', body } as const;
    return this.#api.patch(VIRTUAL_IP, { name }, patch, { subresource: 'status' });
  }

  /** A field that is absent from the status is taken away. */
  writePoolStatus(
    meta: Pick<ObjectMeta, 'name' | 'resourceVersion'>,
    { observedGeneration, ipv4, ipv6, conditions }: AddressPoolStatus,
  ): Promise<KubeObject> {
    const counts = { ipv4: ipv4 ?? null, ipv6: ipv6 ?? null };
    const status = { observedGeneration: observedGeneration ?? null, ...counts, conditions };
    const body = { metadata: { resourceVersion: meta.resourceVersion }, status };
    const patch = { type: 'merge', body } as const;
    return this.#api.patch(ADDRESS_POOL, { name: meta.name }, patch, { subresource: 'status' });
  }

  /** Finalizers too are patched through the status, so that no right to change a spec is needed. */
  #patchService(
    { namespace, name, resourceVersion }: ServiceView,
    patch: { readonly metadata?: object; readonly status?: object },
  ): Promise<KubeObject> {
    const body = { ...patch, metadata: { ...patch.metadata, resourceVersion } };
    const ref = { namespace, name };
    return this.#api.patch(SERVICE, ref, { type: 'strategic', body }, { subresource: 'status' });
  }
}

const withoutCondition = (type: string): object => ({ $patch: 'delete', type });

export interface NewVirtualIP extends Pick<VirtualIP, 'address' | 'pool' | 'candidates'> {
  /** Whether anybody answers for it. */
  readonly isAnnounced: boolean;
}

/** The spec of a new VirtualIP for one Service. */
export function newVirtualIPSpec(
  service: ServiceView,
  { address, pool, candidates, isAnnounced }: NewVirtualIP,
): VirtualIPSpec {
  return {
    address: formatAddress(address),
    family: address.family,
    ...(pool === '' ? {} : { pool }),
    services: [refOf(service)],
    candidates,
    advertisements: advertisementsOf(isAnnounced),
  };
}

/** What has to be known of the Service also when it is gone. */
export const refOf = (service: ServiceView): ServiceRef => ({
  namespace: service.namespace,
  name: service.name,
  uid: service.uid,
  ports: portsOf(service),
  ...(isToBeRetained(service) ? { retain: true } : {}),
  ...(service.externalTrafficPolicy === 'Local' ? { local: true } : {}),
});

export const advertisementsOf = (isAnnounced: boolean): VirtualIP['advertisements'] =>
  isAnnounced ? [{ name: 'default', l2: { interfaces: [], ping: true, bind: false } }] : [];

const portsOf = (service: ServiceView): ServiceRef['ports'] =>
  service.ports.map(({ protocol, port }) => ({ protocol, port }));
