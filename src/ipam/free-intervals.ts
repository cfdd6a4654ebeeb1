// The free addresses of one family as a sorted set of disjoint intervals, so that a /64 costs what a /24 costs. A
// treap: a binary tree ordered by the interval and heap-ordered by a drawn priority, which keeps it balanced.

interface Node {
  /** Both ends are free; neighbours in the tree never touch each other. */
  first: bigint;
  last: bigint;
  readonly priority: number;
  left: Node | undefined;
  right: Node | undefined;
}

export interface Interval {
  readonly first: bigint;
  /** Inclusive. */
  readonly last: bigint;
}

export class FreeIntervals {
  #root: Node | undefined;
  #count = 0n;
  #drawn = 1;

  /** `intervals` may overlap and come in any order. */
  constructor(intervals: readonly Interval[]) {
    for (const { first, last } of mergeIntervals(intervals)) {
      this.#insert(first, last);
      this.#count += last - first + 1n;
    }
  }

  /** How many values are free. */
  get count(): bigint {
    return this.#count;
  }

  /** The lowest free value. */
  first(): bigint | undefined {
    let node = this.#root;
    while (node?.left !== undefined) node = node.left;
    return node?.first;
  }

  /** The lowest free value that is not below `from`. */
  firstFrom(from: bigint): bigint | undefined {
    const node = this.#atOrBefore(from);
    return node !== undefined && from <= node.last ? from : this.#after(from)?.first;
  }

  has(value: bigint): boolean {
    const node = this.#atOrBefore(value);
    return node !== undefined && value <= node.last;
  }

  /** Makes a free value taken; false if it is not free. */
  take(value: bigint): boolean {
    const node = this.#atOrBefore(value);
    if (node === undefined || value > node.last) return false;
    this.#count -= 1n;
    const { first, last } = node;
    if (first === last) this.#remove(node);
    else if (value === first) node.first = value + 1n;
    else node.last = value - 1n;
    if (value !== first && value !== last) this.#insert(value + 1n, last);
    return true;
  }

  /** Makes a taken value free; false if it is free. The caller knows that the value belongs here. */
  release(value: bigint): boolean {
    const before = this.#atOrBefore(value);
    if (before !== undefined && value <= before.last) return false;
    this.#count += 1n;
    const next = this.#after(value);
    const joinsBefore = before?.last === value - 1n;
    const joinsNext = next?.first === value + 1n;
    if (before !== undefined && joinsBefore) {
      before.last = joinsNext && next !== undefined ? next.last : value;
      if (joinsNext && next !== undefined) this.#remove(next);
    } else if (next !== undefined && joinsNext) next.first = value;
    else this.#insert(value, value);
    return true;
  }

  #atOrBefore(value: bigint): Node | undefined {
    let best: Node | undefined;
    for (let node = this.#root; node !== undefined; ) {
      if (node.first > value) node = node.left;
      else {
        best = node;
        node = node.right;
      }
    }
    return best;
  }

  #after(value: bigint): Node | undefined {
    let best: Node | undefined;
    for (let node = this.#root; node !== undefined; ) {
      if (node.first <= value) node = node.right;
      else {
        best = node;
        node = node.left;
      }
    }
    return best;
  }

  #insert(first: bigint, last: bigint): void {
    const [lower, higher] = split(this.#root, first);
    const node: Node = { first, last, priority: this.#draw(), left: undefined, right: undefined };
    this.#root = join(join(lower, node), higher);
  }

  #remove(node: Node): void {
    const [lower, rest] = split(this.#root, node.first);
    const [, higher] = split(rest, node.first + 1n);
    this.#root = join(lower, higher);
  }

  /** A linear congruential generator is random enough to balance a tree that nobody attacks. */
  #draw(): number {
    this.#drawn = (Math.imul(this.#drawn, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#drawn;
  }
}

/** The nodes that begin before `first`, and the others. */
function split(node: Node | undefined, first: bigint): [Node | undefined, Node | undefined] {
  if (node === undefined) return [undefined, undefined];
  if (node.first < first) {
    const [lower, higher] = split(node.right, first);
    node.right = lower;
    return [node, higher];
  }
  const [lower, higher] = split(node.left, first);
  node.left = higher;
  return [lower, node];
}

/** All of `lower` comes before all of `higher`. */
function join(lower: Node | undefined, higher: Node | undefined): Node | undefined {
  if (lower === undefined) return higher;
  if (higher === undefined) return lower;
  if (lower.priority > higher.priority) {
    lower.right = join(lower.right, higher);
    return lower;
  }
  higher.left = join(lower, higher.left);
  return higher;
}

/** Sorted, disjoint and not touching each other. */
export function mergeIntervals(intervals: readonly Interval[]): readonly Interval[] {
  const sorted = [...intervals].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: { first: bigint; last: bigint }[] = [];
  for (const { first, last } of sorted) {
    const previous = merged.at(-1);
    if (previous === undefined || first > previous.last + 1n) merged.push({ first, last });
    else if (last > previous.last) previous.last = last;
  }
  return merged;
}

/** What of the one is not in the other; both sorted and disjoint, and so is the result. */
export function subtractIntervals(from: readonly Interval[], what: readonly Interval[]): readonly Interval[] {
  return from.flatMap((interval) => {
    const left: Interval[] = [];
    let { first } = interval;
    for (const hole of what) {
      if (hole.last < first) continue;
      if (hole.first > interval.last) break;
      if (hole.first > first) left.push({ first, last: hole.first - 1n });
      first = hole.last + 1n;
    }
    if (first <= interval.last) left.push({ first, last: interval.last });
    return left;
  });
}
