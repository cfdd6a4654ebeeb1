// Which nodes may be left to hold an address: those whose Lease lives, without those that say in their heartbeats that
// their main thread hangs (ELECTION.md sections 3 and 9).

export class AbleNodes {
  /** Undefined before the first report of the main thread. */
  #alive: readonly string[] | undefined;
  readonly #hung = new Set<bigint>();
  readonly #idOf: (name: string) => bigint;
  readonly #ids = new Map<string, bigint>();

  /** `idOf`: how heartbeats name a node. */
  constructor(idOf: (name: string) => bigint) {
    this.#idOf = idOf;
  }

  /** The nodes whose Lease lives, whole list. */
  setAlive(alive: readonly string[]): void {
    this.#alive = alive;
    for (const name of alive) if (!this.#ids.has(name)) this.#ids.set(name, this.#idOf(name));
  }

  setHung(nodeId: bigint, isHung: boolean): void {
    if (isHung) this.#hung.add(nodeId);
    else this.#hung.delete(nodeId);
  }

  /** Undefined as long as nobody can be called dead. */
  list(): readonly string[] | undefined {
    return this.#alive?.filter((name) => !this.#hung.has(this.#ids.get(name) ?? 0n));
  }

  /** For the log: the name if it is known, else the node id in hex. */
  nameOf(nodeId: bigint): string {
    for (const [name, id] of this.#ids) if (id === nodeId) return name;
    return nodeId.toString(16).padStart(16, '0');
  }
}
