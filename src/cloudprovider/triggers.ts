// Which keys have to be reconciled when something changes. Keys only, never decisions: what is to be done is worked
// out from the whole state when a key's turn comes.

import type { WorkQueue } from '../kube/api.ts';
import { nextStep } from '../plan/service-contract.ts';
import type { ServiceView } from '../plan/views.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import type { AllocationBook } from './allocation-book.ts';
import type { CandidateLists } from './candidate-lists.ts';
import { type ClusterState, readable } from './cluster-state.ts';
import { refOf } from './cluster-writes.ts';
import { type ControllerOptions, rulesOf } from './deps.ts';
import type { MirrorChange } from './mirror.ts';
import type { NodeLiveness } from './node-liveness.ts';
import type { PlacementNodes } from './placement-nodes.ts';
import type { Rebalancer } from './rebalancer.ts';
import type { ServiceNodes } from './service-nodes.ts';
import { inOrderOfCreation } from './waiting-services.ts';

export const serviceKey = (key: string): string => `service/${key}`;
export const virtualIPKey = (name: string): string => `vip/${name}`;
export const poolKey = (name: string): string => `pool/${name}`;
/** Looks at all Services that wait, because something became free. */
export const WAITING_KEY = 'waiting';

export interface TriggerParts {
  readonly state: ClusterState;
  readonly book: AllocationBook;
  readonly placement: PlacementNodes;
  readonly lists: CandidateLists;
  readonly endpoints: ServiceNodes;
  readonly rebalancer: Rebalancer;
  readonly liveness: NodeLiveness;
  readonly queue: WorkQueue;
  readonly options: ControllerOptions;
}

export class Triggers {
  readonly #parts: TriggerParts;
  #isOpen = false;

  /** Listens from now on, but queues nothing before `open`. */
  constructor(parts: TriggerParts) {
    this.#parts = parts;
    const { state, placement, endpoints, liveness, book } = parts;
    state.services.onChange((change) => this.#onService(change));
    state.virtualIPs.onChange(({ key, before, now }) =>
      this.#onVirtualIP(key, readable(before?.value), readable(now?.value)),
    );
    state.pools.onChange(({ key, before, now }) => {
      if (now !== undefined) this.#add(poolKey(key));
      if (now?.meta.generation !== before?.meta.generation) this.#onPoolEdited(key);
    });
    state.nodes.onChange(({ key, now }) => {
      if (placement.setNode(key, now?.value)) this.#onNodes();
    });
    state.announcers.onChange(({ key, now }) => {
      if (placement.setAnnouncer(key, readable(now?.value))) this.#onNodes();
    });
    liveness.onChange((alive) => {
      placement.setAlive(alive);
      // Also for a node that no longer exists: it may be the holder that a VirtualIP is still waiting for.
      this.#onNodes();
    });
    endpoints.onChange((service) => this.#onEndpoints(service));
    state.leases.onChange(() => this.#scheduleLiveness());
    state.leases.watch.onState(() => this.#scheduleLiveness());
    book.onFreed(() => this.#add(WAITING_KEY));
  }

  /** Queues everything that may need something, Services in order of creation, and from then on every change. */
  open(): void {
    const { state } = this.#parts;
    this.#isOpen = true;
    this.#scheduleLiveness();
    const keys = [...state.services.entries()].filter(([, { value }]) => this.#concernsUs(value));
    const ordered = inOrderOfCreation(
      keys.map(([key]) => key),
      state,
    );
    for (const key of ordered) this.#add(serviceKey(key));
    this.#addAllVirtualIPs();
    this.#parts.rebalancer.schedule();
    for (const [name] of state.pools.entries()) this.#add(poolKey(name));
  }

  close(): void {
    this.#isOpen = false;
  }

  #onService({ key, before, now }: MirrorChange<ServiceView>): void {
    if (now !== undefined && this.#concernsUs(now.value)) this.#add(serviceKey(key));
    const uid = now?.meta.uid ?? before?.meta.uid ?? '';
    const isPlanned =
      now !== undefined && before !== undefined && plannedText(before.value) === plannedText(now.value);
    if (!isPlanned) this.#addVirtualIPsOf(uid);
  }

  /** The pods of a Service are on other nodes now. */
  #onEndpoints(key: string): void {
    const service = this.#parts.state.services.get(key)?.value;
    if (service?.externalTrafficPolicy === 'Local') this.#addVirtualIPsOf(service.uid);
  }

  #onNodes(): void {
    const { lists, rebalancer } = this.#parts;
    lists.nodesChanged();
    if (!this.#isOpen) return;
    rebalancer.nodesChanged();
    this.#addAllVirtualIPs();
  }

  #addVirtualIPsOf(uid: string): void {
    for (const { name } of this.#parts.state.virtualIPsOf(uid)) this.#add(virtualIPKey(name));
  }

  #onVirtualIP(name: string, before: VirtualIP | undefined, now: VirtualIP | undefined): void {
    if (now !== undefined) this.#add(virtualIPKey(name));
    const refs = [...(before?.services ?? []), ...(now?.services ?? [])];
    for (const key of new Set(refs.map((ref) => `${ref.namespace}/${ref.name}`))) this.#add(serviceKey(key));
    if (before === undefined || now === undefined) this.#addPoolsLater();
    if (now !== undefined && before?.candidates.join() !== now.candidates.join()) this.#onNewList(now);
    if (this.#isOpen) this.#parts.rebalancer.schedule();
  }

  /** The addresses of the other family go by the order of this one. */
  #onNewList({ family, services }: VirtualIP): void {
    const others = services.flatMap(({ uid }) => this.#parts.state.virtualIPsOf(uid));
    for (const other of others) if (other.family !== family) this.#add(virtualIPKey(other.name));
  }

  /** What was given out may be outside of the pool now, and other pools may overlap it. */
  #onPoolEdited(pool: string): void {
    if (!this.#isOpen) return;
    this.#addPoolsLater();
    for (const [name, { value }] of this.#parts.state.virtualIPs.entries()) {
      const virtualIP = readable(value);
      if (virtualIP?.pool === pool) this.#add(virtualIPKey(name));
      for (const ref of virtualIP?.services ?? []) this.#add(serviceKey(`${ref.namespace}/${ref.name}`));
    }
  }

  #addAllVirtualIPs(): void {
    if (!this.#isOpen) return;
    const { state } = this.#parts;
    for (const [name, { value }] of state.virtualIPs.entries()) {
      this.#add(virtualIPKey(name));
      // A Service that waits for a candidate also says why, and that may be another reason now.
      const virtualIP = readable(value);
      if (virtualIP?.candidates.length !== 0) continue;
      for (const ref of virtualIP.services) this.#add(serviceKey(`${ref.namespace}/${ref.name}`));
    }
  }

  #addPoolsLater(): void {
    const { state, queue, options } = this.#parts;
    if (!this.#isOpen) return;
    for (const [name] of state.pools.entries()) queue.addAfter(poolKey(name), options.poolStatusDelay);
  }

  #scheduleLiveness(): void {
    if (this.#isOpen) this.#parts.liveness.schedule();
  }

  /** Ours now, or with something of ours left. */
  #concernsUs(service: ServiceView): boolean {
    const { state, options } = this.#parts;
    return nextStep(service, state.virtualIPsOf(service.uid), rulesOf(options)).kind !== 'nothing';
  }

  #add(key: string): void {
    if (this.#isOpen) this.#parts.queue.add(key);
  }
}

/** What a VirtualIP is planned by, and what it says of its Service. */
const plannedText = (service: ServiceView): string =>
  JSON.stringify([service.externalTrafficPolicy, refOf(service)]);
