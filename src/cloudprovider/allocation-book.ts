// Keeps the address book true to the cluster, and holds an address from the decision until its VirtualIP is there, so
// that reconciles that run at the same time never pick the same one. Whoever waits longest is served first.

import { AddressBook } from '../ipam/address-book.ts';
import type { Tenancy } from '../ipam/address-entry.ts';
import { conflictRefusal, type Decision } from '../ipam/allocator.ts';
import type { Pool } from '../ipam/pool.ts';
import type { Refusal } from '../ipam/refusal.ts';
import type { Share } from '../ipam/replacement.ts';
import type { HeldAddress, Tenant } from '../ipam/request.ts';
import { type SharingClaim, sameClaim } from '../ipam/sharing.ts';
import { type Address, formatAddress, parseAddress, sameAddress } from '../net/address.ts';
import { parsePrefix, unassignableIn } from '../net/prefix.ts';
import { type ClassRules, isOurs, mayBeAnothers, ourFinalizers } from '../plan/service-class.ts';
import { isPublished } from '../plan/service-contract.ts';
import {
  ingressAddresses,
  rankOf,
  replacedAddresses,
  requestOf,
  sharingClaimOf,
} from '../plan/service-request.ts';
import { isReady } from '../plan/service-status.ts';
import type { ServiceView } from '../plan/views.ts';
import type { Announcer } from '../resource/announcer.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import type { ClusterState } from './cluster-state.ts';
import { readable } from './cluster-state.ts';
import { keyOf } from './mirror.ts';
import type { WaitingServices } from './waiting-services.ts';

/** A decision with the VirtualIPs that it is about. */
export interface Assignment extends Omit<Decision, keyof Share> {
  /** In the order of the Service's families. */
  readonly keep: readonly VirtualIP[];
  readonly coming: readonly VirtualIP[];
  readonly going: readonly VirtualIP[];
  readonly drop: readonly VirtualIP[];
}

const blocked = (by: string): Tenancy => ({ kind: 'blocked', by });
/** For whoever holds nothing any more. */
const NOBODY = blocked('nobody');
const closed = (by: string): Tenancy => ({ kind: 'closed', by });

export class AllocationBook {
  readonly #book = new AddressBook();
  readonly #state: ClusterState;
  readonly #rules: ClassRules;
  readonly #waiting: WaitingServices;
  /** What each of our Services says about sharing, by uid: the same object as long as it says the same. */
  readonly #claims = new Map<string, SharingClaim>();
  readonly #served = new Set<string>();
  /** Something became free since those who wait were last looked at. */
  #isFreed = false;
  #onFreed: () => void = () => {};

