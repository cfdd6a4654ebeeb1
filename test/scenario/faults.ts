// The faults of a virtual world, each with what it may do (strikes.ts). Margins are those of ELECTION.md: the Lease of a
// holder that nobody hears (15 s, and up to 7 s for the renewal before), the grace at start, the time of a hang.

import type { Random } from './random.ts';
import { HANG_TIMEOUT } from './settings.ts';
import type { Effect } from './strikes.ts';
import type { Blow, World } from './world.ts';

export interface Fault {
  readonly kind: string;
  /** How often it is drawn, beside the others. */
  readonly weight: number;
  /** Undefined where it can not strike now. */
  readonly draw: (
    world: World,
    random: Random,
  ) => (Omit<Blow, 'kind' | 'effect'> & Partial<Pick<Blow, 'effect'>>) | undefined;
  readonly effect: Effect;
}

const NEVER_MOVES = undefined;
/** A node that heard nobody listens again when it hears the first one that comes back. */
const RETURN_GAP = { margin: 500, aftermath: 1500 };
const NO_GAP = { margin: 0, aftermath: 0 };
/** Until the Lease of a holder that is not heard has expired. */
export const LEASE_GAP = 23_000;

/** Any node that is up. */
function pickUp({ nodes }: World, random: Random): number | undefined {
  const up = nodes.filter(({ isUp }) => isUp).map(({ index }) => index);
  return up.length === 0 ? undefined : random.pick(up);
}

const POWER_OFF: Fault = {
  kind: 'power-off',
  weight: 4,
  effect: { moves: { aftermath: 1500 }, gap: RETURN_GAP },
  draw: (world, random) => {
    const node = pickUp(world, random);
    if (node === undefined) return undefined;
    const duration = random.between(2000, 25_000);
    const begin = (): void => world.node(node).crash('power off');
    return { nodes: [node], duration, begin, end: () => world.node(node).start(true) };
  },
};

/** Every candidate of an address loses its power at once, and others are there. */
const ALL_CANDIDATES_DEAD: Fault = {
  kind: 'all-candidates-dead',
  weight: 2,
  effect: { moves: { aftermath: 1500 }, gap: RETURN_GAP },
  draw: (world, random) => {
    const lists = [...world.api.uids].map((uid) => world.api.get(uid)?.candidates ?? []);
    const few = lists.filter((nodes) => nodes.length < world.nodes.length);
    if (few.length === 0) return undefined;
    const nodes = random.pick(few).filter((node) => world.node(node).isUp);
    if (nodes.length === 0) return undefined;
    const begin = (): void => {
      for (const node of nodes) world.node(node).crash('power off');
    };
    const end = (): void => {
      for (const node of nodes) world.node(node).start(true);
    };
    return { nodes, duration: random.between(3000, 25_000), begin, end };
  },
};

const CRASH: Fault = {
  kind: 'crash',
  weight: 3,
  effect: { moves: { aftermath: 1500 }, gap: RETURN_GAP },
  draw: (world, random) => {
    const node = pickUp(world, random);
    if (node === undefined) return undefined;
    const duration = random.between(50, 4000);
    const begin = (): void => world.node(node).crash('crash');
    return { nodes: [node], duration, begin, end: () => world.node(node).start() };
  },
};

const STALL: Fault = {
  kind: 'stall',
  weight: 3,
  effect: { moves: { aftermath: 1500 }, gap: { margin: 1000, aftermath: 12_000 } },
  draw: (world, random) => {
    const node = pickUp(world, random);
    if (node === undefined) return undefined;
    const duration = random.chance(0.3) ? random.between(20, 400) : random.between(300, 9000);
    return { nodes: [node], duration, begin: (length) => world.node(node).stall(length) };
  },
};

const SUSPEND: Fault = {
  kind: 'suspend',
  weight: 1,
  effect: { moves: { aftermath: 1500 }, gap: { margin: 1500, aftermath: 12_000 } },
  draw: (world, random) => {
    const nodes = world.nodes.filter(() => random.chance(0.7)).map(({ index }) => index);
    const duration = random.between(5000, 20_000);
    // They wake up one after the other.
    const begin = (length: number): void => {
      for (const node of nodes) world.node(node).stall(length - random.between(0, Math.min(length, 400)));
    };
    return { nodes, duration, begin };
  },
};

