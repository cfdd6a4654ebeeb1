// The decision which address a Service gets. Pure: the pools and who holds what come in, an address or a refusal
// comes out; the controller realises it by creating the VirtualIP of that name.

import { type Address, type Family, formatAddress, parseAddress } from '../net/address.ts';
import type { Pool } from './pool.ts';
import type { Refusal } from './refusal.ts';
import * as refusals from './refusal.ts';

export interface AllocationRequest {
  /** Who asks, in the view's words: an address that only it holds is free for it. */
  readonly owner: string;
  /** spec.ipFamilies; the API server fills it in for every Service that can be of type LoadBalancer. */
  readonly families: readonly Family[];
  readonly familyPolicy: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  /** spec.loadBalancerIP: this address or none. */
  readonly demanded?: string;
  /** Addresses that the Service had before, best first: kept if they are free. */
  readonly preferred: readonly Address[];
}

export interface AllocationView {
  /** Who holds the address, for whatever reason; empty if nobody does. */
  holders(address: Address): readonly string[];
}

export type Allocation =
  | { readonly kind: 'allocated'; readonly address: Address; readonly pool: string }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

const refused = (refusal: Refusal): Allocation => ({ kind: 'refused', refusal });

/** `pools` are asked in the order given. */
export function allocate(
  request: AllocationRequest,
  pools: readonly Pool[],
  view: AllocationView,
): Allocation {
  const family = chooseFamily(request);
  if (typeof family !== 'string') return refused(family);
  if (pools.length === 0) return refused(refusals.noPool());
  if (request.demanded !== undefined)
    return demand({ ...request, demanded: request.demanded }, family, { pools, view });
  for (const address of request.preferred) {
    const pool = address.family === family ? pools.find((one) => one.contains(address)) : undefined;
    if (pool !== undefined && isFreeFor(request.owner, address, view)) return allocated(address, pool);
  }
  for (const pool of pools) {
    const address = pool.first(family);
    if (address !== undefined) return allocated(address, pool);
  }
  const ofFamily = pools.filter((pool) => pool.counts(family).total > 0n);
  return refused(
    ofFamily.length === 0
      ? refusals.noPoolOfFamily(family, names(pools))
      : refusals.exhausted(family, names(ofFamily)),
  );
}

/** IPv4 while NDP is missing; PreferDualStack is content with it. */
function chooseFamily({ families, familyPolicy }: AllocationRequest): Family | Refusal {
  if (familyPolicy === 'RequireDualStack') return refusals.dualStackUnavailable();
  return families.length === 0 || families.includes('IPv4') ? 'IPv4' : refusals.noIPv4();
}

function demand(
  { owner, demanded }: AllocationRequest & { readonly demanded: string },
  family: Family,
  { pools, view }: { readonly pools: readonly Pool[]; readonly view: AllocationView },
): Allocation {
  const address = parseAddress(demanded);
  if (address?.family !== family) return refused(refusals.invalidAddress(demanded, family));
  const pool = pools.find((one) => one.contains(address));
  if (pool === undefined) return refused(refusals.outsidePools(formatAddress(address), names(pools)));
  if (isFreeFor(owner, address, view)) return allocated(address, pool);
  const others = view.holders(address).filter((holder) => holder !== owner);
  return refused(refusals.taken(formatAddress(address), others));
}

const allocated = (address: Address, pool: Pool): Allocation => ({
  kind: 'allocated',
  address,
  pool: pool.name,
});

const isFreeFor = (owner: string, address: Address, view: AllocationView): boolean =>
  view.holders(address).every((holder) => holder === owner);

const names = (pools: readonly Pool[]): readonly string[] => pools.map((pool) => pool.name);
