// Single faults in a calm cluster, with the times that ELECTION.md promises for them: what the random schedules must
// allow for when faults meet is exact here.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANYTHING, calm, holderOf, holders, NOTHING, part, pass, SEEDS, strike } from './scene.ts';
import { DETECTION } from './settings.ts';
import type { World } from './world.ts';

/** The longest time without an answer, over all seeds. */
function longestGap(nodes: number, act: (world: World) => void): number {
  const gaps = SEEDS.map((seed) => {
    const world = calm({ nodes, seed });
    act(world);
    pass(world, 8000);
    world.judge.finish();
    for (const each of holders(world)) assert.equal(each.length, 1, world.timeline.lines.join('\n'));
    return world.judge.longestGap;
  });
  return Math.max(...gaps);
}

function powerOff(world: World): void {
  strike(world, ANYTHING, () => world.node(holderOf(world, 'vip0')).crash('power off'));
}

test('power-off: the first candidate answers within the detection time', () => {
  const gap = longestGap(3, powerOff);
  assert.ok(gap > DETECTION / 2 && gap <= DETECTION + 5, `${gap} ms`);
});

test('power-off of one of two: after both probes and the answer of the API', () => {
  const gap = longestGap(2, powerOff);
  assert.ok(gap > DETECTION / 2 && gap <= DETECTION + 120, `${gap} ms`);
});

test('power-off while the API is away: as fast as ever; the last one waits for the API in vain', () => {
  const withoutApi = (world: World): void => {
    strike(world, NOTHING, () => world.api.fail(true));
    powerOff(world);
  };
  assert.ok(longestGap(3, withoutApi) <= DETECTION + 5);
  const gap = longestGap(2, withoutApi);
  assert.ok(gap <= DETECTION + 80 + 150 + 5, `${gap} ms`);
});

test('a killed process that is back before it is missed answers again itself, or has been replaced', () => {
  const gap = longestGap(3, (world) => {
    const node = world.node(holderOf(world, 'vip0'));
    strike(world, ANYTHING, () => node.crash('killed'));
    world.agenda.after(100, () => node.start());
  });
  assert.ok(gap <= DETECTION + 100, `${gap} ms`);
});

test('leaving and moving: no instant without an answer', () => {
  const leave = (world: World): void =>
    strike(world, ANYTHING, () => world.node(holderOf(world, 'vip0')).leave());
  for (const nodes of [2, 3, 5]) assert.equal(longestGap(nodes, leave), 0);
  const move = (world: World): void => {
    const from = holderOf(world, 'vip0');
    const { candidates = [] } = world.api.get('vip0') ?? {};
    const moveTo = (from + 1) % world.nodes.length;
    strike(world, ANYTHING, () => world.api.plan('vip0', { candidates, moveTo }));
    pass(world, 1000);
    assert.equal(holderOf(world, 'vip0'), moveTo);
  };
  assert.equal(longestGap(3, move), 0);
});

test('one main thread hangs: its addresses are elsewhere after the timeout, with no instant without an answer', () => {
  const hang = (world: World): void => {
    const node = holderOf(world, 'vip0');
    strike(world, ANYTHING, () => world.node(node).hang(6000));
    pass(world, 2500);
    assert.notEqual(holderOf(world, 'vip0'), node);
  };
  assert.equal(longestGap(3, hang), 0);
});

test('a node without its kube-proxy hands over, with no instant without an answer; where all are, nothing moves', () => {
  const one = (world: World): void => {
    const node = holderOf(world, 'vip0');
    strike(world, ANYTHING, () => world.node(node).loseDataPlane(6000));
    world.agenda.after(1000, () => assert.notEqual(holderOf(world, 'vip0'), node));
  };
  assert.equal(longestGap(3, one), 0);
  const all = (world: World): void => {
    for (const node of world.nodes) strike(world, NOTHING, () => node.loseDataPlane(60_000));
  };
  assert.equal(longestGap(3, all), 0);
});

