// Why a Service gets no address: a stable code for programs (the reason of the condition fairlead.io/Allocated) and
// a sentence that says what would help. Messages hold no counts that change by themselves, or each would be a write.

import type { Family } from '../net/address.ts';
import type { Asked } from './request.ts';

/** Each is explained in docs/guide/refusals.md; a test compares the lists. */
export const RefusalCode = {
  /** No AddressPool is there or valid, or not the one that is asked for. */
  NoPool: 'NoPool',
  /** Every address of every pool that the Service may use is in use. */
  PoolsExhausted: 'PoolsExhausted',
  /** No pool that the Service may use holds the family. */
  FamilyUnavailable: 'FamilyUnavailable',
  /** The Service asks for an address that no pool holds, or not the pool that it also asks for. */
  AddressOutsidePools: 'AddressOutsidePools',
  /** The Service asks for an address that somebody else has. */
  AddressInUse: 'AddressInUse',
  /** The Service asks for an address that a VirtualIP without Services keeps for somebody else. */
  AddressReserved: 'AddressReserved',
  /** The Service asks for an address that others have, with a sharing key, but may not share it with them. */
  SharingKeyMismatch: 'SharingKeyMismatch',
  /** Pools are there, but not for the Service's namespace. */
  NamespaceNotAllowed: 'NamespaceNotAllowed',
  /** Pools are there, but their serviceSelector does not select the Service. */
  ServiceNotSelected: 'ServiceNotSelected',
  /** Pools are there, but they are being drained. */
  PoolDisabled: 'PoolDisabled',
  /** Pools are there, but their addresses are given only to Services that ask for them. */
  PoolNotAutomatic: 'PoolNotAutomatic',
  /** The namespace has as many addresses of the pool as it may have. */
  QuotaExceeded: 'QuotaExceeded',
  /** A field or annotation of the Service can not be read, or contradicts another one. */
  InvalidRequest: 'InvalidRequest',
} as const;
export type RefusalCode = (typeof RefusalCode)[keyof typeof RefusalCode];

export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
}

const refusal = (code: RefusalCode, message: string): Refusal => ({ code, message });

export const noPool = (): Refusal =>
  refusal(
    'NoPool',
    'there is no valid AddressPool: create one, for example with spec.addresses: ["192.168.1.240-192.168.1.250"], or ' +
      'look at the Ready condition of those that exist',
  );

export const noSuchPool = ({ source, value }: Asked<string>, pools: readonly string[]): Refusal =>
  refusal(
    'NoPool',
    `${source} "${value}": there is no valid AddressPool of that name, want one of ${list(pools)}`,
  );

export const noPoolOfFamily = (family: Family, pools: readonly string[]): Refusal =>
  refusal(
    'FamilyUnavailable',
    `spec.ipFamilies has ${family}: no AddressPool for this Service holds ${family} addresses (there is ` +
      `${list(pools)}), add some to one or take ${family} out`,
  );

/** How full a pool is when it has nothing left: all of this many addresses. */
export interface Full {
  readonly pool: string;
  readonly total: bigint;
}

/** `wanted`: how many addresses are missing, all from one pool. */
export function exhausted(family: Family, full: readonly Full[], wanted: number): Refusal {
  const pools = list(full.map(({ pool, total }) => `${pool} (${total})`));
  const what =
    wanted === 1
      ? `every ${family} address of ${pools} is in use`
      : `fairlead.io/count: ${wanted} more ${family} addresses of one pool are wanted, and none of ${pools} has them free`;
  return refusal(
    'PoolsExhausted',
    `${what}: add addresses to a pool, or delete a Service or VirtualIP that is not needed any more`,
  );
}

export const outsidePools = ({ source, value }: Asked<string>, pools: readonly string[]): Refusal =>
  refusal(
    'AddressOutsidePools',
    `${source} "${value}": the address is in no AddressPool, want one of ${list(pools)}`,
  );

