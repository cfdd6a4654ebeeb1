// What a Service asks of the pools, with where each wish was written, so that a refusal can name it.

import type { Address, Family } from '../net/address.ts';
import type { Labels } from './label-selector.ts';
import type { SharingClaim } from './sharing.ts';

/** A Service: the uid tells a re-created one of the same name apart. */
export interface Tenant {
  readonly uid: string;
  readonly namespace: string;
  /** namespace/name. */
  readonly key: string;
}

/** A wish and the field or annotation in which it stands. */
export interface Asked<T> {
  readonly value: T;
  readonly source: string;
}

export interface AllocationRequest extends Tenant {
  readonly labels: Labels;
  /** Sorts Services by age: of two that both have one address in their status, the first keeps it. */
  readonly rank: string;
  /** The families that it wants an address of, the most important first; at least one. */
  readonly families: readonly Family[];
  /** ipFamilyPolicy PreferDualStack. */
  readonly isOneFamilyEnough: boolean;
  /** These and no others; at most one of each family. */
  readonly addresses: readonly Asked<Address>[];
  readonly pool: Asked<string> | undefined;
  /** How many addresses of each family; at least 1. */
  readonly count: number;
  readonly sharing: SharingClaim;
  /** Addresses that it had before and that nothing but its status says, best first: kept if they are free. */
  readonly preferred: readonly Address[];
  /** It wants to leave the addresses that are published. */
  readonly isRenumbering: boolean;
}

/** An address that the Service has: a VirtualIP of its own or a share in one. */
export interface HeldAddress {
  readonly address: Address;
  /** The pool that it was taken from. */
  readonly pool: string;
  readonly isPublished: boolean;
  /** Somebody answers for it, or nobody of ours is to: who comes to it finds the Service. */
  readonly isReady: boolean;
  /** Others have taken its place, and it is published for as long as their overlap lasts. */
  readonly isReplaced: boolean;
  /** It is being withdrawn, and takes its name up until that is done. */
  readonly isLeaving: boolean;
}

/** An address to be given, and the pool that it is from; '' for a reserved one of no pool. */
export interface Grant {
  readonly address: Address;
  readonly pool: string;
}
