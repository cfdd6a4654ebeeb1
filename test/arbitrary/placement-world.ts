// Nodes, addresses and the agents' election among them, for tests of placement: what the agents do is done at once.

import assert from 'node:assert/strict';
import { parseAddress } from '../../src/net/address.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import type { PlacementNode } from '../../src/plan/eligibility.ts';
import { Placement, type PlacementRequest } from '../../src/plan/placement.ts';

const subnet = parsePrefix('10.77.0.11/16');
const someAddress = parseAddress('10.77.0.50');
assert.ok(subnet !== undefined && someAddress !== undefined);
const address = someAddress;

export const placementNode = (name: string, changes: Partial<PlacementNode> = {}): PlacementNode => ({
  ...{ name, isExcluded: false, isAlive: true, subnets: [subnet], zone: '', host: name },
  ...changes,
});

export const nodeNames = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `node${i}`);
export const addressNames = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `10.77.${i >> 8}.${i & 255}`);

export type Wishes = Partial<Pick<PlacementRequest, 'onlyOn' | 'apartFrom' | 'follows'>>;

/** What a round of planning changed. */
export interface Changes {
  /** The lists that are others. */
  readonly written: readonly string[];
  /** The addresses that another node holds now. */
  readonly moved: readonly string[];
}

export class PlacementWorld {
  readonly nodes: Map<string, PlacementNode>;
  readonly lists = new Map<string, readonly string[]>();
  readonly holders = new Map<string, string>();
  readonly wishes = new Map<string, Wishes>();
  readonly placement: Placement;

  constructor(nodes: readonly PlacementNode[]) {
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
    this.placement = new Placement(this.nodes);
  }

  static of(nodes: number, addresses: number): PlacementWorld {
    const world = new PlacementWorld(nodeNames(nodes).map((name) => placementNode(name)));
    for (const name of addressNames(addresses)) world.add(name);
    return world;
  }

  /** Plans an address for the first time, and lets its first candidate claim it. */
  add(name: string, wishes: Wishes = {}): readonly string[] {
    this.wishes.set(name, wishes);
    this.#plan(name);
    this.elect();
    return this.lists.get(name) ?? [];
  }

  remove(name: string): void {
    for (const map of [this.lists, this.holders, this.wishes]) map.delete(name);
    this.placement.set(name, undefined);
  }

  change(name: string, changes: Partial<PlacementNode>): void {
    this.nodes.set(name, { ...(this.nodes.get(name) ?? placementNode(name)), ...changes });
    this.placement.nodesChanged();
  }

  delete(name: string): void {
    this.nodes.delete(name);
    this.placement.nodesChanged();
  }

  request(name: string): PlacementRequest {
    const wishes = { onlyOn: undefined, apartFrom: [], follows: undefined, ...this.wishes.get(name) };
    return { name, address, ...wishes, ...this.#listed(name) };
  }

  /** Plans all anew, in the order given, and lets the agents act on it. */
  replan(names: readonly string[] = [...this.lists.keys()]): Changes {
    const before = new Map(this.lists);
    const heldBefore = new Map(this.holders);
    for (const name of names) this.#plan(name);
    this.elect();
    return {
      written: names.filter((name) => this.lists.get(name)?.join() !== before.get(name)?.join()),
      moved: names.filter((name) => this.holders.get(name) !== heldBefore.get(name)),
    };
  }

  /** As the agents do: a holder that lives keeps what it is a candidate for; else the first that lives takes it. */
  elect(): void {
    for (const [name, list] of this.lists) {
      const holder = this.holders.get(name);
      const living = list.filter((node) => this.nodes.get(node)?.isAlive === true);
      const heir = holder !== undefined && living.includes(holder) ? holder : living[0];
      if (heir === undefined || heir === holder) continue;
      this.holders.set(name, heir);
      this.placement.set(name, this.#listed(name));
    }
  }

  /** How many addresses each of these nodes holds, by default those that live. */
  held(nodes: readonly string[] = this.living()): readonly number[] {
    const holders = [...this.holders.values()];
    return nodes.map((node) => holders.filter((holder) => holder === node).length);
  }

  /** The most that any node holds after the death of any one other. */
  worstAfterDeath(): number {
    const living = this.living();
    const before = this.held(living);
    const worst = living.map((dead) => {
      const held = new Map(living.map((node, i) => [node, before[i] ?? 0]));
      for (const [name, list] of this.lists) {
        if (this.holders.get(name) !== dead) continue;
        const heir = list.find((node) => node !== dead && this.nodes.get(node)?.isAlive === true);
        if (heir !== undefined) held.set(heir, (held.get(heir) ?? 0) + 1);
      }
      held.delete(dead);
      return Math.max(...held.values());
    });
    return Math.max(...worst);
  }

  living(): readonly string[] {
    return [...this.nodes.values()].filter(({ isAlive }) => isAlive).map(({ name }) => name);
  }

  #plan(name: string): void {
    this.lists.set(name, this.placement.plan(this.request(name)));
  }

  #listed(name: string) {
    return { candidates: this.lists.get(name) ?? [], holder: this.holders.get(name) };
  }
}
