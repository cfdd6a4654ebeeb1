// Faults between the virtual nodes and their API, and what the controller does while faults strike.

import { addressOf } from './api.ts';
import type { Fault } from './faults.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const NO_GAP = { margin: 0, aftermath: 0 };

const API_DOWN: Fault = {
  kind: 'api-down',
  weight: 3,
  effect: { moves: undefined, gap: NO_GAP },
  draw: ({ api }, random) => ({
    ...{ duration: random.between(500, 30_000) },
    ...{ begin: () => api.fail(true), end: () => api.fail(false) },
  }),
};

const API_CUT: Fault = {
  kind: 'api-cut',
  weight: 2,
  effect: { moves: undefined, gap: NO_GAP },
  draw: ({ api, nodes }, random) => {
    const node = random.below(nodes.length);
    return {
      ...{ nodes: [node], duration: random.between(500, 20_000) },
      ...{ begin: () => api.cut(node, true), end: () => api.cut(node, false) },
    };
  },
};

const SLOW_API: Fault = {
  kind: 'slow-api',
  weight: 1,
  effect: { moves: undefined, gap: NO_GAP },
  draw: ({ api }, random) => {
    const extra = random.between(50, 1500);
    const change = (by: number) => (): void => {
      api.latency += by;
    };
    return { duration: random.between(2000, 15_000), begin: change(extra), end: change(-extra) };
  },
};

const STALE_WATCH: Fault = {
  kind: 'stale-watch',
  weight: 2,
  effect: { moves: undefined, gap: NO_GAP },
  draw: (world, random) => nodeFlag(world, random, 'isWatchStale'),
};

const FAILED_LISTS: Fault = {
  kind: 'failed-lists',
  weight: 2,
  effect: { moves: undefined, gap: NO_GAP },
  draw: (world, random) => nodeFlag(world, random, 'isListFailing'),
};

function nodeFlag(world: World, random: Random, flag: 'isWatchStale' | 'isListFailing') {
  const node = world.node(random.below(world.nodes.length));
  const set = (is: boolean): void => {
    node[flag] = is;
    node.setApiFaults();
  };
  return {
    ...{ nodes: [node.index], duration: random.between(1000, 15_000) },
    ...{ begin: () => set(true), end: () => set(false) },
  };
}

/** What a broken watch has missed takes the time of a list. */
const PLANNED = { moves: { aftermath: 3000 }, gap: { margin: 3000, aftermath: 3000 } };

const uids = ({ api }: World): readonly string[] => [...api.uids];

const CANDIDATES: Fault = {
  kind: 'candidates',
  weight: 3,
  effect: PLANNED,
  draw: (world, random) => {
    const uid = random.pick(uids(world));
    const candidates = drawCandidates(world, random);
    const begin = (): void => world.api.plan(uid, { candidates, moveTo: undefined });
    return { uid, duration: 0, begin, text: `are ${candidates.map((node) => node + 1)}` };
  },
};

const MOVE: Fault = {
  kind: 'move',
  weight: 3,
  effect: PLANNED,
  draw: (world, random) => {
    const uid = random.pick(uids(world));
    const { candidates = [] } = world.api.get(uid) ?? {};
    const moveTo = random.pick(candidates);
    const plan = (to: number | undefined): void => {
      const known = world.api.get(uid);
      if (known !== undefined) world.api.plan(uid, { candidates: known.candidates, moveTo: to });
    };
    return {
      ...{ uid, duration: random.between(1000, 6000), text: `to ${moveTo + 1}` },
      ...{ begin: () => plan(moveTo), end: () => plan(undefined) },
    };
  },
};

const CREATE: Fault = {
  kind: 'create',
  weight: 1,
  effect: PLANNED,
  draw: (world, random) => {
    const uid = `vip${random.below(1_000_000)}`;
    const candidates = drawCandidates(world, random);
    return { uid, duration: 0, begin: () => world.api.plan(uid, { candidates, moveTo: undefined }) };
  },
};

const DELETE: Fault = {
  kind: 'delete',
  weight: 1,
  effect: PLANNED,
  draw: (world, random) => {
    const all = uids(world);
    if (all.length <= 4) return undefined;
    const uid = random.pick(all);
    return { uid, duration: 0, begin: () => world.api.delete(uid) };
  },
};

/** Deleted while its holder is without the API, and its address given to another VirtualIP. */
const REPLACE: Fault = {
  kind: 'replace',
  weight: 2,
  effect: PLANNED,
  draw: (world, random) => {
    const uid = random.pick(uids(world));
    const holder = world.nodes.find((node) => node.answers(uid))?.index;
    if (holder === undefined) return undefined;
    const next = `${addressOf(uid)}+${random.below(1_000_000)}`;
    const candidates = drawCandidates(world, random);
    const begin = (): void => {
      world.api.cut(holder, true);
      world.api.delete(uid);
      world.agenda.after(random.between(0, 500), () =>
        world.api.plan(next, { candidates, moveTo: undefined }),
      );
    };
    return {
      ...{ uid: next, duration: random.between(2000, 20_000), text: `takes the place of ${uid}` },
      ...{ begin, end: () => world.api.cut(holder, false) },
    };
  },
};

/** Two or more nodes in any order. */
export function drawCandidates({ nodes }: World, random: Random): readonly number[] {
  const all = random.shuffle(nodes.map(({ index }) => index));
  return random.chance(0.5) ? all : all.slice(0, 2 + random.below(all.length - 1));
}

export const API_FAULTS: readonly Fault[] = [
  ...[API_DOWN, API_CUT, SLOW_API, STALE_WATCH, FAILED_LISTS],
  ...[CANDIDATES, MOVE, CREATE, DELETE, REPLACE],
];
