// A calm virtual cluster for tests of single faults, and what they ask of it.

import assert from 'node:assert/strict';
import type { Effect } from './strikes.ts';
import { World } from './world.ts';

export const SEEDS = Array.from({ length: 20 }, (_, i) => 1000 + i);

/** The judge allows what the scene itself asserts. */
export const ANYTHING: Effect = { moves: { aftermath: 60_000 }, gap: { margin: 60_000, aftermath: 60_000 } };

/** No address may move, and none may go unanswered for longer than without a fault. */
export const NOTHING: Effect = { moves: undefined, gap: { margin: 0, aftermath: 0 } };

interface Scene {
  readonly nodes: number;
  readonly seed: number;
}

/** A cluster at rest, in which every node knows all others and four addresses are held. */
export function calm({ nodes, seed }: Scene): World {
  const world = new World({ nodes, seed, isTold: true, counts: new Map() });
  const all = world.nodes.map(({ index }) => index);
  for (let i = 0; i < 4; i++) {
    const candidates = all.map((node) => (node + i) % nodes);
    world.api.plan(`vip${i}`, { candidates, moveTo: undefined });
  }
  for (const node of world.nodes) node.start();
  world.run(5000 + (seed % 7) * 13);
  world.judge.resetGap();
  return world;
}

/** Who answers for each address. */
export const holders = (world: World): readonly (readonly number[])[] =>
  [...world.api.uids].map((uid) => world.nodes.filter((n) => n.answers(uid)).map(({ index }) => index));

export function strike(world: World, effect: Effect, begin: () => void): void {
  world.strike({ kind: 'scene', effect, duration: 0, begin });
}

export const holderOf = (world: World, uid: string): number =>
  world.nodes.find((node) => node.answers(uid))?.index ?? assert.fail(`nobody answers for ${uid}`);

/** Cuts, or joins again, all ways between two groups of stations. */
export function part(world: World, groups: readonly (readonly number[])[], isCut: boolean): void {
  const [inside = [], outside = []] = groups;
  for (const a of inside)
    for (const b of outside) {
      world.network.cut(a, b, isCut);
      world.network.cut(b, a, isCut);
    }
}

/** Runs for so many milliseconds. */
export const pass = (world: World, duration: number): void => world.run(world.agenda.now + duration);
