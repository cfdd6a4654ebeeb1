// The decision which addresses a Service keeps, gives up and gets. Pure: the pools and who holds what come in, values
// come out; the controller realises them by creating, changing and deleting VirtualIPs.

import { type Address, type Family, formatAddress, sameAddress } from '../net/address.ts';
import { exhaustion, refusalOf } from './explanation.ts';
import type { Pool } from './pool.ts';
import { exclusionFrom, obstacleIn, type PoolUser } from './pool-choice.ts';
import type { Refusal } from './refusal.ts';
import * as refusals from './refusal.ts';
import { isUnfinished, nothingHeld, type Share, type Standing, shareOf, standingOf } from './replacement.ts';
import type { AllocationRequest, Asked, Grant, HeldAddress } from './request.ts';

/** Why an address can not be given to a Service now. */
export type Conflict =
  | { readonly kind: 'in-use'; readonly by: string; readonly isService?: boolean }
  | { readonly kind: 'reserved'; readonly by: string | undefined }
  | { readonly kind: 'not-shared'; readonly by: string; readonly rule: string };

export interface AllocationView {
  /** In the order in which they are asked. */
  readonly pools: readonly Pool[];
  /** What the rules of pools look at. */
  userOf(request: AllocationRequest): PoolUser;
  /** Undefined if the Service may have the address, alone or as a sharer. */
  conflictAt(address: Address, request: AllocationRequest): Conflict | undefined;
  /** Addresses that are reserved for the Service by its name, in order. */
  reservedFor(key: string): readonly Address[];
  /** Addresses that others hold with this sharing key, in order. */
  sharedBy(sharingKey: string): readonly Address[];
  /** Whether the address is held for a Service of the namespace already. */
  isHeldIn(namespace: string, address: Address): boolean;
}

export interface Decision extends Share {
  readonly grants: readonly Grant[];
  /** Why something that it asks for can not be had; it waits for it. */
  readonly refusal: Refusal | undefined;
  /** With a refusal: what it has or gets is enough all the same (PreferDualStack). */
  readonly isSatisfied: boolean;
  /** Something of its own has to be withdrawn before it gets more. */
  readonly isWithdrawing: boolean;
  /** Published addresses are to be replaced, and those that take their place are not all there and answered for. */
  readonly isReplacing: boolean;
}

interface Part {
  readonly standing: Standing;
  readonly grants: readonly Grant[];
  readonly refusal: Refusal | undefined;
  readonly isWithdrawing: boolean;
}

/** What is known while one family is decided. */
export interface Search {
  readonly request: AllocationRequest;
  readonly view: AllocationView;
  readonly user: PoolUser;
  readonly family: Family;
  readonly held: readonly HeldAddress[];
}

/**
 * `held` in the order of preference in which they are kept. Who is renumbered changes all its published addresses at once,
 * of both families, so that none is published that the same wish would replace again.
 */
export function decide(
  request: AllocationRequest,
  held: readonly HeldAddress[],
  view: AllocationView,
): Decision {
  const user = view.userOf(request);
  const ofFamily = (family: Family) => held.filter((one) => one.address.family === family);
  const parts = request.families.map((family) =>
    decideFamily({ request, view, user, family, held: held.length === 0 ? held : ofFamily(family) }),
  );
  const unwanted = held.filter((one) => !one.isLeaving && !request.families.includes(one.address.family));
  // Who can not be renumbered has enough for everything else: what is published stays.
  const isBlocked = ({ standing, refusal }: Part) =>
    request.isRenumbering && refusal !== undefined && isUnfinished(standing);
  const blocked = parts.find(isBlocked);
  const failed = parts.find((part) => part.refusal !== undefined && !isBlocked(part));
  const isEnough = failed === undefined || isOneEnough(request, parts, isBlocked);
  const given = parts.filter(({ standing }) => blocked === undefined || !isUnfinished(standing));
  const isReplacing = parts.some(({ standing }) => isUnfinished(standing));
  const shares = parts.map(({ standing }) =>
    shareOf(standing, request.isRenumbering ? isReplacing : isUnfinished(standing)),
  );
  return {
    keep: shares.flatMap((share) => share.keep),
    coming: shares.flatMap((share) => share.coming),
    going: shares.flatMap((share) => share.going),
    drop: [...shares.flatMap((share) => share.drop), ...unwanted.map((one) => one.address)],
    grants: isEnough ? given.flatMap((part) => part.grants) : [],
    refusal: (blocked ?? failed)?.refusal,
    isSatisfied: isEnough && blocked === undefined,
    isWithdrawing: parts.some((part) => part.isWithdrawing),
    isReplacing,
  };
}

