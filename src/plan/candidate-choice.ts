// The choice of one candidate among the nodes that could be it: rendezvous hashing with bounded load (Mirrokni, Thorup
// and Zadimoghaddam 2018), where the bound comes after what matters more. A soft wish is one more criterion in a list.

import type { PlacementNode } from './eligibility.ts';
import type { NodeLoad } from './node-load.ts';
import { rendezvousOrder } from './rendezvous.ts';

/** Those that are able, and what they hold without the address in question. */
export interface Loads {
  readonly able: readonly PlacementNode[];
  readonly load: NodeLoad;
}

/** What a choice is made on. */
export interface Field extends Loads {
  /** In the order of preference where nothing else tells them apart. */
  readonly able: readonly PlacementNode[];
  /** Who holds the other addresses of the same Service, each as often as it does. */
  readonly apart: readonly PlacementNode[];
}

/** In the address's own order of all nodes, by the name of its VirtualIP. */
export function fieldOf(name: string, { able, load }: Loads, apart: readonly PlacementNode[]): Field {
  const byName = new Map(able.map((node) => [node.name, node]));
  const order = rendezvousOrder(name, [...byName.keys()]);
  return { able: order.flatMap((one) => byName.get(one) ?? []), load, apart };
}

/** Smaller is better. */
type Criterion = (node: PlacementNode) => number;

const flag = (isWorse: boolean): number => (isWorse ? 1 : 0);
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** How many more than the mean a node may hold for the sake of zones and hosts, and before it is relieved: 25 %. */
const SLACK = { over: 5, of: 4 } as const;

const heldBy = ({ able, load }: Loads): number => sum(able.map(({ name }) => load.held(name)));

/** How many addresses each node holds when all hold the same, rounded up. */
export const firstBound = (loads: Loads): number => Math.ceil((heldBy(loads) + 1) / loads.able.length);

/** How many a node holds at most, with the slack, when so many share what all hold now and one more. */
const boundAmong = (nodes: number, loads: Loads): number =>
  Math.ceil((SLACK.over * (heldBy(loads) + 1)) / (SLACK.of * nodes));

/** How many a node holds at most after the death of any other one. */
export const afterDeathBound = (loads: Loads): number =>
  boundAmong(Math.max(1, loads.able.length - 1), loads);

/** Whether a node holds so much more than the mean that something may be moved away from it. */
export const isOverloaded = (held: number, all: { readonly held: number; readonly nodes: number }): boolean =>
  SLACK.of * held * all.nodes > SLACK.over * all.held;

/**
 * Who is to hold it. Not where the Service's other addresses are, nor near, as far as the load allows; then so that all
 * hold the same.
 */
export function chooseFirst(field: Field): PlacementNode | undefined {
  const { load, able, apart } = field;
  const bound = firstBound(field);
  const limit = boundAmong(able.length, field);
  const above = (most: number) => (node: PlacementNode) => Math.max(0, load.held(node.name) + 1 - most);
  return best(able, [
    ({ name }) => apart.filter((other) => other.name === name).length,
    above(limit),
    ({ host }) => flag(apart.some((other) => other.host === host)),
    ({ zone }) => flag(apart.some((other) => other.zone === zone)),
    above(bound),
  ]);
}

/** What a node would hold after the death of `first`, were it its heir. */
export const afterDeath = (load: NodeLoad, first: string, { name }: PlacementNode): number =>
  load.held(name) + load.inherits(first, name) + 1;

/**
 * Who takes it over from `first`: in another zone and on another host, as far as the others' load after that death
 * allows; then so that both the heirs of `first` and all second places are even.
 */
export function chooseSecond(field: Field, first: PlacementNode): PlacementNode | undefined {
  const { load, able, apart } = field;
  const others = able.filter(({ name }) => name !== first.name);
  if (others.length === 0) return undefined;
  const limit = afterDeathBound(field);
  const heirs = sum(others.map(({ name }) => load.inherits(first.name, name)));
  const seconds = sum(able.map(({ name }) => load.seconds(name)));
  const heirBound = Math.ceil((heirs + 1) / others.length);
  const secondBound = Math.ceil((seconds + 1) / able.length);
  return best(others, [
    (node) => Math.max(0, afterDeath(load, first.name, node) - limit),
    ({ zone }) => flag(zone === first.zone),
    ({ host }) => flag(host === first.host),
    ({ name }) => flag(apart.some((other) => other.name === name)),
    ({ name }) => Math.max(0, load.inherits(first.name, name) - heirBound + 1),
    ({ name }) => Math.max(0, load.seconds(name) - secondBound + 1),
  ]);
}

/** Who comes next: of the zone, then of the host, of which the list has fewest. */
export function chooseNext(field: Field, chosen: readonly PlacementNode[]): PlacementNode | undefined {
  const isChosen = new Set(chosen.map(({ name }) => name));
  return best(
    field.able.filter(({ name }) => !isChosen.has(name)),
    [
      ({ zone }) => chosen.filter((other) => other.zone === zone).length,
      ({ host }) => chosen.filter((other) => other.host === host).length,
    ],
  );
}

/** The best by the first criterion that tells them apart, else the first. */
function best(nodes: readonly PlacementNode[], criteria: readonly Criterion[]): PlacementNode | undefined {
  let rest = nodes;
  for (const criterion of criteria) {
    if (rest.length <= 1) break;
    const values = rest.map(criterion);
    const least = Math.min(...values);
    rest = rest.filter((_, i) => values[i] === least);
  }
  return rest[0];
}
