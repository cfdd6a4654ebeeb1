// Which addresses are not free, and because of whom: VirtualIPs, Services that kept an address from before or are about
// to get one, nodes. Each holder states its whole list each time, so a lost or doubled event does no harm.

import { type Address, compareAddresses, type Family, sameAddress } from '../net/address.ts';
import { AddressEntry, NO_TERMS, type Tenancy, type Terms } from './address-entry.ts';
import { type AllocationView, type Conflict, type Decision, decide } from './allocator.ts';
import type { Labels } from './label-selector.ts';
import { type Counts, Pool, type PoolSpec } from './pool.ts';
import { comparePools, type PoolUser } from './pool-choice.ts';
import type { AllocationRequest, HeldAddress } from './request.ts';
import { type SharingClaim, sameClaim } from './sharing.ts';
import { TermIndex } from './term-index.ts';

const NOTHING: readonly Address[] = [];
const NOBODY: ReadonlySet<string> = new Set();

export class AddressBook implements AllocationView {
  /** In the order in which they are asked. */
  #pools: readonly Pool[] = [];
  /** Those with a quota. */
  #limited: readonly Pool[] = [];
  readonly #entries: Readonly<Record<Family, Map<bigint, AddressEntry>>> = {
    IPv4: new Map(),
    IPv6: new Map(),
  };
  readonly #byHolder = new Map<string, readonly Address[]>();
  readonly #claims = new Map<string, SharingClaim>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #byUid = new TermIndex<AddressEntry>();
  readonly #bySharingKey = new TermIndex<AddressEntry>();
  readonly #byReservation = new TermIndex<AddressEntry>();

  get pools(): readonly Pool[] {
    return this.#pools;
  }

  /** Sets what a pool is, undefined for one that is gone or not valid. What is held stays held. */
  setPool(name: string, spec: PoolSpec | undefined): void {
    const others = this.#pools.filter((pool) => pool.name !== name);
    this.#pools = spec === undefined ? others : [...others, this.#newPool(name, spec)].sort(comparePools);
    this.#limited = this.#pools.filter((pool) => pool.spec.quotaPerNamespace !== undefined);
  }

  /** Undefined for a namespace that is gone. */
  setNamespace(name: string, labels: Labels | undefined): void {
    if (labels === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, labels);
  }

  /** What a Service says about sharing now. Returns whether others may be let in because of it. */
  setClaim(uid: string, claim: SharingClaim | undefined): boolean {
    if (sameClaim(this.#claims.get(uid), claim)) return false;
    if (claim === undefined) this.#claims.delete(uid);
    else this.#claims.set(uid, claim);
    const entries = [...this.#byUid.of(uid)];
    for (const entry of entries) this.#reindex(entry);
    return entries.length > 0;
  }

  /** From now on `holder` holds exactly these addresses. Returns whether others may get something because of it. */
  hold(holder: string, addresses: readonly Address[], tenancy: Tenancy): boolean {
    const before = this.#byHolder.get(holder) ?? NOTHING;
    if (addresses.length === 0) this.#byHolder.delete(holder);
    else this.#byHolder.set(holder, addresses);
    let isFreed = false;
    for (const address of addresses) isFreed = this.#put(holder, address, tenancy) || isFreed;
    for (const address of before) {
      if (!addresses.some((one) => sameAddress(one, address)))
        isFreed = this.#drop(holder, address) || isFreed;
    }
    return isFreed;
  }

  heldBy(holder: string): readonly Address[] {
    return this.#byHolder.get(holder) ?? NOTHING;
  }

  /**
   * `held` in the order of preference in which they are kept. What the Service says about sharing counts as agreed to;
   * `letsIn`: others may share with it now that could not before.
   */
  decide(
    request: AllocationRequest,
    held: readonly HeldAddress[] = [],
  ): Decision & { readonly letsIn: boolean } {
    const decision = decide(request, held, this);
    let letsIn = false;
    const { keep, coming, going } = decision;
    for (const address of [...keep, ...coming, ...going]) letsIn = this.#accept(address, request) || letsIn;
    // Who comes to others is judged by what it says now; who comes to a free address has nobody to agree with.
    if (request.sharing.key !== '') for (const { address } of decision.grants) this.#accept(address, request);
    return { ...decision, letsIn };
  }

  /** Undefined if there is no such pool, or not a valid one. */
  pool(name: string): Pool | undefined {
    return this.#pools.find((pool) => pool.name === name);
  }

  counts(pool: string, family: Family): Counts {
    return this.pool(pool)?.counts(family) ?? { total: 0n, available: 0n, allocated: 0 };
  }

  /** The pools that have addresses in common with this one, by name. */
  overlapping(name: string): readonly string[] {
    const pool = this.pool(name);
    if (pool === undefined) return [];
    const others = this.#pools.filter((other) => other !== pool && pool.overlaps(other));
    return others.map((other) => other.name).sort();
  }

  userOf({ namespace, labels }: AllocationRequest): PoolUser {
    return { namespace, labels, namespaceLabels: this.#namespaces.get(namespace) ?? {} };
  }

  conflictAt(address: Address, request: AllocationRequest): Conflict | undefined {
    return this.#entryAt(address)?.conflictWith(request, this);
  }

  claimOf(uid: string): SharingClaim | undefined {
    return this.#claims.get(uid);
  }

  isAcrossNamespaces(address: Address): boolean {
    return this.#pools.some((pool) => pool.spec.sharing === 'Cluster' && pool.contains(address));
  }

  reservedFor(key: string): readonly Address[] {
    return sorted(this.#byReservation.of(key));
  }

  sharedBy(sharingKey: string): readonly Address[] {
    return sorted(this.#bySharingKey.of(sharingKey));
  }

  isHeldIn(namespace: string, address: Address): boolean {
    return this.#entryAt(address)?.namespaces().has(namespace) ?? false;
  }

  #newPool(name: string, spec: PoolSpec): Pool {
    const pool = new Pool(name, spec);
    for (const entries of Object.values(this.#entries)) {
      for (const entry of entries.values()) {
        pool.take(entry.address);
        pool.countUses(entry.address, NOBODY, entry.namespaces());
        if (entry.isAllocated) pool.countAllocated(entry.address, 1);
      }
    }
    return pool;
  }

  #entryAt({ family, value }: Address): AddressEntry | undefined {
    return this.#entries[family].get(value);
  }

  #accept(address: Address, { uid, sharing }: AllocationRequest): boolean {
    const entry = this.#entryAt(address);
    const result = entry?.accept(uid, sharing) ?? 'same';
    if (entry !== undefined && result !== 'same') this.#reindex(entry);
    return result === 'changed';
  }

  #put(holder: string, address: Address, tenancy: Tenancy): boolean {
    const present = this.#entryAt(address);
    if (present !== undefined) return this.#change(present, () => present.set(holder, tenancy));
    const entry = new AddressEntry(address);
    this.#entries[address.family].set(address.value, entry);
    entry.set(holder, tenancy);
    this.#reindex(entry);
    for (const pool of this.#pools) {
      pool.take(address);
      if (entry.isAllocated) pool.countAllocated(address, 1);
    }
    return false;
  }

  #drop(holder: string, address: Address): boolean {
    const entry = this.#entryAt(address);
    if (entry === undefined) return false;
    const isFreed = this.#change(entry, () => entry.delete(holder));
    if (!entry.isEmpty) return isFreed;
    this.#entries[address.family].delete(address.value);
    // Every pool, not only the first that has it: pools may overlap.
    return this.#pools.filter((pool) => pool.release(address)).length > 0;
  }

  /** Returns whether something is gone that stood in the way of others. */
  #change(entry: AddressEntry, change: () => void): boolean {
    const before = entry.obstacles();
    const wasAllocated = entry.isAllocated;
    change();
    if (wasAllocated !== entry.isAllocated)
      for (const pool of this.#pools) pool.countAllocated(entry.address, wasAllocated ? -1 : 1);
    this.#reindex(entry);
    const after = entry.obstacles();
    return [...before].some((one) => !after.has(one));
  }

  #reindex(entry: AddressEntry): void {
    const before = entry.terms;
    const now = entry.isEmpty ? NO_TERMS : entry.termsNow(this);
    const namespaces = this.#limited.length > 0 ? entry.namespaces() : NOBODY;
    entry.terms = now;
    for (const pool of this.#limited) pool.countUses(entry.address, namespaces, entry.namespaces());
    for (const { uid } of before.tenants) if (!has(now, uid)) this.#byUid.remove(uid, entry);
    for (const { uid } of now.tenants) if (!has(before, uid)) this.#byUid.add(uid, entry);
    for (const key of before.sharingKeys)
      if (!now.sharingKeys.includes(key)) this.#bySharingKey.remove(key, entry);
    for (const key of now.sharingKeys) this.#bySharingKey.add(key, entry);
    if (before.reservedFor !== undefined && before.reservedFor !== now.reservedFor)
      this.#byReservation.remove(before.reservedFor, entry);
    if (now.reservedFor !== undefined) this.#byReservation.add(now.reservedFor, entry);
  }
}

const has = ({ tenants }: Terms, uid: string): boolean => tenants.some((tenant) => tenant.uid === uid);

function sorted(entries: readonly AddressEntry[] | ReadonlySet<AddressEntry>): readonly Address[] {
  const addresses = Array.from(entries, ({ address }) => address);
  return addresses.length > 1 ? addresses.sort(compareAddresses) : addresses;
}