/** One family is enough for PreferDualStack, unless the other one is asked for by its address. */
function isOneEnough(
  { isOneFamilyEnough, families, addresses }: AllocationRequest,
  parts: readonly Part[],
  isBlocked: (part: Part) => boolean,
): boolean {
  const isAsked = (family: Family | undefined) => addresses.some(({ value }) => value.family === family);
  const hasIt = (part: Part) => part.refusal === undefined || isBlocked(part);
  return (
    isOneFamilyEnough && parts.some(hasIt) && parts.every((part, i) => hasIt(part) || !isAsked(families[i]))
  );
}

function decideFamily(search: Search): Part {
  const { request, held, family } = search;
  const asked = request.addresses.find(({ value }) => value.family === family);
  const standing = held.length === 0 ? nothingHeld(request) : standingOf(search);
  const part: Part = { standing, grants: [], refusal: undefined, isWithdrawing: false };
  if (standing.missing <= 0) return part;
  if (held.some((one) => one.isLeaving)) return { ...part, isWithdrawing: true };
  const kept = standing.kept.map((one) => one.address);
  const found = new Finder(search, asked).find(kept, standing.missing);
  return 'code' in found ? { ...part, refusal: found } : { ...part, grants: found };
}

type Found = readonly Grant[] | Refusal;

/** Finds addresses of one family that the Service does not have yet. */
class Finder {
  readonly #search: Search;
  readonly #asked: Asked<Address> | undefined;

  constructor(search: Search, asked: Asked<Address> | undefined) {
    this.#search = search;
    this.#asked = asked;
  }

  /** `missing` of them, or none and the reason. Several of one Service are of one pool. */
  find(kept: readonly Address[], missing: number): Found {
    const asked = this.#asked;
    const first = asked === undefined || isAmong(asked.value, kept) ? [] : this.#findAsked(asked);
    if ('code' in first) return first;
    const had = [...first, ...this.#had(missing - first.length, first)];
    const found = this.#completed(had, missing, kept[0]);
    // What it had may be of a pool that has no more of them, where another one has them all.
    return 'code' in found && had.length > first.length ? this.#completed(first, missing, kept[0]) : found;
  }

  /** With new ones of the same pool. */
  #completed(had: readonly Grant[], missing: number, kept: Address | undefined): Found {
    const rest = missing - had.length;
    if (rest === 0) return had;
    const more = this.#findNew(rest, { anchor: kept ?? had[0]?.address, except: had });
    return 'code' in more ? more : [...had, ...more];
  }

