// Every write that the controller makes, and the few reads that must not come from a watch. Each carries what it was
// decided on (resourceVersion, uid), so that a decision on old data is refused instead of carried out.

import type { KubeApi, KubeObject, ObjectMeta } from '../kube/api.ts';
import { ADDRESS_POOL, SERVICE, VIRTUAL_IP } from '../kube/kinds.ts';
import { formatAddress } from '../net/address.ts';
import { OUR_CONDITIONS, type StatusPlan } from '../plan/service-status.ts';
import type { ServiceView } from '../plan/views.ts';
import type { AddressPoolStatus } from '../resource/address-pool.ts';
import type { VirtualIPSpec } from '../resource/generated.ts';
import { type VirtualIP, WITHDRAW_FINALIZER } from '../resource/virtual-ip.ts';
import { SERVICE_FINALIZER } from './deps.ts';

export class ClusterWrites {
  readonly #api: KubeApi;

  constructor(api: KubeApi) {
    this.#api = api;
  }

  readService(ref: { readonly namespace: string; readonly name: string }): Promise<KubeObject> {
    return this.#api.get(SERVICE, { namespace: ref.namespace, name: ref.name });
  }

  addServiceFinalizer(service: ServiceView): Promise<KubeObject> {
    return this.#patchService(service, { metadata: { finalizers: [SERVICE_FINALIZER] } });
  }

  /** Takes our finalizer away, and with `clearsStatus` everything that we wrote into the status, in one patch. */
  removeServiceFinalizer(service: ServiceView, clearsStatus: boolean): Promise<KubeObject> {
    const metadata = { '$deleteFromPrimitiveList/finalizers': [SERVICE_FINALIZER] };
    const conditions = OUR_CONDITIONS.map((type) => ({ $patch: 'delete', type }));
    const status = { loadBalancer: { ingress: null }, conditions };
    return this.#patchService(service, clearsStatus ? { metadata, status } : { metadata });
  }

  publishServiceStatus(service: ServiceView, { ingress, conditions }: StatusPlan): Promise<KubeObject> {
    const loadBalancer = ingress === undefined ? {} : { loadBalancer: { ingress } };
    return this.#patchService(service, { status: { ...loadBalancer, conditions } });
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

  replanVirtualIP(
    { name, resourceVersion }: VirtualIP,
    spec: Pick<VirtualIPSpec, 'candidates' | 'services'>,
  ): Promise<KubeObject> {
    const body = { metadata: { resourceVersion }, spec };
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

/** The spec of a new VirtualIP for one Service. */
export function newVirtualIPSpec(
  service: ServiceView,
  { address, pool, candidates }: Pick<VirtualIP, 'address' | 'pool' | 'candidates'>,
): VirtualIPSpec {
  return {
    address: formatAddress(address),
    family: address.family,
    pool,
    services: [
      { namespace: service.namespace, name: service.name, uid: service.uid, ports: portsOf(service) },
    ],
    candidates,
    advertisements: [{ name: 'default', l2: { interfaces: [], ping: true, bind: false } }],
  };
}

export const portsOf = (service: ServiceView): VirtualIP['services'][number]['ports'] =>
  service.ports.map(({ protocol, port }) => ({ protocol, port }));
