// Why a Service gets no address: a stable code for programs (the reason of the condition fairlead.io/Allocated) and
// a sentence that says what would help. Messages hold no counts that change by themselves, or each would be a write.

import type { Family } from '../net/address.ts';

export const RefusalCode = {
  /** No AddressPool is there, or none is valid. */
  NoPool: 'NoPool',
  /** Every address of every pool is in use. */
  PoolExhausted: 'PoolExhausted',
  /** The Service asks for a family that can not be had. */
  FamilyUnavailable: 'FamilyUnavailable',
  /** The Service asks for one address, and somebody else has it. */
  AddressTaken: 'AddressTaken',
  /** The Service asks for one address, and no pool holds it. */
  AddressOutsidePools: 'AddressOutsidePools',
  /** The Service asks for something that is no address, or one of another family. */
  AddressInvalid: 'AddressInvalid',
} as const;
export type RefusalCode = (typeof RefusalCode)[keyof typeof RefusalCode];

export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
}

export const noPool = (): Refusal => ({
  code: RefusalCode.NoPool,
  message:
    'there is no valid AddressPool: create one, for example with spec.addresses: ["192.168.1.240-192.168.1.250"], or ' +
    'look at the Ready condition of those that exist',
});

export const noPoolOfFamily = (family: Family, pools: readonly string[]): Refusal => ({
  code: RefusalCode.FamilyUnavailable,
  message: `no AddressPool holds ${family} addresses (there is ${list(pools)}): add ${family} addresses to one`,
});

export const exhausted = (family: Family, pools: readonly string[]): Refusal => ({
  code: RefusalCode.PoolExhausted,
  message:
    `every ${family} address of ${list(pools)} is in use: add addresses to a pool, or delete a Service or VirtualIP ` +
    'that is not needed any more',
});

export const dualStackUnavailable = (): Refusal => ({
  code: RefusalCode.FamilyUnavailable,
  message:
    'IPv6 addresses can not be announced yet, so ipFamilyPolicy RequireDualStack can not be met: use PreferDualStack ' +
    'or SingleStack with IPv4',
});

export const noIPv4 = (): Refusal => ({
  code: RefusalCode.FamilyUnavailable,
  message: 'IPv6 addresses can not be announced yet: give the Service IPv4 in ipFamilies',
});

export const invalidAddress = (text: string, family: Family): Refusal => ({
  code: RefusalCode.AddressInvalid,
  message: `spec.loadBalancerIP "${text}" is no ${family} address: write one in canonical form, or remove it`,
});

export const outsidePools = (text: string, pools: readonly string[]): Refusal => ({
  code: RefusalCode.AddressOutsidePools,
  message: `spec.loadBalancerIP ${text} is in no pool (there is ${list(pools)}): add it to one, or remove it`,
});

export const taken = (text: string, by: readonly string[]): Refusal => ({
  code: RefusalCode.AddressTaken,
  message: `spec.loadBalancerIP ${text} is taken by ${list(by)}: ask for another one, or remove it`,
});

const LISTED = 5;

/** At most a handful of names, in order. */
function list(names: readonly string[]): string {
  const sorted = [...names].sort();
  const rest = sorted.length - LISTED;
  return rest > 0 ? `${sorted.slice(0, LISTED).join(', ')} and ${rest} more` : sorted.join(', ');
}