  constructor(
    state: ClusterState,
    { rules, waiting }: { readonly rules: ClassRules; readonly waiting: WaitingServices },
  ) {
    this.#state = state;
    this.#rules = rules;
    this.#waiting = waiting;
    state.services.onChange(({ key, before, now }) => {
      if (before !== undefined && now === undefined) this.#forget(before.value);
      if (now !== undefined) this.#holdForService(key, now.value);
    });
    state.virtualIPs.onChange(({ key, now }) =>
      this.#holdVirtualIP(key, readable(now?.value), now !== undefined),
    );
    state.nodes.onChange(({ key, now }) =>
      this.#hold(`Node ${key}`, parsed(now?.value.addresses), blocked(`Node ${key}`)),
    );
    state.announcers.onChange(({ key, now }) => this.#holdForAnnouncer(key, readable(now?.value)));
    state.apiServers.onChange(({ key, now }) =>
      this.#hold(`EndpointSlice ${key}`, parsed(now?.value.addresses), blocked('the API server')),
    );
    state.namespaces.onChange(({ key, before, now }) => {
      this.#book.setNamespace(key, now?.value.labels);
      if (JSON.stringify(before?.value.labels) !== JSON.stringify(now?.value.labels)) this.#freed();
    });
    state.pools.onChange(({ key, before, now }) => {
      // A status that was written leaves the pool as it is.
      if (now !== undefined && now.meta.generation === before?.meta.generation) return;
      this.#book.setPool(key, readable(now?.value.parsed));
      this.#freed();
    });
  }

  /** Called when an allocation that was refused may succeed now. */
  onFreed(handler: () => void): void {
    this.#onFreed = handler;
  }

  pool(name: string): Pool | undefined {
    return this.#book.pool(name);
  }

  /** The valid pools, in the order in which they are asked. */
  get pools(): readonly Pool[] {
    return this.#book.pools;
  }

  /** The pools that have addresses in common with this one, by name. */
  overlapping(name: string): readonly string[] {
    return this.#book.overlapping(name);
  }

  /** Decides, and holds what it decided until `settle`. Those who wait have their turn before anybody new. */
  assign(service: ServiceView): Assignment {
    this.#serveWaiting();
    return this.#assign(service);
  }

  /** The keys of those that waited and get something now, which is held for them, or are refused for another reason. */
  takeServed(): readonly string[] {
    this.#serveWaiting();
    const served = [...this.#served];
    this.#served.clear();
    return served;
  }

  /** Looks at all who wait again if something became free, the oldest first. */
  #serveWaiting(): void {
    if (!this.#isFreed) return;
    this.#isFreed = false;
    for (const key of this.#waiting.keys()) {
      const service = this.#state.services.get(key)?.value;
      const before = this.#waiting.refusal(key);
      if (service === undefined || !isOurs(service, this.#rules)) continue;
      const { grants, refusal } = this.#assign(service);
      if (grants.length > 0 || refusal?.message !== before?.message) this.#served.add(key);
    }
  }

  /** What was decided is there. */
  settle({ uid }: ServiceView): void {
    this.#release(grantsOf(uid));
  }

  /** What was decided could not be written: others may have it, and the Service waits for its back-off, not for what it left. */
  abandon(service: ServiceView): void {
    this.#waiting.set(keyOf(service), undefined);
    this.settle(service);
  }

  /** Why an address that its status names can not be its own any more; undefined if it can. */
  whyForfeited(service: ServiceView, address: Address): Refusal | undefined {
    const request = requestOf(service, this.#claimOf(service));
    const conflict = 'code' in request ? undefined : this.#book.conflictAt(address, request);
    const asked = { source: 'status.loadBalancer.ingress', value: formatAddress(address) };
    return conflict && conflictRefusal(conflict, asked);
  }

  /** What is kept for a Service of this name. */
  reservedFor(service: ServiceView): readonly Address[] {
    return this.#book.reservedFor(keyOf(service));
  }

  #assign(service: ServiceView): Assignment {
    const virtualIPs = this.#state.virtualIPsOf(service.uid);
    const living = inOrderOfPreference(
      service,
      virtualIPs.filter((one) => !one.isDeleting),
    );
    const request = requestOf(service, this.#claimOf(service));
    if ('code' in request) return this.#refuse(service, living, request);
    const leaving = virtualIPs.filter((one) => one.isDeleting);
    const granted = this.#book.heldBy(grantsOf(service.uid));
    const decision = this.#book.decide(
      { ...request, preferred: [...granted, ...request.preferred] },
      [...living, ...leaving].map((one) => heldAddress(service, one)),
    );
    if (decision.letsIn) this.#freed();
    const addresses = decision.grants.map(({ address }) => address);
    if (granted.length + addresses.length > 0)
      this.#hold(grantsOf(service.uid), addresses, { kind: 'granted', service: tenantOf(service) });
    this.#waiting.set(keyOf(service), decision.refusal);
    return {
      ...decision,
      keep: among(living, decision.keep),
      coming: among(living, decision.coming),
      going: among(living, decision.going),
      drop: among(living, decision.drop),
    };
  }

  /** A request that can not be read changes nothing of what the Service has. */
  #refuse(service: ServiceView, living: readonly VirtualIP[], refusal: Refusal): Assignment {
    this.settle(service);
    this.#waiting.set(keyOf(service), refusal);
    const { keep, coming, going } = asPublished(service, living);
    const nothing = { drop: [], grants: [], isSatisfied: false, isWithdrawing: false, isReplacing: false };
    return { ...nothing, keep, coming, going, refusal };
  }

  #holdVirtualIP(name: string, virtualIP: VirtualIP | undefined, isThere: boolean): void {
    const address = virtualIP?.address ?? addressOfName(name);
    const addresses = isThere && address !== undefined ? [address] : [];
    this.#hold(`VirtualIP ${name}`, addresses, virtualIPTenancy(name, virtualIP));
  }

  #holdForAnnouncer(node: string, announcer: Announcer | undefined): void {
    this.#hold(`Announcer ${node}`, takenByLinks(announcer), blocked(`a link of Node ${node}`));
    const gateways = parsed(announcer?.segments.flatMap((segment) => segment.gateways));
    this.#hold(`gateways ${node}`, gateways, blocked(`the default gateway of Node ${node}`));
  }

  /** What its status says is its address even without a VirtualIP. */
  #holdForService(key: string, service: ServiceView): void {
    const isOfUs = isOurs(service, this.#rules);
    if (!isOfUs) this.#waiting.set(key, undefined);
    if (!isOfUs && ourFinalizers(service, this.#rules).length === 0)
      return this.#holdForAnother(key, service);
    if (this.#book.setClaim(service.uid, this.#claimOf(service))) this.#freed();
    const addresses = ingressAddresses(service);
    this.#hold(`kept ${service.uid}`, addresses, {
      ...{ kind: 'kept', service: tenantOf(service), rank: rankOf(service) },
    });
  }

  /** What the Service of another provider says is in use, although no VirtualIP knows of it. */
  #holdForAnother(key: string, service: ServiceView): void {
    this.#forgetWishes(service);
    const addresses = mayBeAnothers(service, this.#rules) ? ingressAddresses(service) : [];
    if (addresses.length === 0) this.#release(`kept ${service.uid}`);
    else this.#hold(`kept ${service.uid}`, addresses, blocked(`Service ${key} of another provider`));
  }

  #forget(service: ServiceView): void {
    this.#forgetWishes(service);
    this.#release(`kept ${service.uid}`);
  }

  #forgetWishes(service: ServiceView): void {
    this.#claims.delete(service.uid);
    this.#book.setClaim(service.uid, undefined);
    this.settle(service);
  }

