// Which addresses can not be given out, and because of whom: VirtualIPs, Services that kept an address from before or
// are about to get one, nodes. Each holder states its whole list each time, so a lost or doubled event does no harm.

import { type Address, type Family, sameAddress } from '../net/address.ts';
import type { AddressRange } from '../net/address-range.ts';
import { type Allocation, type AllocationRequest, type AllocationView, allocate } from './allocator.ts';
import { type Counts, Pool } from './pool.ts';

interface Held {
  readonly address: Address;
  readonly by: Set<string>;
}

const keyOf = ({ family, value }: Address): string => `${family}/${value.toString(16)}`;

export class AddressBook implements AllocationView {
  /** Sorted by name: the order in which they are asked. */
  #pools: readonly Pool[] = [];
  readonly #held = new Map<string, Held>();
  readonly #byHolder = new Map<string, readonly Address[]>();

  /** Sets what a pool holds, undefined for a pool that is gone or not valid. What is held stays held. */
  setPool(name: string, ranges: readonly AddressRange[] | undefined): void {
    const others = this.#pools.filter((pool) => pool.name !== name);
    if (ranges === undefined) {
      this.#pools = others;
      return;
    }
    const pool = new Pool(name, ranges);
    for (const { address } of this.#held.values()) pool.take(address);
    this.#pools = [...others, pool].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** From now on `holder` holds exactly these addresses. Returns whether an address of a pool became free. */
  hold(holder: string, addresses: readonly Address[]): boolean {
    const before = this.#byHolder.get(holder) ?? [];
    if (addresses.length === 0) this.#byHolder.delete(holder);
    else this.#byHolder.set(holder, addresses);
    for (const address of addresses) this.#add(holder, address);
    let isFreed = false;
    for (const address of before) {
      if (!addresses.some((one) => sameAddress(one, address)))
        isFreed = this.#drop(holder, address) || isFreed;
    }
    return isFreed;
  }

  holders(address: Address): readonly string[] {
    return [...(this.#held.get(keyOf(address))?.by ?? [])];
  }

  heldBy(holder: string): readonly Address[] {
    return this.#byHolder.get(holder) ?? [];
  }

  allocate(request: AllocationRequest): Allocation {
    return allocate(request, this.#pools, this);
  }

  /** Undefined if there is no such pool. */
  pool(name: string): Pool | undefined {
    return this.#pools.find((pool) => pool.name === name);
  }

  counts(pool: string, family: Family): Counts {
    return this.pool(pool)?.counts(family) ?? { total: 0n, available: 0n };
  }

  #add(holder: string, address: Address): void {
    const held = this.#held.get(keyOf(address));
    if (held !== undefined) {
      held.by.add(holder);
      return;
    }
    this.#held.set(keyOf(address), { address, by: new Set([holder]) });
    for (const pool of this.#pools) pool.take(address);
  }

  #drop(holder: string, address: Address): boolean {
    const held = this.#held.get(keyOf(address));
    if (held === undefined || !held.by.delete(holder) || held.by.size > 0) return false;
    this.#held.delete(keyOf(address));
    // Every pool, not only the first that has it: pools may overlap.
    return this.#pools.filter((pool) => pool.release(address)).length > 0;
  }
}
