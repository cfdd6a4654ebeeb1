// Random numbers that a seed repeats, also far apart for seeds that follow each other.

const GOLDEN = 0x9e3779b9;

/** A Weyl sequence whose steps are mixed (the idea of SplitMix, Steele and others 2014), in 32 bits. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = mix(seed ^ GOLDEN);
  }

  /** At least 0, below 1. */
  next(): number {
    this.#state = (this.#state + GOLDEN) | 0;
    return (mix(this.#state) >>> 0) / 2 ** 32;
  }

  /** A whole number, at least 0, below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** At least `from`, below `to`, in 64ths, so that sums of times are exact. */
  between(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from) * 64) / 64;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Throws for an empty list. */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('pick from an empty list');
    return item;
  }

  /** All of them in any order. */
  shuffle<Item>(items: readonly Item[]): readonly Item[] {
    return items
      .map((item) => ({ item, key: this.next() }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item);
  }
}

function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return mixed ^ (mixed >>> 15);
}
