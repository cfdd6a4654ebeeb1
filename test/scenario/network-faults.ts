// Faults of the virtual network: ways that are cut, and frames that are lost, late or doubled.

import { type Fault, LEASE_GAP } from './faults.ts';
import type { Random } from './random.ts';
import { nodeName } from './surroundings.ts';
import type { World } from './world.ts';

/** Both sides act, and the API or the heartbeats decide when they meet again. */
const SPLIT = {
  moves: { aftermath: 3000 },
  gap: { margin: 2000, aftermath: 1000 },
};

/** What the other side has recorded meanwhile counts until the Lease of who did it has run out. */
const PARTED = { ...SPLIT, gap: { margin: LEASE_GAP, aftermath: LEASE_GAP } };

/**
 * A holder without clients whose Lease lives goes on: who has come since does not know whether it is on the same segment
 * at all.
 */
const PARTED_WITH_API = { ...PARTED, gap: { ...PARTED.gap, isOpen: true } };

const PARTITION: Fault = {
  kind: 'partition',
  weight: 4,
  effect: SPLIT,
  draw: (world, random) => {
    const inside = world.nodes.filter(() => random.chance(0.5)).map(({ index }) => index);
    const outside = world.nodes.map(({ index }) => index).filter((node) => !inside.includes(node));
    if (inside.length === 0 || outside.length === 0) return undefined;
    const isApiOutside = random.chance(0.5);
    const duration = random.between(200, 20_000);
    const set = (isCut: boolean): void => {
      for (const node of inside) {
        for (const other of [...outside, world.network.gateway]) cutBoth(world, [node, other], isCut);
        if (isApiOutside) world.api.cut(node, isCut);
      }
    };
    const names = inside.map(nodeName).join();
    const text = isApiOutside ? `${names} without gateway and API` : `${names} without gateway`;
    const effect = isApiOutside ? PARTED : PARTED_WITH_API;
    return { duration, text, effect, begin: () => set(true), end: () => set(false) };
  },
};

function cutBoth({ network }: World, [a, b]: readonly [number, number], isCut: boolean): void {
  network.cut(a, b, isCut);
  network.cut(b, a, isCut);
}

const ONE_WAY: Fault = {
  kind: 'one-way',
  weight: 2,
  effect: PARTED,
  draw: (world, random) => {
    const [from, to] = random.shuffle(world.nodes.map(({ index }) => index));
    if (from === undefined || to === undefined) return undefined;
    const set = (isCut: boolean): void => world.network.cut(from, to, isCut);
    return {
      ...{ nodes: [from, to], duration: random.between(200, 15_000) },
      ...{ begin: () => set(true), end: () => set(false) },
    };
  },
};

const BROKEN_LINK: Fault = {
  kind: 'broken-path',
  weight: 2,
  effect: PARTED,
  draw: (world, random) => {
    const [a, b] = random.shuffle(world.nodes.map(({ index }) => index));
    if (a === undefined || b === undefined) return undefined;
    return {
      ...{ nodes: [a, b], duration: random.between(200, 15_000), ifNothingMoved: 'path lost' },
      ...{ begin: () => cutBoth(world, [a, b], true), end: () => cutBoth(world, [a, b], false) },
    };
  },
};

/** A firewall that knows ARP, but not our heartbeats. */
const FILTERED: Fault = {
  kind: 'filtered-heartbeats',
  weight: 2,
  effect: PARTED,
  draw: (world, random) => {
    const node = random.below(world.nodes.length);
    const others = world.nodes.map(({ index }) => index).filter((other) => other !== node);
    const filtered = random.chance(0.5) ? others : [random.pick(others)];
    const set = (isOn: boolean): void => {
      for (const other of filtered) {
        world.network.filter(node, other, isOn);
        world.network.filter(other, node, isOn);
      }
    };
    return {
      ...{ nodes: [node, ...filtered], duration: random.between(200, 15_000) },
      ...{ begin: () => set(true), end: () => set(false) },
    };
  },
};

