// One address that is not free: for whom, and so who else may have it all the same.

import type { Address } from '../net/address.ts';
import type { Conflict } from './allocator.ts';
import type { AllocationRequest, Tenant } from './request.ts';
import { MAX_SHARERS, type SharingClaim, whyNotShared } from './sharing.ts';

/** For what a holder holds its addresses. */
export type Tenancy =
  /**
   * Somebody outside has it: a node, a gateway, the API server. Never given to a Service, and not taken from one whose
   * VirtualIP was there first. `by` says who, in words.
   */
  | { readonly kind: 'blocked'; readonly by: string }
  /** A VirtualIP that nobody may use: it is being withdrawn, or can not be read. `by` says so in words. */
  | { readonly kind: 'closed'; readonly by: string }
  /** A VirtualIP: for its Services, in the order in which they came, and for the one that it is reserved for. */
  | {
      readonly kind: 'virtual-ip';
      readonly services: readonly Tenant[];
      /** namespace/name. */
      readonly reservedFor: string | undefined;
    }
  /** A decision whose VirtualIP is not written yet. */
  | { readonly kind: 'granted'; readonly service: Tenant }
  /** A Service's status says so; any VirtualIP knows better. */
  | { readonly kind: 'kept'; readonly service: Tenant; readonly rank: string };

export interface SharingView {
  /** What the Service says now; undefined for one that is not known. */
  claimOf(uid: string): SharingClaim | undefined;
  /** Whether a pool lets the address be shared across namespaces. */
  isAcrossNamespaces(address: Address): boolean;
}

/** Under what the address can be found. */
export interface Terms {
  readonly tenants: readonly Tenant[];
  readonly sharingKeys: readonly string[];
  readonly reservedFor: string | undefined;
}

const NO_TENANTS: readonly Tenant[] = [];
const NO_KEYS: readonly string[] = [];
export const NO_TERMS: Terms = { tenants: NO_TENANTS, sharingKeys: NO_KEYS, reservedFor: undefined };

export class AddressEntry {
  readonly address: Address;
  /** What it was last found under. */
  terms: Terms = NO_TERMS;
  /** Mostly one: an address has a VirtualIP and nothing else. */
  readonly #by: { readonly holder: string; tenancy: Tenancy }[] = [];
  /**
   * By uid, what each sharer claimed when it was found to fit. The others are judged by this, so that who changes
   * its ports or its key is the one that goes.
   */
  #accepted: Map<string, SharingClaim> | undefined;

  constructor(address: Address) {
    this.address = address;
  }

  get isEmpty(): boolean {
    return this.#by.length === 0;
  }

  /** Whether it has a VirtualIP. */
  get isAllocated(): boolean {
    return this.#by.some(({ tenancy: { kind } }) => kind === 'virtual-ip' || kind === 'closed');
  }

  set(holder: string, tenancy: Tenancy): void {
    const present = this.#by.find((one) => one.holder === holder);
    if (present === undefined) this.#by.push({ holder, tenancy });
    else present.tenancy = tenancy;
    this.#forget();
  }

  delete(holder: string): void {
    const place = this.#by.findIndex((one) => one.holder === holder);
    if (place >= 0) this.#by.splice(place, 1);
    this.#forget();
  }

  /** `changed`: others were judged by something else until now. */
  accept(uid: string, claim: SharingClaim): 'same' | 'new' | 'changed' {
    const before = this.#accepted?.get(uid);
    if (before === claim) return 'same';
    this.#accepted ??= new Map();
    this.#accepted.set(uid, claim);
    return before === undefined ? 'new' : 'changed';
  }

