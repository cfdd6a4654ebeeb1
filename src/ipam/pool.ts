// One AddressPool as the allocator sees it: which addresses belong to it and which of them are free.

import type { Address, Family } from '../net/address.ts';
import { type AddressRange, contains } from '../net/address-range.ts';
import { FreeIntervals } from './free-intervals.ts';

export interface Counts {
  readonly total: bigint;
  readonly available: bigint;
}

export class Pool {
  readonly name: string;
  readonly #ranges: readonly AddressRange[];
  readonly #free: Readonly<Record<Family, FreeIntervals>>;
  readonly #total: Readonly<Record<Family, bigint>>;

  /** At first everything is free. */
  constructor(name: string, ranges: readonly AddressRange[]) {
    this.name = name;
    this.#ranges = ranges;
    const ofFamily = (family: Family) => new FreeIntervals(ranges.filter((range) => range.family === family));
    this.#free = { IPv4: ofFamily('IPv4'), IPv6: ofFamily('IPv6') };
    this.#total = { IPv4: this.#free.IPv4.count, IPv6: this.#free.IPv6.count };
  }

  /** Whether the address belongs to the pool, free or not. */
  contains(address: Address): boolean {
    return this.#ranges.some((range) => contains(range, address));
  }

  /** The lowest free address; O(log n). */
  first(family: Family): Address | undefined {
    const value = this.#free[family].first();
    return value === undefined ? undefined : { family, value };
  }

  isFree(address: Address): boolean {
    return this.#free[address.family].has(address.value);
  }

  /** False if the address is not free here. */
  take(address: Address): boolean {
    return this.#free[address.family].take(address.value);
  }

  /** False if the address does not belong here or is free already. */
  release(address: Address): boolean {
    return this.contains(address) && this.#free[address.family].release(address.value);
  }

  counts(family: Family): Counts {
    return { total: this.#total[family], available: this.#free[family].count };
  }
}