/** All ways to, or from, one node: its switch port works in one direction only. */
function oneSided(world: World, random: Random, set: (node: number, other: number, isCut: boolean) => void) {
  const node = random.below(world.nodes.length);
  const others = [...world.nodes.map(({ index }) => index), world.network.gateway];
  const setAll = (isCut: boolean): void => {
    for (const other of others) if (other !== node) set(node, other, isCut);
  };
  return {
    ...{ nodes: [node], duration: random.between(200, 15_000) },
    ...{ begin: () => setAll(true), end: () => setAll(false) },
  };
}

const DEAF: Fault = {
  kind: 'deaf',
  weight: 2,
  effect: SPLIT,
  draw: (world, random) =>
    oneSided(world, random, (node, other, isCut) => world.network.cut(other, node, isCut)),
};

const MUTE: Fault = {
  kind: 'mute',
  weight: 2,
  effect: SPLIT,
  draw: (world, random) =>
    oneSided(world, random, (node, other, isCut) => world.network.cut(node, other, isCut)),
};

const LINK_DOWN: Fault = {
  kind: 'link-down',
  weight: 2,
  effect: SPLIT,
  draw: (world, random) => {
    const node = random.below(world.nodes.length);
    const set = (isUp: boolean): void => world.node(node).setLink(isUp);
    return {
      ...{ nodes: [node], duration: random.between(200, 15_000) },
      ...{ begin: () => set(false), end: () => set(true) },
    };
  },
};

/** Without a reason to move: three heartbeats in a row must get lost, at this node and at all others that would tell it. */
const LIGHT_LOSS: Fault = {
  kind: 'light-loss',
  weight: 1,
  effect: { moves: { aftermath: 1000 }, gap: { margin: 300, aftermath: 1000 } },
  draw: ({ network: { weather } }, random) => {
    const loss = random.between(0.01, 0.04);
    return { duration: random.between(1000, 15_000), ...lose(weather, loss) };
  },
};

const HEAVY_LOSS: Fault = {
  kind: 'loss',
  weight: 2,
  effect: { moves: { aftermath: 2000 }, gap: { margin: 3000, aftermath: 2000 } },
  draw: ({ network: { weather } }, random) => {
    const loss = random.between(0.05, 0.4);
    return { duration: random.between(1000, 10_000), ...lose(weather, loss) };
  },
};

type Weather = World['network']['weather'];

/** Exact, whatever comes between: added and subtracted fractions would leave a trace. */
function lose(weather: Weather, loss: number) {
  return change((isOn) => {
    weather.losses = isOn ? [...weather.losses, loss] : weather.losses.filter((each) => each !== loss);
  });
}

function delay(weather: Weather, jitter: number) {
  return change((isOn) => {
    weather.jitter += isOn ? jitter : -jitter;
  });
}

const change = (set: (isOn: boolean) => void) => ({ begin: () => set(true), end: () => set(false) });

/** Late by less than a detection time, so out of order, and no reason to move anything. */
const JITTER: Fault = {
  kind: 'reordering',
  weight: 2,
  effect: { moves: undefined, gap: { margin: 400, aftermath: 500 } },
  draw: ({ network: { weather } }, random) => {
    const jitter = random.between(10, 150);
    return { duration: random.between(1000, 10_000), ...delay(weather, jitter) };
  },
};

const DELAY: Fault = {
  kind: 'delay',
  weight: 1,
  effect: { moves: { aftermath: 3000 }, gap: { margin: 3000, aftermath: 3000 } },
  draw: ({ network: { weather } }, random) => {
    const jitter = random.between(300, 1500);
    return { duration: random.between(1000, 8000), ...delay(weather, jitter) };
  },
};

const DUPLICATION: Fault = {
  kind: 'duplication',
  weight: 2,
  effect: { moves: undefined, gap: { margin: 0, aftermath: 0 } },
  draw: ({ network: { weather } }, random) => {
    const duplication = random.between(0.05, 0.3);
    const set = (isOn: boolean): void => {
      weather.duplication = isOn ? duplication : 0;
    };
    return { duration: random.between(1000, 6000), ...change(set) };
  },
};

export const NETWORK_FAULTS: readonly Fault[] = [
  ...[PARTITION, ONE_WAY, BROKEN_LINK, DEAF, MUTE, LINK_DOWN, FILTERED],
  ...[LIGHT_LOSS, HEAVY_LOSS, JITTER, DELAY, DUPLICATION],
];
