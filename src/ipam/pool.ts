// One AddressPool as the allocator sees it: which addresses belong to it, which of them are free, and by what rules
// they are given.

import type { Address, Family } from '../net/address.ts';
import type { AddressRange } from '../net/address-range.ts';
import { FreeIntervals, type Interval, mergeIntervals, subtractIntervals } from './free-intervals.ts';
import type { LabelSelector } from './label-selector.ts';

export interface Counts {
  readonly total: bigint;
  readonly available: bigint;
  /** How many have a VirtualIP; the others that are not available are somebody else's. */
  readonly allocated: number;
}

/** The spec of an AddressPool, in its own words (resource/address-pool.ts). */
export interface PoolSpec {
  readonly addresses: readonly AddressRange[];
  readonly exclude: readonly AddressRange[];
  /** Union with `namespaceSelector`; both absent = every namespace. */
  readonly namespaces: readonly string[];
  readonly namespaceSelector: LabelSelector | undefined;
  readonly serviceSelector: LabelSelector | undefined;
  readonly priority: number;
  readonly autoAssign: boolean;
  readonly avoidEdges: boolean;
  readonly disabled: boolean;
  readonly quotaPerNamespace: number | undefined;
  readonly sharing: 'Namespace' | 'Cluster';
}

/** A spec in which nothing is set but the addresses. */
export const PLAIN_POOL: Omit<PoolSpec, 'addresses'> = {
  exclude: [],
  namespaces: [],
  namespaceSelector: undefined,
  serviceSelector: undefined,
  priority: 100,
  autoAssign: true,
  avoidEdges: false,
  disabled: false,
  quotaPerNamespace: undefined,
  sharing: 'Namespace',
};

type Each<T> = Readonly<Record<Family, T>>;

export class Pool {
  readonly name: string;
  readonly spec: PoolSpec;
  /** Sorted and disjoint, without what is excluded. */
  readonly #members: Each<readonly Interval[]>;
  readonly #free: Each<FreeIntervals>;
  readonly #total: Each<bigint>;
  readonly #allocated: Record<Family, number> = { IPv4: 0, IPv6: 0 };
  /** How many addresses each namespace has; counted only with a quota. */
  readonly #uses = new Map<string, number>();
  /** How many addresses in `#free` are edges, which are never given; they are taken out when they are met. */
  #freeEdges: bigint;

  /** At first everything is free. */
  constructor(name: string, spec: PoolSpec) {
    this.name = name;
    this.spec = spec;
    this.#members = { IPv4: membersOf(spec, 'IPv4'), IPv6: membersOf(spec, 'IPv6') };
    const free = (family: Family) => new FreeIntervals(this.#members[family]);
    this.#free = { IPv4: free('IPv4'), IPv6: free('IPv6') };
    this.#freeEdges = spec.avoidEdges
      ? this.#members.IPv4.reduce((sum, each) => sum + edgesIn(each), 0n)
      : 0n;
    this.#total = { IPv4: this.#free.IPv4.count - this.#freeEdges, IPv6: this.#free.IPv6.count };
  }

  get isGlobal(): boolean {
    return this.spec.namespaces.length === 0 && this.spec.namespaceSelector === undefined;
  }

  /** Whether the address belongs to the pool, free or not; excluded ones and avoided edges do not. */
  contains({ family, value }: Address): boolean {
    return isIn(this.#members[family], value) && !this.#isEdge(family, value);
  }

  /** The lowest free address that is not below `from`; O(log n). */
  first(family: Family, from = 0n): Address | undefined {
    const free = this.#free[family];
    for (let value = free.firstFrom(from); value !== undefined; value = free.firstFrom(value)) {
      if (!this.#isEdge(family, value)) return { family, value };
      free.take(value);
      this.#freeEdges -= 1n;
    }
    return undefined;
  }

  /** False if the address is not free here. */
  take({ family, value }: Address): boolean {
    return !this.#isEdge(family, value) && this.#free[family].take(value);
  }

  /** False if the address does not belong here or is free already. */
  release(address: Address): boolean {
    return this.contains(address) && this.#free[address.family].release(address.value);
  }

  counts(family: Family): Counts {
    const edges = family === 'IPv4' ? this.#freeEdges : 0n;
    const available = this.#free[family].count - edges;
    return { total: this.#total[family], available, allocated: this.#allocated[family] };
  }

  /** An address has a VirtualIP now, or has none any more; nothing for one that does not belong here. */
  countAllocated(address: Address, change: 1 | -1): void {
    if (this.contains(address)) this.#allocated[address.family] += change;
  }

  /** The namespaces that an address is held for were `before` and are `now`. */
  countUses(address: Address, before: ReadonlySet<string>, now: ReadonlySet<string>): void {
    if (this.spec.quotaPerNamespace === undefined || !this.contains(address)) return;
    for (const namespace of before)
      if (!now.has(namespace)) this.#uses.set(namespace, this.usesOf(namespace) - 1);
    for (const namespace of now)
      if (!before.has(namespace)) this.#uses.set(namespace, this.usesOf(namespace) + 1);
  }

  /** How many addresses the namespace has; 0 without a quota. */
  usesOf(namespace: string): number {
    return this.#uses.get(namespace) ?? 0;
  }

  /** Whether an address belongs to both. */
  overlaps(other: Pool): boolean {
    const families: readonly Family[] = ['IPv4', 'IPv6'];
    return families.some((family) => haveCommon(this.#members[family], other.#members[family]));
  }

  #isEdge(family: Family, value: bigint): boolean {
    if (!this.spec.avoidEdges || family !== 'IPv4') return false;
    const last = value & 255n;
    return last === 0n || last === 255n;
  }
}

function membersOf({ addresses, exclude }: PoolSpec, family: Family): readonly Interval[] {
  const ofFamily = (ranges: readonly AddressRange[]) => ranges.filter((range) => range.family === family);
  return subtractIntervals(mergeIntervals(ofFamily(addresses)), mergeIntervals(ofFamily(exclude)));
}

function isIn(members: readonly Interval[], value: bigint): boolean {
  let low = 0;
  let high = members.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const interval = members[middle];
    if (interval === undefined) return false;
    if (value < interval.first) high = middle - 1;
    else if (value > interval.last) low = middle + 1;
    else return true;
  }
  return false;
}

function haveCommon(a: readonly Interval[], b: readonly Interval[]): boolean {
  for (let i = 0, j = 0; ; ) {
    const [one, other] = [a[i], b[j]];
    if (one === undefined || other === undefined) return false;
    if (one.last < other.first) i++;
    else if (other.last < one.first) j++;
    else return true;
  }
}

/** How many IPv4 addresses end in .0 or .255, counted and not enumerated. */
function edgesIn({ first, last }: Interval): bigint {
  const upTo = (value: bigint) => (value < 0n ? 0n : (value / 256n) * 2n + (value % 256n === 255n ? 2n : 1n));
  return upTo(last) - upTo(first - 1n);
}
