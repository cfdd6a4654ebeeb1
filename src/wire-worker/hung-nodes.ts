// Which nodes say in their heartbeats that their main thread hangs, by name: heartbeats name a node by a digest, and
// names are known from the Leases. ELECTION.md sections 3 and 9.

export interface HungChange {
  readonly began: readonly string[];
  readonly ended: readonly string[];
}

export class HungNodes {
  readonly #idOf: (name: string) => bigint;
  /** Of the nodes whose Leases live: only they can be passed over. */
  #names: ReadonlyMap<bigint, string> = new Map();
  #hung: ReadonlySet<bigint> = new Set();

  /** `idOf`: how heartbeats name a node. */
  constructor(idOf: (name: string) => bigint) {
    this.#idOf = idOf;
  }

  /** The nodes whose Lease lives, whole list. */
  setAlive(alive: readonly string[]): void {
    const known = new Map(Array.from(this.#names, ([id, name]) => [name, id]));
    this.#names = new Map(alive.map((name) => [known.get(name) ?? this.#idOf(name), name]));
  }

  /** Those that hang now, by id, whole set; returns what is new in it. */
  setHung(hung: ReadonlySet<bigint>): HungChange {
    const before = this.#hung;
    this.#hung = hung;
    const namesOf = (ids: ReadonlySet<bigint>, others: ReadonlySet<bigint>): readonly string[] =>
      [...ids].filter((id) => !others.has(id)).map((id) => this.#nameOf(id));
    return { began: namesOf(hung, before), ended: namesOf(before, hung) };
  }

  /** The names of those that hang. */
  list(): readonly string[] {
    return [...this.#hung].flatMap((id) => this.#names.get(id) ?? []);
  }

  /** For the log: the name if it is known, else the node id in hex. */
  #nameOf(id: bigint): string {
    return this.#names.get(id) ?? id.toString(16).padStart(16, '0');
  }
}
