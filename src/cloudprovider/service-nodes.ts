// Which nodes have endpoints of each Service, from all EndpointSlices: the names of nodes and nothing else of them.

import type { KubeObject, ListWatch } from '../kube/api.ts';
import type { EndpointSliceView } from '../plan/views.ts';
import { keyOf } from './mirror.ts';

export class ServiceNodes {
  readonly #read: (object: KubeObject) => EndpointSliceView;
  /** By namespace/name of the slice. */
  readonly #slices = new Map<string, EndpointSliceView>();
  /** The slices of each Service. */
  readonly #byService = new Map<string, Set<string>>();
  #onChange: (service: string) => void = () => {};

  constructor(watch: ListWatch<KubeObject>, read: (object: KubeObject) => EndpointSliceView) {
    this.#read = read;
    watch.onChange((change) => {
      if (change.kind === 'deleted') this.#set(keyOf(change.before.metadata), undefined);
      else this.#set(keyOf(change.object.metadata), this.#read(change.object));
    });
  }

  /** `service` is namespace/name; called only when other nodes have its endpoints than before. */
  onChange(handler: (service: string) => void): void {
    this.#onChange = handler;
  }

  /** Undefined where every node will do, because nobody knows on which node an endpoint is. */
  nodesOf(service: string): ReadonlySet<string> | undefined {
    const nodes = new Set<string>();
    for (const key of this.#byService.get(service) ?? []) {
      const slice = this.#slices.get(key);
      if (slice?.isAnywhere === true) return undefined;
      for (const node of slice?.nodes ?? []) nodes.add(node);
    }
    return nodes;
  }

  #set(key: string, now: EndpointSliceView | undefined): void {
    const before = this.#slices.get(key);
    if (before !== undefined && now !== undefined && isSame(before, now)) return;
    if (before !== undefined) this.#unlink(key, before.service);
    if (now === undefined) this.#slices.delete(key);
    else this.#link(key, now);
    for (const service of new Set([before?.service, now?.service]))
      if (service !== undefined) this.#onChange(service);
  }

  #link(key: string, slice: EndpointSliceView): void {
    this.#slices.set(key, slice);
    const keys = this.#byService.get(slice.service);
    if (keys === undefined) this.#byService.set(slice.service, new Set([key]));
    else keys.add(key);
  }

  #unlink(key: string, service: string): void {
    const keys = this.#byService.get(service);
    keys?.delete(key);
    if (keys?.size === 0) this.#byService.delete(service);
  }
}

const isSame = (a: EndpointSliceView, b: EndpointSliceView): boolean =>
  a.service === b.service && a.isAnywhere === b.isAnywhere && a.nodes.join() === b.nodes.join();