/** `has`: what the Service has already, and of whose pool further ones have to be. */
export const moreOfNoPool = (has: string): Refusal =>
  refusal(
    'AddressOutsidePools',
    `fairlead.io/count: further addresses have to be of the pool of ${has}, which is in no AddressPool for this Service: ` +
      'want it in one, or the annotation fairlead.io/renumber: now',
  );

export const outsideNamedPool = (address: Asked<string>, pool: Asked<string>): Refusal =>
  refusal(
    'AddressOutsidePools',
    `${address.source} "${address.value}": the address is not in the AddressPool that ${pool.source} "${pool.value}" ` +
      'asks for, want one of that pool, or only one of the two',
  );

/** `isService`: it could share the address. */
export const inUse = (
  { source, value }: Asked<string>,
  { by, isService = false }: { readonly by: string; readonly isService?: boolean },
): Refusal =>
  refusal(
    'AddressInUse',
    `${source} "${value}": the address is in use by ${by}, want a free one` +
      (isService ? ', or the same fairlead.io/sharing-key on both' : ''),
  );

/** `by` is undefined for one that is reserved for nobody. */
export const reserved = ({ source, value }: Asked<string>, by: string | undefined): Refusal =>
  refusal(
    'AddressReserved',
    `${source} "${value}": the address is reserved for ${by === undefined ? 'nobody' : `Service ${by}`} by a VirtualIP, ` +
      'want another one, or that VirtualIP deleted',
  );

export const notShared = (asked: Asked<string>, sharer: string, rule: string): Refusal =>
  refusal(
    'SharingKeyMismatch',
    `${asked.source} "${asked.value}": the address can not be shared with Service ${sharer}: ${rule}`,
  );

export const namespaceNotAllowed = (namespace: string, pools: readonly string[]): Refusal =>
  refusal(
    'NamespaceNotAllowed',
    `metadata.namespace "${namespace}": ${list(pools)} is not for this namespace, want it in spec.namespaces or ` +
      'spec.namespaceSelector of an AddressPool',
  );

export const serviceNotSelected = (pools: readonly string[]): Refusal =>
  refusal(
    'ServiceNotSelected',
    `metadata.labels: spec.serviceSelector of ${list(pools)} does not select this Service, want labels that it selects`,
  );

export const poolDisabled = (pools: readonly string[]): Refusal =>
  refusal(
    'PoolDisabled',
    `${list(pools)} is being drained (spec.disabled): want another AddressPool, or disabled: false`,
  );

export const poolNotAutomatic = (pools: readonly string[]): Refusal =>
  refusal(
    'PoolNotAutomatic',
    `${list(pools)} is given only to Services that ask for it (spec.autoAssign: false): want the annotation ` +
      'fairlead.io/pool or fairlead.io/addresses on the Service',
  );

export const quotaExceeded = (namespace: string, pools: readonly string[]): Refusal =>
  refusal(
    'QuotaExceeded',
    `metadata.namespace "${namespace}": it has as many addresses of ${list(pools)} as spec.quota.perNamespace allows, ` +
      'want a higher quota, or a Service of the namespace deleted',
  );

/** `wanted` completes "..., want ...". */
export const invalidRequest = ({ source, value }: Asked<string>, wanted: string): Refusal =>
  refusal('InvalidRequest', `${source} "${shortened(value)}": want ${wanted}`);

export const contradiction = (one: Asked<string>, other: Asked<string>): Refusal =>
  refusal(
    'InvalidRequest',
    `${one.source} "${shortened(one.value)}" and ${other.source} "${shortened(other.value)}" contradict each other: ` +
      'want the same in both, or only one of them',
  );

const LISTED = 5;
const SHOWN = 100;

const shortened = (text: string): string => (text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`);

/** At most a handful of names, in order. */
function list(names: readonly string[]): string {
  const sorted = [...names].sort();
  const rest = sorted.length - LISTED;
  return rest > 0 ? `${sorted.slice(0, LISTED).join(', ')} and ${rest} more` : sorted.join(', ');
}
