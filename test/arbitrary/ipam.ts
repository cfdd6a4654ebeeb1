// Pools, requests and addresses for the tests of the address book, from short text.

import assert from 'node:assert/strict';
import type { AddressBook } from '../../src/ipam/address-book.ts';
import type { Decision } from '../../src/ipam/allocator.ts';
import type { LabelSelector } from '../../src/ipam/label-selector.ts';
import { PLAIN_POOL, type PoolSpec } from '../../src/ipam/pool.ts';
import type { AllocationRequest, Tenant } from '../../src/ipam/request.ts';
import type { SharingClaim } from '../../src/ipam/sharing.ts';
import { type Address, formatAddress, parseAddress } from '../../src/net/address.ts';
import { type AddressRange, parseAddressRange } from '../../src/net/address-range.ts';

export function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed, text);
  return parsed;
}

export function range(text: string): AddressRange {
  const parsed = parseAddressRange(text);
  assert.ok(parsed.kind === 'range', text);
  return parsed.range;
}

/** A pool of these addresses in which nothing else is set, but for `changes`. */
export const poolOf = (addresses: readonly string[], changes: Partial<PoolSpec> = {}): PoolSpec => ({
  ...PLAIN_POOL,
  addresses: addresses.map(range),
  ...changes,
});

export const matching = (matchLabels: Record<string, string>): LabelSelector => ({
  matchLabels,
  matchExpressions: [],
});

export const tenant = (name: string, namespace = 'web'): Tenant => ({
  uid: `uid-${namespace}-${name}`,
  namespace,
  key: `${namespace}/${name}`,
});

export const claim = (changes: Partial<SharingClaim> = {}): SharingClaim => ({
  namespace: 'web',
  key: '',
  source: 'fairlead.io/sharing-key',
  namespaces: [],
  ports: ['TCP/80'],
  localTo: '',
  ...changes,
});

export function requestOf(name: string, changes: Partial<AllocationRequest> = {}): AllocationRequest {
  const namespace = changes.namespace ?? 'web';
  return {
    ...tenant(name, namespace),
    labels: {},
    rank: name,
    families: ['IPv4'],
    isOneFamilyEnough: false,
    addresses: [],
    pool: undefined,
    count: 1,
    sharing: claim({ namespace }),
    preferred: [],
    isRenumbering: false,
    ...changes,
  };
}

/** Of an address that is held: nothing is to become of it. */
export const STAYING = { isReady: true, isReplaced: false, isLeaving: false } as const;

/** A VirtualIP of these Services comes into the book. */
export function give(book: AddressBook, text: string, ...services: readonly Tenant[]): void {
  const tenancy = { kind: 'virtual-ip', services, reservedFor: undefined } as const;
  book.hold(`VirtualIP ${text}`, [address(text)], tenancy);
}

export const take = (book: AddressBook, text: string): boolean =>
  book.hold(`VirtualIP ${text}`, [], { kind: 'virtual-ip', services: [], reservedFor: undefined });

/** `10.0.0.8 of a, 10.0.0.9 of a` or the code of the refusal; both for a partial success, also if it is not enough. */
export function shown({ grants, refusal, isSatisfied }: Decision): string {
  const given = grants.map((grant) => `${formatAddress(grant.address)} of ${grant.pool}`).join(', ');
  if (refusal === undefined) return given;
  if (isSatisfied) return `${given} without ${refusal.code}`;
  return [given, refusal.code].filter((text) => text !== '').join(', ');
}
