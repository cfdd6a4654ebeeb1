// What wrong edits of the election survived (test/teeth) until these scenes were there: rules whose breach the random
// schedules forgive, because other rules make up for it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeartbeatFrame } from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import { ANYTHING, calm, holderOf, holders, NOTHING, part, pass, SEEDS, strike } from './scene.ts';
import { MULTIPLIER } from './settings.ts';
import type { World } from './world.ts';

/** Sees every heartbeat from now on. */
function watch(world: World, see: (from: number, frame: HeartbeatFrame) => void): void {
  const { judge } = world;
  const before = judge.sent.bind(judge);
  judge.sent = (from, frame) => {
    see(from, frame);
    before(from, frame);
  };
}

/** Whether any heartbeat of a node says from now on that it hears nobody, or that it held something so. */
function aloneness(world: World, node: number): { isSaid: boolean } {
  const alone = { isSaid: false };
  watch(world, (from, { flags, body }) => {
    const isAlone = flags.isAlone || body.claims?.claims.some((claim) => claim.isAlone) === true;
    if (from === node && isAlone) alone.isSaid = true;
  });
  return alone;
}

test('a node that was stopped suspects nobody when it goes on (ELECTION.md section 2)', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 3, seed });
    const node = holderOf(world, 'vip0');
    const alone = aloneness(world, node);
    strike(world, ANYTHING, () => world.node(node).stall(3000));
    pass(world, 6000);
    assert.equal(alone.isSaid, false, world.timeline.lines.join('\n'));
  }
});

test('a node that nobody hears takes nothing of one that dies', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 4, seed });
    const node = holderOf(world, 'vip0');
    const [mute = node, ...others] = [0, 1, 2, 3].filter((each) => each !== node);
    const candidates = [node, mute, ...others];
    strike(world, ANYTHING, () => {
      world.api.plan('vip0', { candidates, moveTo: undefined });
      for (const other of [node, ...others, world.network.gateway]) world.network.cut(mute, other);
    });
    pass(world, 3000);
    const announced: string[] = [];
    const { judge } = world;
    const before = judge.announced.bind(judge);
    judge.announced = (by, uid, epoch) => {
      if (by === mute) announced.push(uid);
      before(by, uid, epoch);
    };
    strike(world, ANYTHING, () => world.node(node).crash('power off'));
    pass(world, 3000);
    assert.deepEqual([announced, holders(world)[0]?.length], [[], 1], world.timeline.lines.join('\n'));
  }
});

test('one that holds nothing is there for the only other one: it takes over at once', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 2, seed });
    strike(world, ANYTHING, () => world.node(0).crash('power off'));
    pass(world, 3000);
    strike(world, ANYTHING, () => world.node(0).start(true));
    pass(world, 3000 + (seed % 11) * 97);
    assert.deepEqual(holders(world), [[1], [1], [1], [1]]);
    world.judge.resetGap();
    strike(world, ANYTHING, () => world.node(1).leave());
    pass(world, 500);
    assert.deepEqual([holders(world), world.judge.longestGap], [[[0], [0], [0], [0]], 0]);
  }
});

test('an API that was away, however long, has made nobody dead (ELECTION.md section 6)', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 2, seed });
    strike(world, ANYTHING, () => part(world, [[0], [1]], true));
    pass(world, 20_000);
    const before = holders(world);
    strike(world, NOTHING, () => world.api.fail(true));
    pass(world, 8000 + (seed % 20) * 400);
    world.api.fail(false);
    pass(world, 10_000);
    assert.deepEqual(holders(world), before, world.timeline.lines.join('\n'));
  }
});

test('claims are asked for and told until they are known, and no longer (ELECTION.md section 1)', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 3, seed });
    let [requests, tellings] = [0, 0];
    watch(world, (_from, { body }) => {
      if (body.isClaimsRequest) requests++;
      if (body.claims !== undefined) tellings++;
    });
    strike(world, ANYTHING, () => world.node(0).crash('killed'));
    world.agenda.after(50, () => world.node(0).start());
    pass(world, 3000);
    assert.ok(requests > 0 && tellings > 0, `${requests} requests, ${tellings} tellings`);
    [requests, tellings] = [0, 0];
    pass(world, 3000);
    assert.deepEqual([requests, tellings], [0, 0], world.timeline.lines.join('\n'));
  }
});

test('the last frame of a dead node, heard again, changes nothing (ELECTION.md section 1)', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 3, seed });
    const node = holderOf(world, 'vip0');
    let last: HeartbeatFrame | undefined;
    watch(world, (from, frame) => {
      if (from === node) last = frame;
    });
    pass(world, 200);
    strike(world, ANYTHING, () => world.node(node).crash('power off'));
    pass(world, 1000);
    const records = world.api.list().stored;
    assert.ok(last !== undefined);
    for (const { worker } of world.nodes) worker?.receive(node, last);
    pass(world, 1000);
    assert.deepEqual(world.api.list().stored, records, world.timeline.lines.join('\n'));
  }
});

test('a link that is down for a moment loses nothing', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 3, seed });
    const before = holders(world);
    strike(world, ANYTHING, () => world.node(0).setLink(false));
    pass(world, 50);
    world.node(0).setLink(true);
    assert.deepEqual(holders(world), before);
    pass(world, 3000);
    assert.deepEqual(holders(world), before);
    assert.ok(world.judge.longestGap <= 50, `${world.judge.longestGap} ms`);
  }
});

test('who was late asks for more patience, and for no more of it ten seconds later (ELECTION.md section 1)', () => {
  for (const seed of SEEDS) {
    const world = calm({ nodes: 3, seed });
    const asked: number[] = [];
    watch(world, (from, { multiplier }) => {
      if (from === 0) asked.push(multiplier);
    });
    const node = world.node(0);
    strike(world, ANYTHING, () => {
      node.lateness = 150;
    });
    pass(world, 3000);
    node.lateness = 0;
    assert.ok(Math.max(...asked) > MULTIPLIER, `${Math.max(...asked)}`);
    pass(world, 10_500);
    asked.length = 0;
    pass(world, 1000);
    assert.deepEqual([...new Set(asked)], [MULTIPLIER]);
  }
});
