// Who may hold each address, and in what order they would take it over: bounded rendezvous hashing for a new list, and
// for one that is there as few changes as there can be (candidate-list.ts).

import { type Listed, type ListRequest, planList } from './candidate-list.ts';
import type { NodesByName } from './eligibility.ts';
import { NodeLoad, type Places } from './node-load.ts';

/** An address to place. */
export interface PlacementRequest extends Omit<ListRequest, 'apart' | 'model'> {
  /** VirtualIPs that are to be held by other nodes: the others of the same Service and family. */
  readonly apartFrom: readonly string[];
  /** The VirtualIP whose order this one takes: that of the other family. */
  readonly follows: string | undefined;
}

interface Entry {
  readonly listed: Listed;
  readonly places: Places;
}

/**
 * All candidate lists, and what they make each node hold. How many lists change, of K over N nodes:
 *
 * - An address comes: its own. It goes to a node that holds less than the mean.
 * - A node dies: none, unless one is left with fewer than three candidates that are able and there are more. To take
 *   over is the agents' business; second places are chosen so that nobody then holds more than the mean by a quarter.
 * - A node lives again or comes: those with fewer than three candidates that are able, or with one zone of several, take
 *   it in; of the others as many take it as their second as it needs until no death overloads anybody. Where all held
 *   the same that is K/2 when N was 3, K/4 when it was 4, none when it was more. No first place changes.
 * - A node is excluded or deleted: those that name it, which is all where N is 8 or less and about 8K/N elsewhere. Its
 *   first places go to whoever was second if that one holds less than the mean, else to one that does: K/N addresses
 *   move, and no other. An excluded node stays where nobody else is able.
 * - A node holds more than the mean by a quarter: none; `nextMove` (rebalance.ts) changes one, when it is asked.
 */
export class Placement {
  /** What the lists make each node hold; brought up to date by `plan` and `isAnyMoving`. */
  readonly load = new NodeLoad();
  readonly #nodes: NodesByName;
  readonly #entries = new Map<string, Entry>();
  #areNodesChanged = false;

  /** `nodes` is read whenever something is planned. */
  constructor(nodes: NodesByName) {
    this.#nodes = nodes;
  }

  /** The nodes are others, or others live. */
  nodesChanged(): void {
    this.#areNodesChanged = true;
  }

  /** What is there; undefined for a VirtualIP that is not. */
  set(name: string, listed: Listed | undefined): void {
    const before = this.#entries.get(name);
    if (before !== undefined) this.load.remove(before.places);
    if (listed === undefined || listed.candidates.length === 0) {
      this.#entries.delete(name);
      return;
    }
    const places = this.#placesOf(listed);
    this.#entries.set(name, { listed, places });
    this.load.add(places);
  }

  /** The list as it has to be, which counts from now on; the very same one as the request's if nothing has to change. */
  plan(request: PlacementRequest): readonly string[] {
    this.#recount();
    const { name, holder, apartFrom, follows } = request;
    this.set(name, undefined);
    const apart = this.holdersOf(apartFrom);
    const model = follows === undefined ? undefined : this.#entries.get(follows)?.listed.candidates;
    const candidates = planList({ ...request, apart, model }, { nodes: this.#nodes, load: this.load });
    this.set(name, { candidates, holder });
    return candidates;
  }

  /** Who holds these, or will. */
  holdersOf(names: readonly string[]): readonly string[] {
    return names.flatMap((name) => this.#entries.get(name)?.places.first ?? []);
  }

  /** The VirtualIPs that a node is recorded to hold, and is a candidate for. */
  heldBy(node: string): readonly string[] {
    const entries = [...this.#entries].filter(
      ([, { listed, places }]) => listed.holder === node && places.first === node,
    );
    return entries.map(([name]) => name);
  }

  /** Whether a node that lives holds an address for which it is no candidate. */
  isAnyMoving(): boolean {
    this.#recount();
    return [...this.#entries.values()].some(({ listed: { candidates, holder, isLastResort = false } }) => {
      return (
        holder !== undefined &&
        !isLastResort &&
        !candidates.includes(holder) &&
        this.#nodes.get(holder)?.isAlive === true
      );
    });
  }

  /** What everybody holds and would inherit, once all nodes are in. */
  #recount(): void {
    if (!this.#areNodesChanged) return;
    this.#areNodesChanged = false;
    this.load.clear();
    for (const [name, { listed }] of this.#entries) {
      const places = this.#placesOf(listed);
      this.#entries.set(name, { listed, places });
      this.load.add(places);
    }
  }

  /** As the election has it: the recorded holder while it lives, then the order of the list. */
  #placesOf({ candidates, holder }: Listed): Places {
    const living = candidates.filter((name) => this.#nodes.get(name)?.isAlive === true);
    const first = holder !== undefined && living.includes(holder) ? holder : (living[0] ?? candidates[0]);
    return { first, second: living.find((name) => name !== first) };
  }
}