  #findAsked({ value, source }: Asked<Address>): Found {
    const { request, view } = this.#search;
    const text = { source, value: formatAddress(value) };
    const conflict = view.conflictAt(value, request);
    const isReserved = isAmong(value, view.reservedFor(request.key));
    if (isReserved && conflict === undefined) return [this.#grantOf(value)];
    if (view.pools.length === 0) return refusals.noPool();
    const names = view.pools.map((pool) => pool.name);
    const named = request.pool;
    if (named !== undefined && !names.includes(named.value)) return refusals.noSuchPool(named, names);
    const containing = view.pools.filter((pool) => pool.contains(value));
    if (containing.length === 0) return refusals.outsidePools(text, names);
    const usable = containing.filter((pool) => named === undefined || pool.name === named.value);
    if (named !== undefined && usable.length === 0) return refusals.outsideNamedPool(text, named);
    const pool = usable.find((one) => obstacleIn(one, this.#search.user, true) === undefined);
    if (pool === undefined) return refusalOf(usable, this.#search.user, true);
    if (conflict !== undefined) return conflictRefusal(conflict, text);
    if (this.#overQuota(pool, [value])) return refusals.quotaExceeded(request.namespace, [pool.name]);
    return [{ address: value, pool: pool.name }];
  }

  /** Reserved for it by an administrator, whatever the pools say; then what it had before and is still free. */
  #had(wanted: number, except: readonly Grant[]): readonly Grant[] {
    const { request, view } = this.#search;
    const named = view.pools.find((pool) => pool.name === request.pool?.value);
    const isAllowed = (address: Address) => request.pool === undefined || named?.contains(address) === true;
    const reserved = view
      .reservedFor(request.key)
      .filter((address) => isAllowed(address) && this.#isFree(address));
    const had = request.preferred.filter((address) => this.#isFree(address) && this.#mayKeep(address));
    const all = reserved.map((address) => this.#grantOf(address));
    for (const address of had) {
      if (!all.some((one) => sameAddress(one.address, address))) all.push(this.#grantOf(address));
    }
    return all.filter((one) => !isAmong(one.address, addressesOf(except))).slice(0, wanted);
  }

  #mayKeep(address: Address): boolean {
    const { request, view, user } = this.#search;
    return view.pools.some(
      (pool) =>
        pool.contains(address) &&
        exclusionFrom(pool, user) === undefined &&
        (request.pool === undefined || request.pool.value === pool.name),
    );
  }

  #findNew(
    wanted: number,
    bounds: { readonly anchor: Address | undefined; readonly except: readonly Grant[] },
  ): Found {
    const { request, view, user, family } = this.#search;
    if (view.pools.length === 0) return refusals.noPool();
    const { pool: named } = request;
    const offered = named === undefined ? view.pools : view.pools.filter((pool) => pool.name === named.value);
    if (named !== undefined && offered.length === 0)
      return refusals.noSuchPool(
        named,
        view.pools.map((pool) => pool.name),
      );
    const usable = offered.filter((pool) => obstacleIn(pool, user, named !== undefined) === undefined);
    if (usable.length === 0) return refusalOf(offered, user, named !== undefined);
    const { anchor } = bounds;
    const ofFamily = usable.filter((pool) => pool.counts(family).total > 0n);
    const anchored = anchor === undefined ? ofFamily : ofFamily.filter((pool) => pool.contains(anchor));
    if (anchor !== undefined && anchored.length === 0) return this.#notOfOnePool(anchor, offered);
    const overQuota: string[] = [];
    for (const pool of anchored) {
      const picked = this.#pick(pool, wanted, addressesOf(bounds.except));
      if (picked.length < wanted) continue;
      if (!this.#overQuota(pool, picked)) return picked.map((address) => ({ address, pool: pool.name }));
      overQuota.push(pool.name);
    }
    if (overQuota.length > 0) return refusals.quotaExceeded(request.namespace, overQuota);
    return exhaustion({ family, usable, tried: anchored, wanted });
  }

  /** It has one already, whose pools give it no more. */
  #notOfOnePool(anchor: Address, offered: readonly Pool[]): Refusal {
    const { request, user } = this.#search;
    const holding = offered.filter((pool) => pool.contains(anchor));
    if (holding.length > 0) return refusalOf(holding, user, request.pool !== undefined);
    return refusals.moreOfNoPool(formatAddress(anchor));
  }

  /** Lowest first, and before them those that others with its sharing key have already. */
  #pick(pool: Pool, wanted: number, except: readonly Address[]): readonly Address[] {
    const { request, view, family } = this.#search;
    const { key } = request.sharing;
    const shared = key === '' ? [] : view.sharedBy(key);
    const picked = shared
      .filter((one) => pool.contains(one) && this.#isFree(one) && !isAmong(one, except))
      .slice(0, wanted);
    let address = pool.first(family);
    while (picked.length < wanted && address !== undefined) {
      picked.push(address);
      address = pool.first(family, address.value + 1n);
    }
    return picked;
  }

  /** Free or lawfully shared, of the family, and not one that it has already. */
  #isFree(address: Address): boolean {
    const { request, view, family, held } = this.#search;
    return (
      address.family === family &&
      !held.some((one) => sameAddress(one.address, address)) &&
      view.conflictAt(address, request) === undefined
    );
  }

  /** Addresses that the namespace has already, being shared, count once. */
  #overQuota(pool: Pool, picked: readonly Address[]): boolean {
    const { quotaPerNamespace: quota } = pool.spec;
    if (quota === undefined) return false;
    const { view, request } = this.#search;
    const more = picked.filter((address) => !view.isHeldIn(request.namespace, address));
    return pool.usesOf(request.namespace) + more.length > quota;
  }

  #grantOf(address: Address): Grant {
    const pool = this.#search.view.pools.find((one) => one.contains(address));
    return { address, pool: pool?.name ?? '' };
  }
}

/** Why the address, which stands in `asked`, can not be given. */
export function conflictRefusal(conflict: Conflict, asked: Asked<string>): Refusal {
  if (conflict.kind === 'reserved') return refusals.reserved(asked, conflict.by);
  if (conflict.kind === 'in-use') return refusals.inUse(asked, conflict);
  return refusals.notShared(asked, conflict.by, conflict.rule);
}

const addressesOf = (grants: readonly Grant[]): readonly Address[] => grants.map(({ address }) => address);

const isAmong = (address: Address, among: readonly Address[]): boolean =>
  among.some((one) => sameAddress(one, address));
