// One candidate list, from the one that is there: it stays as it is unless it has to change, and then as little of it
// changes as can be.

import type { Address } from '../net/address.ts';
import {
  afterDeath,
  afterDeathBound,
  chooseFirst,
  chooseNext,
  chooseSecond,
  type Field,
  fieldOf,
  firstBound,
  type Loads,
} from './candidate-choice.ts';
import { isAble, isReachableAt, type NodesByName, type PlacementNode } from './eligibility.ts';
import type { NodeLoad } from './node-load.ts';

export const MAX_CANDIDATES = 8;

/** How many candidates that are able a list has at least, where there are so many: fewer are a reason to write it. */
export const WANTED_CANDIDATES = 3;

/** A candidate list and the recorded holder. */
export interface Listed {
  /** In election order. */
  readonly candidates: readonly string[];
  readonly holder: string | undefined;
  /** The holder is no candidate, and took the address because all candidates were dead. */
  readonly isLastResort?: boolean | undefined;
}

/** What a list is made from. */
export interface ListRequest extends Listed {
  /** The VirtualIP's name. */
  readonly name: string;
  readonly address: Address;
  /** The nodes that have endpoints, if only those are to hold it (externalTrafficPolicy Local). */
  readonly onlyOn: ReadonlySet<string> | undefined;
  /** Who holds the addresses that are to be elsewhere. */
  readonly apart: readonly string[];
  /** The list whose order this one takes, if there is one. */
  readonly model: readonly string[] | undefined;
}

/** What it is decided on; the loads are without the address in question. */
export interface World {
  readonly nodes: NodesByName;
  readonly load: NodeLoad;
}

/**
 * A node that holds the address and is no candidate, while a candidate is able, is being moved away from: it comes back
 * into the list when another one holds it. Not so the last resort: what it holds is to stay where it is.
 */
const isMovingAway = (
  { candidates, holder, isLastResort = false }: Listed,
  able: readonly PlacementNode[],
): boolean =>
  holder !== undefined &&
  !isLastResort &&
  !candidates.includes(holder) &&
  able.some(({ name }) => name !== holder && candidates.includes(name));

/** The nodes that could be chosen for it. Endpoints are a reason only as long as there are any on a node that is able. */
export function ableFor(request: ListRequest, { nodes }: World): readonly PlacementNode[] {
  const { address, onlyOn, model, candidates, holder, isLastResort } = request;
  const able = [...nodes.values()].filter((node) => isAble(node, address));
  const local = onlyOn === undefined ? able : able.filter(({ name }) => onlyOn.has(name));
  const those = local.length > 0 ? local : able;
  const list = model ?? candidates;
  return isMovingAway({ candidates: list, holder, isLastResort }, those)
    ? those.filter(({ name }) => name !== holder)
    : those;
}

/** The list as it has to be; the very same one if it may stay as it is. */
export function planList(request: ListRequest, world: World): readonly string[] {
  const { candidates } = request;
  const planned = new ListPlan(request, world).planned();
  const isSame = planned.length === candidates.length && planned.every((name, i) => name === candidates[i]);
  return isSame ? candidates : planned;
}

class ListPlan {
  readonly #request: ListRequest;
  readonly #world: World;
  readonly #loads: Loads;
  readonly #isAble: ReadonlySet<string>;
  /** Whether the nodes that are able are those with endpoints. */
  readonly #isLocal: boolean;
  /** Made when there is something to choose, which is seldom. */
  #field: Field | undefined;

  constructor(request: ListRequest, world: World) {
    this.#request = request;
    this.#world = world;
    const able = ableFor(request, world);
    this.#loads = { able, load: world.load };
    this.#isAble = new Set(able.map(({ name }) => name));
    this.#isLocal = able.some(({ name }) => request.onlyOn?.has(name) === true);
  }

