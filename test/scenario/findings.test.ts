// What the random schedules found wrong in the election, each as the smallest scene that shows it. The seeds are those
// of the time; the faults that a seed draws change with the urn of faults.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANYTHING, calm, holderOf, holders, NOTHING, part, pass, SEEDS, strike } from './scene.ts';
import { DETECTION } from './settings.ts';
import type { World } from './world.ts';

/** Runs a scene in clusters of different phases. */
function everywhere(nodes: number, act: (world: World) => void): void {
  for (const seed of SEEDS) {
    const world = calm({ nodes, seed });
    try {
      act(world);
    } catch (error) {
      throw new Error(world.timeline.lines.join('\n'), { cause: error });
    }
  }
}

/** What a node announces from now on, by uid. */
function announcements(world: World, node: number): readonly string[] {
  const announced: string[] = [];
  const { judge } = world;
  const before = judge.announced.bind(judge);
  judge.announced = (by, uid, epoch) => {
    if (by === node) announced.push(uid);
    before(by, uid, epoch);
  };
  return announced;
}

const othersOf = ({ nodes, network }: World, node: number): readonly number[] =>
  [...nodes.map(({ index }) => index), network.gateway].filter((other) => other !== node);

function deafen(world: World, node: number, isCut: boolean): void {
  for (const other of othersOf(world, node)) world.network.cut(other, node, isCut);
}

function muffle(world: World, node: number, isCut: boolean): void {
  for (const other of othersOf(world, node)) world.network.cut(node, other, isCut);
}

test('a deaf node takes nothing, whether it hears its peers fall silent one by one or at once (seeds 1 and 125)', () => {
  for (const nodes of [3, 5])
    everywhere(nodes, (world) => {
      const announced = announcements(world, 0);
      strike(world, ANYTHING, () => deafen(world, 0, true));
      pass(world, 5000);
      assert.deepEqual(announced, []);
      assert.ok(holders(world).every(([holder]) => holder !== 0));
    });
});

test('a node that is cut off from everybody but the API is not recorded (seeds 1 and 124)', () => {
  everywhere(2, (world) => {
    const announced = announcements(world, 0);
    strike(world, ANYTHING, () => part(world, [[0], othersOf(world, 0)], true));
    pass(world, 5000);
    assert.deepEqual(announced, []);
    for (const uid of world.api.uids) assert.equal(world.api.get(uid)?.holder, 1);
  });
});

test('a node that learns its key late listens before it resumes (seed 8)', () => {
  everywhere(3, (world) => {
    const node = holderOf(world, 'vip0');
    world.api.fail(true);
    strike(world, ANYTHING, () => world.node(node).crash('killed'));
    pass(world, 1000);
    const { moves } = world.judge;
    world.node(node).start();
    pass(world, 8000);
    world.api.fail(false);
    pass(world, 5000);
    assert.equal(world.judge.moves, moves);
  });
});

test('a node that comes back makes nobody raise an epoch (seed 10)', () => {
  everywhere(3, (world) => {
    const node = holderOf(world, 'vip0');
    strike(world, ANYTHING, () => world.node(node).crash('power off'));
    pass(world, 3000);
    const epochs = [...world.api.uids].map((uid) => world.api.get(uid)?.epoch);
    world.node(node).start(true);
    pass(world, 5000);
    assert.deepEqual(
      [...world.api.uids].map((uid) => world.api.get(uid)?.epoch),
      epochs,
    );
  });
});

test('a record that nobody stands for does not silence the holder, and is put right (seeds 169 and 261)', () => {
  everywhere(3, (world) => {
    const holder = holderOf(world, 'vip0');
    const other = (holder + 1) % 3;
    const { epoch = 0 } = world.api.get('vip0') ?? {};
    strike(world, NOTHING, () =>
      world.api.claim({ uid: 'vip0', holder: other, epoch: epoch + 1, previous: epoch }),
    );
    pass(world, 3000);
    assert.equal(world.judge.longestGap, 0);
    assert.deepEqual([holderOf(world, 'vip0'), world.api.get('vip0')?.holder], [holder, holder]);
  });
});