test('all main threads hang, or the API is away: nothing moves, and everything is answered', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 4, seed });
    const before = holders(world);
    strike(world, NOTHING, () => world.api.fail(true));
    for (const node of world.nodes) strike(world, NOTHING, () => node.hang(5000));
    pass(world, 20_000);
    world.api.fail(false);
    pass(world, 20_000);
    assert.deepEqual(holders(world), before);
    assert.equal(world.judge.longestGap, 0);
  }
});

test('a node that comes back moves nothing', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 3, seed });
    const node = holderOf(world, 'vip0');
    strike(world, ANYTHING, () => world.node(node).crash('power off'));
    pass(world, 10_000);
    const { moves } = world.judge;
    world.node(node).start(true);
    pass(world, 10_000);
    assert.equal(world.judge.moves, moves);
  }
});

test('a cluster that starts from nothing answers for all addresses, in any order of starting', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 3, seed });
    for (const node of world.nodes) strike(world, ANYTHING, () => node.crash('power off'));
    world.api.fail(true);
    for (const node of world.nodes) world.agenda.after(world.random.between(0, 4000), () => node.start(true));
    world.agenda.after(5000, () => world.api.fail(false));
    pass(world, 9000);
    for (const each of holders(world)) assert.equal(each.length, 1, world.timeline.lines.join('\n'));
  }
});

test('after a partition two that answered for one address are one again within half a second', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 4, seed });
    const groups = [
      [0, 1],
      [2, 3],
    ];
    world.api.fail(true);
    strike(world, ANYTHING, () => part(world, groups, true));
    pass(world, 3000);
    assert.ok(holders(world).every((each) => each.length === 2));
    strike(world, ANYTHING, () => part(world, groups, false));
    pass(world, 500);
    for (const each of holders(world)) assert.equal(each.length, 1, world.timeline.lines.join('\n'));
    world.judge.finish();
  }
});

/** Parts the cluster without API for some seconds; what each address is answered by after that. */
function afterParting(world: World, groups: readonly (readonly number[])[]): readonly (readonly number[])[] {
  strike(world, ANYTHING, () => part(world, groups, true));
  pass(world, 3000);
  strike(world, ANYTHING, () => part(world, groups, false));
  pass(world, 1500);
  return holders(world);
}

test('who heard nobody gives way to those who heard each other (ELECTION.md section 5)', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 3, seed });
    world.api.fail(true);
    const node = holderOf(world, 'vip0');
    const others = [0, 1, 2].filter((other) => other !== node);
    for (const [holder] of afterParting(world, [[node], others])) assert.notEqual(holder, node);
  }
});

test('the holder in the API stays, and of two that are not there the later one (ELECTION.md section 5)', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 5, seed });
    world.api.fail(true);
    const recorded = holders(world);
    const pairs = [
      [0, 1],
      [2, 3, 4],
    ];
    assert.deepEqual(afterParting(world, pairs), recorded);
    const node = holderOf(world, 'vip0');
    strike(world, ANYTHING, () => world.node(node).crash('power off'));
    pass(world, 2000);
    const second = holderOf(world, 'vip0');
    const up = world.nodes.filter(({ isUp }) => isUp).map(({ index }) => index);
    const others = up.filter((each) => each !== second);
    const sides = [[second, ...others.slice(0, 1)], others.slice(1)];
    const [[third] = []] = afterParting(world, sides);
    assert.ok(third !== undefined && sides[1]?.includes(third), `${third} of ${sides.join(' | ')}`);
  }
});

test('a node that has never heard the holder believes its Lease (ELECTION.md section 7)', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 3, seed });
    const before = holders(world);
    const node = holderOf(world, 'vip0');
    const [other = node] = [0, 1, 2].filter((each) => each !== node);
    strike(world, ANYTHING, () => {
      world.api.plan('vip0', { candidates: [other, node], moveTo: undefined });
      part(world, [[node], [other]], true);
      world.node(other).crash('killed');
    });
    world.agenda.after(50, () => world.node(other).start());
    pass(world, 20_000);
    assert.deepEqual(holders(world)[0], before[0]);
    strike(world, ANYTHING, () => world.node(node).crash('power off'));
    pass(world, 10_000);
    assert.notEqual(holders(world)[0]?.[0], other, 'its Lease has not run out');
    pass(world, 10_000);
    assert.deepEqual(holders(world)[0], [other]);
  }
});

