// Whether an address that was given out is still one that its pools would give: a fact, by which nothing is taken away.

import { type Address, formatAddress } from '../net/address.ts';
import type { Pool } from './pool.ts';

/** In words; undefined as long as a pool that is not drained holds the address, whichever it was taken from. */
export function whyOutsidePool(
  address: Address,
  takenFrom: string,
  pools: readonly Pool[],
): string | undefined {
  const containing = pools.filter((pool) => pool.contains(address));
  if (containing.some((pool) => !pool.spec.disabled)) return undefined;
  const text = formatAddress(address);
  const [drained] = containing;
  if (drained !== undefined) return `${text} is of AddressPool ${drained.name}, which is being drained`;
  // Reserved by an administrator outside of all pools, and so meant to be there.
  if (takenFrom === '') return undefined;
  const former = pools.some((pool) => pool.name === takenFrom)
    ? 'does not hold it any more'
    : 'is gone or not valid';
  return `${text} is in no AddressPool: ${takenFrom}, from which it was taken, ${former}`;
}