test('a stopped node goes on silently where it was replaced, also without API (seeds 169, 738, 876)', () => {
  for (const isApiAway of [false, true])
    everywhere(3, (world) => {
      const node = holderOf(world, 'vip0');
      if (isApiAway) world.api.fail(true);
      const announced = announcements(world, node);
      strike(world, ANYTHING, () => world.node(node).stall(3000));
      pass(world, 2000);
      const { moves } = world.judge;
      world.judge.resetGap();
      pass(world, 5000);
      assert.deepEqual(announced, []);
      assert.deepEqual([world.judge.moves, world.judge.longestGap], [moves, 0]);
    });
});

test('a stopped node that nobody has replaced keeps what it has', () => {
  everywhere(3, (world) => {
    const before = holders(world);
    strike(world, ANYTHING, () => {
      for (const node of world.nodes) node.stall(10_000);
    });
    pass(world, 15_000);
    assert.deepEqual([holders(world), world.judge.moves], [before, 0]);
  });
});

test('nothing moves while two of three do not hear each other, however long (seed 3278)', () => {
  everywhere(3, (world) => {
    const before = holders(world);
    strike(world, NOTHING, () => part(world, [[0], [1]], true));
    pass(world, 30_000);
    assert.deepEqual(holders(world), before);
  });
});

test('a node that nobody hears is replaced for good, in the API too (seeds 2067 and 2536)', () => {
  everywhere(4, (world) => {
    const node = holderOf(world, 'vip0');
    strike(world, ANYTHING, () => muffle(world, node, true));
    pass(world, 5000);
    assert.ok(world.judge.longestGap <= 2 * DETECTION + 100, `${world.judge.longestGap} ms`);
    const [holder] = holders(world)[0] ?? [];
    assert.deepEqual([holder !== node, world.api.get('vip0')?.holder], [true, holder]);
    const { moves } = world.judge;
    muffle(world, node, false);
    pass(world, 5000);
    assert.equal(world.judge.moves, moves);
  });
});

test('a claim that was not recorded before its link went down is not recorded after that (seed 586)', () => {
  everywhere(3, (world) => {
    world.api.fail(true);
    strike(world, ANYTHING, () => world.node(holderOf(world, 'vip0')).crash('power off'));
    pass(world, 1000);
    const second = holderOf(world, 'vip0');
    strike(world, ANYTHING, () => world.node(second).setLink(false));
    pass(world, 1000);
    world.judge.resetGap();
    const third = holderOf(world, 'vip0');
    world.api.fail(false);
    pass(world, 5000);
    assert.deepEqual([world.judge.longestGap, world.api.get('vip0')?.holder], [0, third]);
  });
});

test('after a partition the claims of before count for nothing (seeds 64, 103, 119)', () => {
  everywhere(3, (world) => {
    const groups = [[0], [1, 2, world.network.gateway]];
    strike(world, ANYTHING, () => part(world, groups, true));
    pass(world, 4000);
    world.judge.resetGap();
    const before = holders(world).map((each) => each.filter((node) => node !== 0));
    strike(world, ANYTHING, () => part(world, groups, false));
    pass(world, 4000);
    assert.deepEqual([holders(world), world.judge.longestGap], [before, 0]);
  });
});

test('a move that is asked for takes one epoch (seed 1914)', () => {
  everywhere(3, (world) => {
    const { candidates = [], epoch = 0 } = world.api.get('vip0') ?? {};
    const moveTo = (holderOf(world, 'vip0') + 1) % 3;
    strike(world, ANYTHING, () => world.api.plan('vip0', { candidates, moveTo }));
    pass(world, 4000);
    assert.deepEqual([holderOf(world, 'vip0'), world.api.get('vip0')?.epoch], [moveTo, epoch + 1]);
  });
});

test('a machine that is booted within seconds is heard at once, and takes nothing from who replaced it (seed 570)', () => {
  everywhere(3, (world) => {
    const node = holderOf(world, 'vip0');
    strike(world, ANYTHING, () => world.node(node).crash('power off'));
    pass(world, 1500);
    const { moves } = world.judge;
    world.node(node).start(true);
    pass(world, 1500);
    const heard = holderOf(world, 'vip0');
    strike(world, ANYTHING, () => world.node(heard).leave());
    pass(world, 500);
    assert.ok(holders(world).every((each) => each.length === 1));
    assert.ok(world.judge.moves > moves && world.judge.longestGap <= DETECTION + 5);
  });
});
