// How many addresses each node holds, and how many more it would hold after the death of any one other: counts over
// all candidate lists, kept up to date list by list.

/** Who holds an address, and who would take it over. */
export interface Places {
  readonly first: string | undefined;
  readonly second: string | undefined;
}

export class NodeLoad {
  readonly #held = new Map<string, number>();
  readonly #seconds = new Map<string, number>();
  /** By `first second`. */
  readonly #heirs = new Map<string, number>();

  /** First places. */
  held(node: string): number {
    return this.#held.get(node) ?? 0;
  }

  /** Second places. */
  seconds(node: string): number {
    return this.#seconds.get(node) ?? 0;
  }

  /** How many addresses of `first` the other would take over. */
  inherits(first: string, second: string): number {
    return this.#heirs.get(pairKey(first, second)) ?? 0;
  }

  add(places: Places): void {
    this.#count(places, 1);
  }

  remove(places: Places): void {
    this.#count(places, -1);
  }

  clear(): void {
    this.#held.clear();
    this.#seconds.clear();
    this.#heirs.clear();
  }

  #count({ first, second }: Places, by: 1 | -1): void {
    if (first === undefined) return;
    change(this.#held, first, by);
    if (second === undefined) return;
    change(this.#seconds, second, by);
    change(this.#heirs, pairKey(first, second), by);
  }
}

/** Names of nodes have no spaces. */
const pairKey = (first: string, second: string): string => `${first} ${second}`;

function change(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
