// Keeps the address book true to the cluster, and reserves an address from the decision until its VirtualIP is there,
// so that reconciles that run at the same time never pick the same one.

import { AddressBook } from '../ipam/address-book.ts';
import type { Allocation, AllocationRequest } from '../ipam/allocator.ts';
import type { Pool } from '../ipam/pool.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { parsePrefix, unassignableIn } from '../net/prefix.ts';
import { type ClassRules, isOurs, ourFinalizers } from '../plan/service-class.ts';
import type { ServiceView } from '../plan/views.ts';
import type { Announcer } from '../resource/announcer.ts';
import type { ClusterState } from './cluster-state.ts';
import { readable } from './cluster-state.ts';

export class AllocationBook {
  readonly #book = new AddressBook();
  readonly #state: ClusterState;
  readonly #rules: ClassRules;
  readonly #reserved = new Map<string, Address>();
  #onFreed: () => void = () => {};

  constructor(state: ClusterState, rules: ClassRules) {
    this.#state = state;
    this.#rules = rules;
    state.services.onChange(({ key }) => this.#holdForService(key));
    state.virtualIPs.onChange(({ key, now }) => {
      const address = now === undefined ? undefined : (readable(now.value)?.address ?? addressOfName(key));
      this.#hold(`VirtualIP ${key}`, address === undefined ? [] : [address]);
    });
    state.nodes.onChange(({ key, now }) =>
      this.#hold(
        `Node ${key}`,
        (now?.value.addresses ?? []).flatMap((text) => parseAddress(text) ?? []),
      ),
    );
    state.announcers.onChange(({ key, now }) =>
      this.#hold(`Announcer ${key}`, takenByLinks(readable(now?.value))),
    );
    state.pools.onChange(({ key, before, now }) => {
      // A status that was written leaves the pool as it is.
      if (now !== undefined && now.meta.generation === before?.meta.generation) return;
      this.#book.setPool(key, readable(now?.value.parsed)?.addresses);
      this.#onFreed();
    });
  }

  /** Called when an allocation that was refused may succeed now. */
  onFreed(handler: () => void): void {
    this.#onFreed = handler;
  }

  pool(name: string): Pool | undefined {
    return this.#book.pool(name);
  }

  /** Decides, and reserves what it decided until `settle`. */
  allocate(key: string, service: ServiceView): Allocation {
    const demanded = service.loadBalancerIP;
    const allocation = this.#book.allocate({
      owner: ownerOf(key),
      families: service.ipFamilies,
      familyPolicy: familyPolicyOf(service),
      preferred: ingressAddresses(service),
      ...(demanded === undefined || demanded === '' ? {} : { demanded }),
    });
    if (allocation.kind === 'allocated') {
      this.#reserved.set(key, allocation.address);
      this.#holdForService(key);
    }
    return allocation;
  }

  /** Ends the reservation: the VirtualIP is there, or will not be. */
  settle(key: string): void {
    if (this.#reserved.delete(key)) this.#holdForService(key);
  }

  /** What it reserved, and what its status still says: the latter is its address even without a VirtualIP. */
  #holdForService(key: string): void {
    const service = this.#state.services.get(key)?.value;
    const reserved = this.#reserved.get(key);
    const isKept =
      service !== undefined &&
      (isOurs(service, this.#rules) || ourFinalizers(service, this.#rules).length > 0);
    const kept = isKept ? ingressAddresses(service) : [];
    this.#hold(ownerOf(key), reserved === undefined ? kept : [...kept, reserved]);
  }

  #hold(holder: string, addresses: readonly Address[]): void {
    if (this.#book.hold(holder, addresses)) this.#onFreed();
  }
}

/** A Node names one address of its own; the others, and the edges of its subnets, a client can not reach anything at. */
const takenByLinks = (announcer: Announcer | undefined): readonly Address[] =>
  (announcer?.links ?? [])
    .flatMap((link) => link.addresses)
    .flatMap((text) => parsePrefix(text) ?? [])
    .flatMap(unassignableIn);

const familyPolicyOf = ({ ipFamilyPolicy }: ServiceView): AllocationRequest['familyPolicy'] =>
  ipFamilyPolicy === 'PreferDualStack' || ipFamilyPolicy === 'RequireDualStack'
    ? ipFamilyPolicy
    : 'SingleStack';

const ownerOf = (key: string): string => `Service ${key}`;

const ingressAddresses = (service: ServiceView): readonly Address[] =>
  service.ingress.flatMap(({ ip }) => (ip === undefined ? [] : (parseAddress(ip) ?? [])));

/** The address of a VirtualIP whose spec can not be read: its name says it. */
const addressOfName = (name: string): Address | undefined =>
  parseAddress(name) ?? parseAddress(name.replaceAll('-', ':'));
