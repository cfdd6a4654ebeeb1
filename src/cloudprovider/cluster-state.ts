// The cluster as the controller knows it: a mirror of each kind, and which VirtualIPs belong to which Service.

import type { KubeObject } from '../kube/api.ts';
import type { ApiServerSliceView, LeaseView, NamespaceView, NodeView, ServiceView } from '../plan/views.ts';
import { type AddressPool, parseAddressPool } from '../resource/address-pool.ts';
import { type Announcer, parseAnnouncer } from '../resource/announcer.ts';
import type { Parsed } from '../resource/parsed.ts';
import { parseVirtualIP, type VirtualIP } from '../resource/virtual-ip.ts';
import type { ControllerWatches, Translate } from './deps.ts';
import { Mirror, type MirrorChange } from './mirror.ts';

/** An AddressPool with the object it came from, whose status is read only when it is compared. */
export interface PoolEntry {
  readonly object: KubeObject;
  readonly parsed: Parsed<AddressPool>;
}

export class ClusterState {
  readonly services: Mirror<ServiceView>;
  readonly namespaces: Mirror<NamespaceView>;
  readonly nodes: Mirror<NodeView>;
  readonly leases: Mirror<LeaseView>;
  readonly pools: Mirror<PoolEntry>;
  readonly virtualIPs: Mirror<Parsed<VirtualIP>>;
  readonly announcers: Mirror<Parsed<Announcer>>;
  /** The EndpointSlices of the API server's own Service. */
  readonly apiServers: Mirror<ApiServerSliceView>;
  /** Names of VirtualIPs by the uid of a Service that they name. */
  readonly #byService = new Map<string, Set<string>>();

  constructor(watches: ControllerWatches, translate: Translate) {
    this.services = new Mirror(watches.services, (object) => translate.service(object));
    this.namespaces = new Mirror(watches.namespaces, (object) => translate.namespace(object));
    this.nodes = new Mirror(watches.nodes, (object) => translate.node(object));
    this.leases = new Mirror(watches.leases, (object) => translate.lease(object));
    this.pools = new Mirror(watches.pools, (object) => ({ object, parsed: parseAddressPool(object) }));
    this.virtualIPs = new Mirror(watches.virtualIPs, parseVirtualIP);
    this.announcers = new Mirror(watches.announcers, parseAnnouncer);
    this.apiServers = new Mirror(watches.apiServers, (object) => translate.apiServerSlice(object));
    this.virtualIPs.onChange((change) => this.#index(change));
  }

  /** In no particular order; the readable ones only. */
  virtualIPsOf(serviceUid: string): readonly VirtualIP[] {
    const names = this.#byService.get(serviceUid);
    if (names === undefined) return [];
    return [...names].flatMap((name) => readable(this.virtualIPs.get(name)?.value) ?? []);
  }

  /** Whether Fairlead answers for the addresses of the pool; also of one that is gone. */
  isAnnounced(pool: string): boolean {
    return readable(this.pools.get(pool)?.value.parsed)?.announce ?? true;
  }

  virtualIP(name: string): VirtualIP | undefined {
    return readable(this.virtualIPs.get(name)?.value);
  }

  #index({ key, before, now }: MirrorChange<Parsed<VirtualIP>>): void {
    for (const { uid } of readable(before?.value)?.services ?? []) {
      const names = this.#byService.get(uid);
      names?.delete(key);
      if (names?.size === 0) this.#byService.delete(uid);
    }
    for (const { uid } of readable(now?.value)?.services ?? []) {
      const names = this.#byService.get(uid);
      if (names === undefined) this.#byService.set(uid, new Set([key]));
      else names.add(key);
    }
  }
}

export const readable = <T>(parsed: Parsed<T> | undefined): T | undefined =>
  parsed?.kind === 'value' ? parsed.value : undefined;