  /** The Services that have it, each once. */
  tenants(): readonly Tenant[] {
    const [only] = this.#by;
    if (only === undefined) return NO_TENANTS;
    if (this.#by.length === 1) return tenantsOf(only.tenancy);
    const tenants: Tenant[] = [];
    for (const tenancy of this.#effective()) {
      for (const tenant of tenantsOf(tenancy)) {
        if (!tenants.some((one) => one.uid === tenant.uid)) tenants.push(tenant);
      }
    }
    return tenants;
  }

  /** What it is to be found under now. */
  termsNow(view: Pick<SharingView, 'claimOf'>): Terms {
    const tenants = this.tenants();
    let sharingKeys = NO_KEYS;
    for (const { uid } of tenants) {
      const key = (this.#accepted?.get(uid) ?? view.claimOf(uid))?.key ?? '';
      if (key !== '') sharingKeys = [...sharingKeys, key];
    }
    return { tenants, sharingKeys, reservedFor: this.#virtualIP()?.reservedFor };
  }

  /** Each once. */
  namespaces(): ReadonlySet<string> {
    const { tenants, reservedFor } = this.terms;
    const namespaces = new Set(tenants.map(({ namespace }) => namespace));
    return reservedFor === undefined
      ? namespaces
      : namespaces.add(reservedFor.slice(0, reservedFor.indexOf('/')));
  }

  /** What others wait for to change: who stands in the way, as text. */
  obstacles(): ReadonlySet<string> {
    const found = new Set<string>();
    for (const tenancy of this.#effective()) {
      if (tenancy.kind === 'blocked' || tenancy.kind === 'closed') found.add(tenancy.by);
      for (const { uid } of tenantsOf(tenancy)) found.add(uid);
      if (tenancy.kind === 'virtual-ip' && tenancy.services.length === 0)
        found.add(`reserved ${tenancy.reservedFor ?? ''}`);
    }
    return found;
  }

  /** Undefined if the Service may have the address, alone or as a sharer. */
  conflictWith(request: AllocationRequest, view: SharingView): Conflict | undefined {
    for (const tenancy of this.#effective()) {
      if (tenancy.kind === 'closed') return { kind: 'in-use', by: tenancy.by };
      if (tenancy.kind === 'blocked') {
        if (!this.#isOfVirtualIP(request)) return { kind: 'in-use', by: tenancy.by };
      } else if (tenancy.kind === 'virtual-ip' && tenancy.services.length === 0) {
        if (tenancy.reservedFor !== request.key) return { kind: 'reserved', by: tenancy.reservedFor };
      } else {
        const conflict = this.#conflictIn(tenancy, request, view);
        if (conflict !== undefined) return conflict;
      }
    }
    const tenants = this.tenants();
    const isFull = tenants.length >= MAX_SHARERS && tenants.every(({ uid }) => uid !== request.uid);
    const last = tenants.at(-1);
    if (!isFull || last === undefined) return undefined;
    return { kind: 'not-shared', by: last.key, rule: `want at most ${MAX_SHARERS} Services on one address` };
  }

  #conflictIn(tenancy: Tenancy, request: AllocationRequest, view: SharingView): Conflict | undefined {
    const tenants = tenantsOf(tenancy);
    const own = tenants.findIndex(({ uid }) => uid === request.uid);
    for (const [place, other] of tenants.entries()) {
      if (other.uid === request.uid) continue;
      if (tenancy.kind === 'kept' && tenancy.rank > request.rank) continue;
      const accepted = this.#accepted?.get(other.uid);
      // Of two whose claims nobody has compared yet, as after a restart, the one that came first stays.
      if (accepted === undefined && own >= 0 && own < place) continue;
      const claim = accepted ?? view.claimOf(other.uid);
      // One that is not known has been forced away, or is about to be seen: it takes nothing from those that it shares with.
      if (claim === undefined && own >= 0) continue;
      // Those who share it across namespaces go on doing so, whatever becomes of the pool.
      const isAcrossNamespaces = own >= 0 || view.isAcrossNamespaces(this.address);
      const conflict = conflictBetween(request, { key: other.key, claim }, isAcrossNamespaces);
      if (conflict !== undefined) return conflict;
    }
    return undefined;
  }

  *#effective(): Iterable<Tenancy> {
    const hasVirtualIP = this.#by.length > 1 && this.#virtualIP() !== undefined;
    for (const { tenancy } of this.#by) if (tenancy.kind !== 'kept' || !hasVirtualIP) yield tenancy;
  }

  #isOfVirtualIP({ uid }: AllocationRequest): boolean {
    return this.#virtualIP()?.services.some((service) => service.uid === uid) ?? false;
  }

  #virtualIP(): Extract<Tenancy, { readonly kind: 'virtual-ip' }> | undefined {
    for (const { tenancy } of this.#by) if (tenancy.kind === 'virtual-ip') return tenancy;
    return undefined;
  }

  /** What was accepted of those who are gone. */
  #forget(): void {
    if (this.#accepted === undefined) return;
    const tenants = this.tenants();
    for (const uid of this.#accepted.keys()) {
      if (!tenants.some((tenant) => tenant.uid === uid)) this.#accepted.delete(uid);
    }
  }
}

function conflictBetween(
  { sharing }: AllocationRequest,
  { key: by, claim }: { readonly key: string; readonly claim: SharingClaim | undefined },
  isAcrossNamespaces: boolean,
): Conflict | undefined {
  if (sharing.key === '' || claim === undefined)
    return { kind: 'in-use', by: `Service ${by}`, isService: true };
  const rule = whyNotShared(sharing, claim, { isAcrossNamespaces });
  return rule === undefined ? undefined : { kind: 'not-shared', by, rule };
}

function tenantsOf(tenancy: Tenancy): readonly Tenant[] {
  switch (tenancy.kind) {
    case 'blocked':
    case 'closed':
      return [];
    case 'virtual-ip':
      return tenancy.services;
    case 'granted':
    case 'kept':
      return [tenancy.service];
  }
}