  planned(): readonly string[] {
    const { candidates, model } = this.#request;
    const basis = model?.filter((name) => this.#canFollow(name)) ?? candidates;
    const kept = basis.flatMap((name) => this.#kept(name));
    const mayStay = kept.length === basis.length && this.#hasEnough(kept);
    if (model !== undefined) return mayStay ? basis : namesOf(this.#filled(kept));
    const isHolderListed = this.#newHolder() === undefined;
    return mayStay && isHolderListed && this.#isSpread(kept) ? basis : namesOf(this.#renewed(kept));
  }

  /** A holder that is able and is no candidate becomes one, so that nothing moves. */
  #newHolder(): PlacementNode | undefined {
    const { candidates, holder } = this.#request;
    if (holder === undefined || candidates.includes(holder)) return undefined;
    return this.#loads.able.find(({ name }) => name === holder);
  }

  #choice(): Field {
    const { name, apart } = this.#request;
    const elsewhere = apart.flatMap((one) => this.#world.nodes.get(one) ?? []);
    this.#field ??= fieldOf(name, this.#loads, elsewhere);
    return this.#field;
  }

  #canFollow(name: string): boolean {
    const node = this.#world.nodes.get(name);
    const { candidates, address } = this.#request;
    return node !== undefined && (candidates.includes(name) || isReachableAt(node, address));
  }

  /** Empty for one that has to leave the list. Who is excluded stays where nobody else is able. */
  #kept(name: string): readonly PlacementNode[] {
    const node = this.#world.nodes.get(name);
    if (node === undefined) return [];
    if (this.#isAble.size === 0) return [node];
    return node.isExcluded || (this.#isLocal && this.#request.onlyOn?.has(name) !== true) ? [] : [node];
  }

  #hasEnough(kept: readonly PlacementNode[]): boolean {
    // Endpoints that are gone for a moment, as when a pod is replaced, are no reason to take in who has none either.
    const wanted = this.#request.onlyOn === undefined || this.#isLocal ? WANTED_CANDIDATES : 1;
    return this.#living(kept).length >= Math.min(wanted, this.#isAble.size);
  }

  /** Whether no zone and no death of one node is worse than need be. */
  #isSpread(kept: readonly PlacementNode[]): boolean {
    const [first, second] = this.#inOrderOfElection(kept);
    if (first === undefined || second === undefined) return true;
    return !this.#lacksZone(kept) && this.#heir(first, second) === second;
  }

  #living(nodes: readonly PlacementNode[]): readonly PlacementNode[] {
    return nodes.filter(({ name }) => this.#isAble.has(name));
  }

  /** Those that are able, the holder first. */
  #inOrderOfElection(kept: readonly PlacementNode[]): readonly PlacementNode[] {
    const living = this.#living(kept);
    const holder = living.find(({ name }) => name === this.#request.holder);
    return holder === undefined ? living : [holder, ...living.filter((node) => node !== holder)];
  }

  #lacksZone(kept: readonly PlacementNode[]): boolean {
    const [first, ...others] = this.#living(kept);
    if (first === undefined || others.some(({ zone }) => zone !== first.zone)) return false;
    return this.#loads.able.some(({ zone }) => zone !== first.zone);
  }

  /** The second place as it is, unless the node would hold too much after the death of the first, and another would not. */
  #heir(first: PlacementNode, second: PlacementNode): PlacementNode {
    const { load } = this.#world;
    const bound = afterDeathBound(this.#loads);
    const isOver = (node: PlacementNode): boolean => afterDeath(load, first.name, node) > bound;
    if (!isOver(second)) return second;
    const other = chooseSecond(this.#choice(), first);
    return other === undefined || isOver(other) ? second : other;
  }

  /** First the holder, then whoever was next; the second place likewise; the others as they were; then new ones. */
  #renewed(kept: readonly PlacementNode[]): readonly PlacementNode[] {
    const first = this.#first(kept);
    if (first === undefined) return kept;
    const second = this.#second(kept, first);
    const head = second === undefined ? [first] : [first, second];
    return this.#filled([...head, ...kept.filter((node) => !head.includes(node))]);
  }

  #first(kept: readonly PlacementNode[]): PlacementNode | undefined {
    const holder = kept.find(({ name }) => name === this.#request.holder) ?? this.#newHolder();
    if (holder !== undefined || this.#isAble.size === 0) return holder ?? kept[0];
    const bound = firstBound(this.#loads);
    const { load, apart } = this.#choice();
    const next = this.#living(kept).find(
      (node) => load.held(node.name) < bound && !apart.some(({ name }) => name === node.name),
    );
    return next ?? chooseFirst(this.#choice());
  }

  #second(kept: readonly PlacementNode[], first: PlacementNode): PlacementNode | undefined {
    const present = this.#living(kept).find((node) => node !== first);
    if (present === undefined || this.#lacksZone(kept)) return chooseSecond(this.#choice(), first) ?? present;
    return this.#heir(first, present);
  }

  /** With no more dead ones than leave room for enough that live, and for another zone. */
  #filled(nodes: readonly PlacementNode[]): readonly PlacementNode[] {
    const roomForDead = MAX_CANDIDATES - Math.min(WANTED_CANDIDATES, this.#isAble.size);
    const dead = nodes.filter(({ name }) => !this.#isAble.has(name)).slice(0, roomForDead);
    const rest = nodes.filter((node) => this.#isAble.has(node.name) || dead.includes(node));
    const list = rest.slice(0, MAX_CANDIDATES);
    if (this.#lacksZone(list)) list.splice(MAX_CANDIDATES - 1);
    while (list.length < MAX_CANDIDATES) {
      const next = chooseNext(this.#choice(), list);
      if (next === undefined) break;
      list.push(next);
    }
    return list;
  }
}

const namesOf = (nodes: readonly PlacementNode[]): readonly string[] => nodes.map(({ name }) => name);
