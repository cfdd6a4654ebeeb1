// Nodes by name and by the id that heartbeats give them.

import type { NodeId } from '../election/claim-order.ts';

export class NodeIds {
  readonly #digest: (name: string) => NodeId;
  readonly #ids = new Map<string, NodeId>();
  readonly #names = new Map<NodeId, string>();

  /** `digest`: how heartbeats name a node. */
  constructor(digest: (name: string) => NodeId) {
    this.#digest = digest;
  }

  /** The nodes of a cluster are few, and come back: none is forgotten. */
  idOf(name: string): NodeId {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#digest(name);
    this.#ids.set(name, id);
    this.#names.set(id, name);
    return id;
  }

  /** For people: the name if it is known, else the id in hex. */
  nameOf(id: NodeId): string {
    return this.#names.get(id) ?? id.toString(16).padStart(16, '0');
  }
}
