// `--rebalance Slow`: which address moves, one at a time, and when none does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PlacementWorld, type Wishes } from '../../test/arbitrary/placement-world.ts';
import { type Move, nextMove } from './rebalance.ts';

const next = (world: PlacementWorld): Move | undefined =>
  nextMove(world.placement, world.nodes, (name) => world.request(name));

/** Carries moves out until there is none any more. */
function rebalance(world: PlacementWorld): readonly Move[] {
  const moves: Move[] = [];
  for (let move = next(world); move !== undefined; move = next(world)) {
    world.lists.set(move.name, move.candidates);
    world.elect();
    world.replan([move.name]);
    moves.push(move);
    assert.ok(moves.length < 1000, 'it comes to an end');
  }
  return moves;
}

/** A node was dead for a while, and holds nothing. */
function uneven(nodes: number, addresses: number): PlacementWorld {
  const world = PlacementWorld.of(nodes, addresses);
  world.change('node0', { isAlive: false });
  world.elect();
  world.change('node0', { isAlive: true });
  world.replan();
  return world;
}

test('what is even stays', () => {
  for (const [nodes, addresses] of [
    [3, 3],
    [3, 4],
    [5, 100],
    [10, 7],
    [1, 5],
    [3, 0],
  ] as const)
    assert.equal(next(PlacementWorld.of(nodes, addresses)), undefined, `${addresses} on ${nodes}`);
});

test('a node that was away gets its share back, and no address moves twice', () => {
  const world = uneven(3, 99);
  assert.deepEqual(world.held(['node0']), [0]);
  const moves = rebalance(world);
  assert.ok(moves.every(({ to }) => to === 'node0'));
  assert.equal(new Set(moves.map(({ name }) => name)).size, moves.length);
  assert.ok(Math.max(...world.held()) <= Math.floor((5 * 33) / 4), `${world.held()}`);
  assert.ok(moves.length <= 33, `${moves.length} moves`);
});

test('the list of a moved address begins with the new node, has not the old one, and takes it in again later', () => {
  const world = uneven(3, 30);
  const move = next(world);
  assert.ok(move);
  const { name, from, to, candidates } = move;
  assert.equal(world.holders.get(name), from);
  assert.equal(candidates[0], to);
  assert.ok(!candidates.includes(from));
  world.lists.set(name, candidates);
  assert.deepEqual(world.replan([name]), { written: [], moved: [name] });
  assert.deepEqual(world.replan([name]).written, [name]);
  assert.equal(world.lists.get(name)?.at(-1), from);
});

test('one at a time: nothing while any address is on its way', () => {
  const world = uneven(3, 30);
  const move = next(world);
  assert.ok(move);
  assert.equal(next(world), undefined);
  world.lists.set(move.name, move.candidates);
  world.elect();
  assert.notEqual(next(world), undefined);
});

test('never to a node with another address of the Service, nor to one without endpoints', () => {
  const wishes: readonly [Wishes, boolean][] = [
    [{}, true],
    [{ apartFrom: ['other'] }, false],
    [{ onlyOn: new Set(['node1', 'node2']) }, false],
  ];
  for (const [wish, isMoved] of wishes) {
    const world = uneven(3, 12);
    world.placement.set('other', { candidates: ['node0'], holder: 'node0' });
    for (const name of world.lists.keys()) world.wishes.set(name, wish);
    assert.equal(next(world) !== undefined, isMoved, JSON.stringify(wish));
  }
});

test('from whatever was there, at the end nobody holds more than the mean by a quarter, if that can be helped', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.array(fc.nat(6), { maxLength: 40 }), (nodes, holders) => {
      const world = PlacementWorld.of(nodes, holders.length);
      for (const [i, name] of [...world.lists.keys()].entries()) {
        const list = world.lists.get(name) ?? [];
        world.holders.set(name, list[(holders[i] ?? 0) % list.length] ?? '');
        world.placement.set(name, world.request(name));
      }
      const before = world.held();
      const moves = rebalance(world);
      const held = world.held();
      const most = Math.max(0, ...held);
      const least = Math.min(...held);
      assert.ok(
        most <= Math.ceil((5 * holders.length) / (4 * nodes)) || most - least <= 1,
        `${before} -> ${held}`,
      );
      const surplus = before.map((count) => Math.max(0, count - Math.floor(holders.length / nodes)));
      assert.ok(moves.length <= surplus.reduce((a, b) => a + b, 0));
    }),
  );
});