test('between two that do not hear each other the API decides once (ELECTION.md section 6)', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 2, seed });
    strike(world, ANYTHING, () => part(world, [[0], [1]], true));
    pass(world, 1000);
    const records = world.api.list().stored;
    const epochs = records.map(({ epoch }) => epoch);
    assert.ok(Math.max(...epochs) <= 3, epochs.join());
    for (const { uid, holder } of records) assert.equal(holderOf(world, uid), holder);
    pass(world, 20_000);
    assert.deepEqual(world.api.list().stored, records);
    for (const each of holders(world)) assert.equal(each.length, 1);
  }
});

test('who does not hear the other one but sees it answer takes nothing (ELECTION.md section 6)', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 2, seed });
    const before = holders(world);
    strike(world, NOTHING, () => {
      world.network.filter(0, 1, true);
      world.network.filter(1, 0, true);
    });
    pass(world, 20_000);
    assert.deepEqual(holders(world), before);
  }
});

test('a holder without the API that does not know of a deletion is told and is silent (ELECTION.md section 10)', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 3, seed });
    const holder = holderOf(world, 'vip0');
    strike(world, ANYTHING, () => {
      world.api.cut(holder, true);
      world.api.delete('vip0');
      const candidates = [0, 1, 2].filter((node) => node !== holder);
      world.api.plan('vip0+1', { candidates, moveTo: undefined });
    });
    pass(world, 1500);
    assert.ok(!world.node(holder).answers('vip0'), world.timeline.lines.join('\n'));
    assert.notEqual(holderOf(world, 'vip0+1'), holder);
    assert.ok((world.counts.get('rule: withdraw Revoked') ?? 0) > 0);
    pass(world, 20_000);
    assert.ok(world.nodes.every((node) => !node.answers('vip0')));
    world.judge.finish();
  }
});

/** Two of `nodes` are the candidates of an address; both lose their power. */
function withoutCandidates(nodes: number, seed: number): World {
  const world = calm({ nodes, seed });
  strike(world, ANYTHING, () => world.api.plan('few', { candidates: [0, 1], moveTo: undefined }));
  pass(world, 2000);
  assert.ok(holderOf(world, 'few') < 2);
  for (const node of [0, 1]) strike(world, ANYTHING, () => world.node(node).crash('power off'));
  return world;
}

test('all candidates dead: another node answers a second later, and keeps it when they are back (ELECTION.md section 4)', () => {
  for (const seed of SEEDS) {
    const world = withoutCandidates(5, seed);
    pass(world, 1200);
    assert.ok(world.nodes.every((node) => !node.answers('few')));
    pass(world, DETECTION + 1000 + 100 + 50 - 1200);
    const holder = holderOf(world, 'few');
    assert.ok(holder >= 2, world.timeline.lines.join('\n'));
    const { moves } = world.judge;
    for (const node of [0, 1]) world.node(node).start(true);
    pass(world, 20_000);
    assert.deepEqual([holderOf(world, 'few'), world.judge.moves], [holder, moves]);
    strike(world, ANYTHING, () => world.node(holder).crash('power off'));
    pass(world, 1000);
    assert.ok(holderOf(world, 'few') < 2, 'a candidate follows as ever');
    world.judge.finish();
  }
});

test('it gives the address to a candidate when the controller has planned others (ELECTION.md section 8)', () => {
  for (const seed of SEEDS) {
    const world = withoutCandidates(5, seed);
    pass(world, 3000);
    const holder = holderOf(world, 'few');
    const candidates = [2, 3, 4].filter((node) => node !== holder);
    strike(world, ANYTHING, () => world.api.plan('few', { candidates, moveTo: undefined }));
    pass(world, 1000);
    assert.equal(holderOf(world, 'few'), candidates[0]);
  }
});

test('who hears nobody is the last resort only when the Leases of all candidates have expired (ELECTION.md section 6)', () => {
  for (const seed of SEEDS) {
    const world = withoutCandidates(3, seed);
    pass(world, 6000);
    assert.ok(!world.node(2).answers('few'), world.timeline.lines.join('\n'));
    pass(world, 20_000);
    assert.equal(holderOf(world, 'few'), 2);
  }
});