  #claimOf(service: ServiceView): SharingClaim {
    const known = this.#claims.get(service.uid);
    const now = sharingClaimOf(service);
    if (known !== undefined && sameClaim(known, now)) return known;
    this.#claims.set(service.uid, now);
    return now;
  }

  #release(holder: string): void {
    if (this.#book.heldBy(holder).length > 0) this.#hold(holder, [], NOBODY);
  }

  #hold(holder: string, addresses: readonly Address[], tenancy: Tenancy): void {
    if (this.#book.hold(holder, addresses, tenancy)) this.#freed();
  }

  #freed(): void {
    this.#isFreed = true;
    this.#onFreed();
  }
}

/** As they are published, then the oldest. */
function inOrderOfPreference(service: ServiceView, living: readonly VirtualIP[]): readonly VirtualIP[] {
  if (living.length < 2) return living;
  const published = service.ingress.map(({ ip }) => ip);
  const placeOf = ({ address }: VirtualIP) => {
    const place = published.indexOf(formatAddress(address));
    return place < 0 ? published.length : place;
  };
  const isBefore = (a: VirtualIP, b: VirtualIP) => `${a.createdAt} ${a.name}` < `${b.createdAt} ${b.name}`;
  return [...living].sort((a, b) => placeOf(a) - placeOf(b) || (isBefore(a, b) ? -1 : 1));
}

/** What is published stays so, and what was to take its place waits. */
function asPublished(
  service: ServiceView,
  living: readonly VirtualIP[],
): Pick<Assignment, 'keep' | 'coming' | 'going'> {
  const published = living.filter((one) => isPublished(service, one));
  const keep = published.filter((one) => !isReplaced(service, one));
  if (keep.length === 0) return { keep: living, coming: [], going: [] };
  const coming = living.filter((one) => !published.includes(one));
  return { keep, coming, going: published.filter((one) => !keep.includes(one)) };
}

const isReplaced = (service: ServiceView, { address }: VirtualIP): boolean =>
  replacedAddresses(service).some((one) => sameAddress(one, address));

const heldAddress = (service: ServiceView, one: VirtualIP): HeldAddress => ({
  address: one.address,
  pool: one.pool,
  isPublished: isPublished(service, one),
  isReady: isReady(one),
  isReplaced: isReplaced(service, one),
  isLeaving: one.isDeleting,
});

/** In the order of `addresses`. */
const among = (virtualIPs: readonly VirtualIP[], addresses: readonly Address[]): readonly VirtualIP[] =>
  addresses.flatMap((address) => virtualIPs.find((one) => sameAddress(one.address, address)) ?? []);

function virtualIPTenancy(name: string, virtualIP: VirtualIP | undefined): Tenancy {
  if (virtualIP === undefined) return closed(`VirtualIP ${name}, which can not be read`);
  if (virtualIP.isDeleting) return closed(`VirtualIP ${name}, which is being withdrawn`);
  const services = virtualIP.services.map((ref) => ({
    uid: ref.uid,
    namespace: ref.namespace,
    key: keyOf(ref),
  }));
  const { reservedFor } = virtualIP;
  return { kind: 'virtual-ip', services, reservedFor: reservedFor && keyOf(reservedFor) };
}

/** A Node names one address of its own; the others, and the edges of its subnets, a client can not reach anything at. */
const takenByLinks = (announcer: Announcer | undefined): readonly Address[] =>
  (announcer?.links ?? [])
    .flatMap((link) => link.addresses)
    .flatMap((text) => parsePrefix(text) ?? [])
    .flatMap(unassignableIn);

const parsed = (texts: readonly string[] = []): readonly Address[] =>
  texts.flatMap((text) => parseAddress(text) ?? []);

const grantsOf = (uid: string): string => `granted ${uid}`;

const tenantOf = (service: ServiceView): Tenant => ({
  uid: service.uid,
  namespace: service.namespace,
  key: keyOf(service),
});

/** The address of a VirtualIP whose spec can not be read: its name says it. */
const addressOfName = (name: string): Address | undefined =>
  parseAddress(name) ?? parseAddress(name.replaceAll('-', ':'));