const HANG: Fault = {
  kind: 'hang',
  weight: 3,
  effect: { moves: { aftermath: 2500 }, gap: { margin: 500, aftermath: 3000 } },
  draw: (world, random) => {
    const node = pickUp(world, random);
    if (node === undefined) return undefined;
    const duration = random.between(500, 12_000);
    return { nodes: [node], duration, begin: (length) => world.node(node).hang(length) };
  },
};

const HANG_ALL: Fault = {
  kind: 'hang-all',
  weight: 2,
  // Moving again in different instants, some are able before others.
  effect: { moves: NEVER_MOVES, gap: { margin: 0, aftermath: 3000 } },
  draw: (world, random) => {
    // All of them for longer than the timeout or none: those that were hung while others were not may lose addresses.
    const duration = random.chance(0.2) ? random.between(300, 1900) : random.between(2900, 12_000);
    const begin = (length: number): void => {
      const spread = length < HANG_TIMEOUT ? length : Math.min(900, length - HANG_TIMEOUT);
      world.hangStarters(length);
      for (const node of world.nodes) node.hang(length - random.between(0, spread));
    };
    return { duration, begin, ifNothingMoved: 'all hang' };
  },
};

/** kube-proxy does not do its work on some nodes, perhaps on all. */
const NO_DATA_PLANE: Fault = {
  kind: 'no-data-plane',
  weight: 2,
  effect: { moves: { aftermath: 1500 }, gap: { margin: 0, aftermath: 1500 } },
  draw: (world, random) => {
    const share = random.pick([0.3, 1]);
    const nodes = world.nodes.filter(({ isUp }) => isUp && random.chance(share)).map(({ index }) => index);
    if (nodes.length === 0) return undefined;
    const begin = (length: number): void => {
      for (const node of nodes) world.node(node).loseDataPlane(length);
    };
    return { nodes, duration: random.between(500, 12_000), begin };
  },
};

/** The CPU is somebody else's: the loop is late, by less than it takes to be dead. */
const BUSY: Fault = {
  kind: 'busy',
  weight: 2,
  effect: { moves: NEVER_MOVES, gap: { margin: 500, aftermath: 12_000 } },
  draw: (world, random) => {
    const node = pickUp(world, random);
    if (node === undefined) return undefined;
    const lateness = random.between(20, 150);
    const set = (late: number): void => {
      world.node(node).lateness = late;
    };
    return {
      ...{ nodes: [node], duration: random.between(1000, 15_000), text: `late by ${lateness} ms` },
      ...{ begin: () => set(lateness), end: () => set(0) },
    };
  },
};

const LEAVE: Fault = {
  kind: 'leave',
  weight: 3,
  effect: { moves: { aftermath: 0 }, gap: NO_GAP },
  draw: (world, random) => {
    const node = pickUp(world, random);
    if (node === undefined) return undefined;
    const duration = random.between(5500, 12_000);
    return {
      ...{ nodes: [node], duration, begin: () => world.node(node).leave() },
      end: () => world.node(node).start(),
    };
  },
};

const COLD_START: Fault = {
  kind: 'cold-start',
  weight: 1,
  effect: { moves: { aftermath: LEASE_GAP }, gap: NO_GAP },
  draw: (world, random) => {
    const duration = random.between(3000, 8000);
    const { agenda, nodes, api } = world;
    const isApiLate = random.chance(0.5);
    const begin = (length: number): void => {
      if (isApiLate) api.fail(true);
      for (const node of nodes) {
        node.crash('power off');
        agenda.after(random.between(500, length), () => node.start(true));
      }
    };
    const end = (): void => {
      if (isApiLate) api.fail(false);
    };
    return { duration, begin, end, text: isApiLate ? 'and the API' : '' };
  },
};

export const NODE_FAULTS: readonly Fault[] = [
  POWER_OFF,
  ALL_CANDIDATES_DEAD,
  CRASH,
  STALL,
  SUSPEND,
  HANG,
  HANG_ALL,
  NO_DATA_PLANE,
  BUSY,
  LEAVE,
  COLD_START,
];
