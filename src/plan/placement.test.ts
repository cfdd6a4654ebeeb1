// Candidates: who may be one, who stays one, in what order, how evenly, and how many lists change with the nodes.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  addressNames,
  placementNode as node,
  nodeNames,
  PlacementWorld,
} from '../../test/arbitrary/placement-world.ts';
import { MAX_CANDIDATES, WANTED_CANDIDATES } from './candidate-list.ts';

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const within25 = (mean: number): number => Math.ceil((5 * mean) / 4);
const countIn = (lists: Iterable<readonly string[]>, name: string): number =>
  [...lists].filter((list) => list.includes(name)).length;

describe('how even it is', () => {
  for (const nodes of [2, 3, 5, 10, 50]) {
    test(`1,000 addresses on ${nodes} nodes, and after the death of any one`, () => {
      const world = PlacementWorld.of(nodes, 1000);
      const mean = 1000 / nodes;
      assert.ok(Math.max(...world.held()) <= Math.ceil(mean), `${world.held()}`);
      assert.ok(Math.min(...world.held()) >= Math.floor(mean), `${world.held()}`);
      const seconds = world
        .living()
        .map((name) => [...world.lists.values()].filter((list) => list[1] === name).length);
      assert.ok(Math.max(...seconds) <= Math.ceil(mean) + 2, `${seconds}`);
      const after = world.worstAfterDeath();
      assert.ok(after <= Math.ceil(mean) + Math.ceil(mean / (nodes - 1)) + 1, `${after} after a death`);
    });
  }

  test('100 addresses on 10 nodes: no more than 11 on one, and 12 after any death', () => {
    const world = PlacementWorld.of(10, 100);
    assert.ok(Math.max(...world.held()) <= 11);
    assert.ok(world.worstAfterDeath() <= 12);
  });

  test('whatever comes and goes, what comes goes where less than the mean is', () => {
    const step = fc.record({ isNew: fc.boolean(), at: fc.nat(199) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.array(step, { maxLength: 200 }), (nodes, steps) => {
        const world = PlacementWorld.of(nodes, 0);
        for (const { isNew, at } of steps) {
          const name = `10.77.1.${at}`;
          if (!isNew) world.remove(name);
          else if (!world.lists.has(name)) {
            const [first = ''] = world.add(name);
            const [held = 0] = world.held([first]);
            assert.ok(
              held <= Math.ceil(world.lists.size / nodes),
              `${held} of ${world.lists.size} on ${nodes}`,
            );
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  test('three of all addresses on three nodes are on one each', () => {
    assert.deepEqual(PlacementWorld.of(3, 3).held(), [1, 1, 1]);
  });
});

const anyNode = (name: string) =>
  fc.record({
    name: fc.constant(name),
    isExcluded: fc.boolean(),
    isAlive: fc.boolean(),
    zone: fc.constantFrom('', 'a', 'b'),
    host: fc.constantFrom('h1', 'h2', name),
    hasSubnet: fc.boolean(),
  });
const anyCluster = fc
  .integer({ min: 0, max: 12 })
  .chain((count) => fc.tuple(...nodeNames(count).map(anyNode)))
  .map((nodes) =>
    nodes.map(({ hasSubnet, ...one }) => node(one.name, hasSubnet ? one : { ...one, subnets: [] })),
  );
const anyList = fc.uniqueArray(fc.constantFrom(...nodeNames(14)), { maxLength: MAX_CANDIDATES });
const anyHolder = fc.constantFrom(undefined, ...nodeNames(12));
const anyEndpoints = fc.option(fc.uniqueArray(fc.constantFrom(...nodeNames(12))), { nil: undefined });

/** A world with one address whose list is already there. */
function worldWith(nodes: readonly ReturnType<typeof node>[], list: readonly string[], holder?: string) {
  const world = new PlacementWorld(nodes);
  world.lists.set('x', list);
  if (holder !== undefined) world.holders.set('x', holder);
  return world;
}

test('for any cluster, any list, any holder and any endpoints', () => {
  fc.assert(
    fc.property(anyCluster, anyList, anyHolder, anyEndpoints, (nodes, list, holder, endpoints) => {
      const world = worldWith(nodes, list, holder);
      const onlyOn = endpoints && new Set(endpoints);
      world.wishes.set('x', { onlyOn });
      const request = world.request('x');
      const placed = world.placement.plan(request);
      assert.ok(placed.length <= MAX_CANDIDATES && new Set(placed).size === placed.length);
      const able = nodes.filter((one) => one.isAlive && !one.isExcluded && one.subnets.length > 0);
      const local = able.filter(({ name }) => onlyOn?.has(name));
      const best = local.length > 0 ? local : able;
      for (const name of placed) {
        const one = world.nodes.get(name);
        assert.ok(one, 'exists');
        if (best.length > 0) assert.equal(one.isExcluded, false, 'excluded only where nobody else is able');
        if (local.length > 0) assert.ok(onlyOn?.has(name), 'has endpoints, where anybody has');
        assert.ok(best.includes(one) || list.includes(name), 'able, or was a candidate');
      }
      const live = placed.filter((name) => best.some((one) => one.name === name)).length;
      const isMoved =
        holder !== undefined && best.some(({ name }) => name === holder) && !placed.includes(holder);
      const wanted = onlyOn === undefined || local.length > 0 ? WANTED_CANDIDATES : 1;
      assert.ok(live >= Math.min(wanted, best.length - (isMoved ? 1 : 0)), `${live} live of ${best.length}`);
      // Idempotent: what was planned is planned again, whatever the order in which the nodes come.
      const again = worldWith([...nodes].reverse(), placed, holder);
      assert.equal(again.placement.plan({ ...request, candidates: placed }), placed);
    }),
    { numRuns: 500 },
  );
});

test('the same world is planned the same, in whatever order it is told', () => {
  const lists = (nodes: readonly string[]) => {
    const world = new PlacementWorld(nodes.map((name) => node(name)));
    for (const name of addressNames(60)) world.add(name);
    return [...world.lists];
  };
  assert.deepEqual(lists(nodeNames(11)), lists([...nodeNames(11)].reverse()));
});

test('after a restart, told in any order, nothing is written', () => {
  const world = PlacementWorld.of(7, 60);
  const restarted = new PlacementWorld([...world.nodes.values()].reverse());
  for (const name of addressNames(60).toReversed()) {
    restarted.lists.set(name, world.lists.get(name) ?? []);
    restarted.holders.set(name, world.holders.get(name) ?? '');
    restarted.placement.set(name, restarted.request(name));
  }
  assert.deepEqual(restarted.replan(), { written: [], moved: [] });
});

describe('how many lists change', () => {
  for (const nodes of [3, 5, 10, 30]) {
    test(`on ${nodes} nodes: none when a node dies, and all stay where they are when it lives again`, () => {
      const world = PlacementWorld.of(nodes, 300);
      world.change('node0', { isAlive: false });
      world.elect();
      assert.deepEqual(world.replan(), { written: [], moved: [] });
      world.change('node0', { isAlive: true });
      const { written, moved } = world.replan();
      assert.deepEqual(moved, []);
      assert.ok(written.length <= 300 / nodes, `${written.length} second places given to it`);
      assert.ok(world.worstAfterDeath() <= within25(300 / (nodes - 1)), `${world.worstAfterDeath()}`);
    });

    test(`on ${nodes} nodes: when one comes no first place, and second places only where they are uneven`, () => {
      const world = PlacementWorld.of(nodes, 300);
      const firsts = new Map([...world.lists].map(([name, list]) => [name, list[0]]));
      world.change('new', {});
      const { written, moved } = world.replan();
      assert.deepEqual(moved, []);
      for (const [name, list] of world.lists) assert.equal(list[0], firsts.get(name));
      // Who had all the others as candidates has enough.
      const isNeeded = nodes < WANTED_CANDIDATES;
      assert.equal(countIn(world.lists.values(), 'new') === 300, isNeeded);
      for (const name of written) assert.equal(world.lists.get(name)?.[1], 'new');
      assert.ok(world.worstAfterDeath() <= within25(300 / nodes) + 1, `${world.worstAfterDeath()}`);
    });

    test(`on ${nodes} nodes: when one leaves for good those that name it, and its first places spread`, () => {
      const world = PlacementWorld.of(nodes, 300);
      const named = addressNames(300).filter((name) => world.lists.get(name)?.includes('node1'));
      const held = addressNames(300).filter((name) => world.holders.get(name) === 'node1');
      world.change('node1', { isExcluded: true });
      const { written, moved } = world.replan();
      assert.deepEqual(written, named);
      assert.deepEqual(moved, held);
      const others = world.living().filter((name) => name !== 'node1');
      assert.equal(sum(world.held(others)), 300);
      assert.ok(Math.max(...world.held(others)) <= Math.ceil(300 / (nodes - 1)) + 1, `${world.held(others)}`);
      world.change('node1', { isExcluded: false });
      assert.deepEqual(world.replan().moved, []);
    });
  }

  test('where one leaves that all have before the same heir, its addresses are spread all the same', () => {
    const world = PlacementWorld.of(5, 0);
    for (const name of addressNames(20)) {
      world.lists.set(name, nodeNames(5));
      world.holders.set(name, 'node0');
      world.placement.set(name, world.request(name));
    }
    world.change('node0', { isExcluded: true });
    world.replan();
    assert.deepEqual(world.held(), [0, 5, 5, 5, 5]);
  });

  test('a third node is taken in by all lists, a fourth only where second places are uneven', () => {
    const world = PlacementWorld.of(2, 20);
    const before = new Map(world.lists);
    world.change('node2', {});
    assert.equal(world.replan().written.length, 20);
    for (const [name, list] of world.lists)
      assert.deepEqual([...list].sort(), [...(before.get(name) ?? []), 'node2'].sort());
    world.change('node3', {});
    assert.ok(world.replan().written.length < 20);
  });

  test('a deleted node leaves as an excluded one does', () => {
    const world = PlacementWorld.of(12, 60);
    const named = addressNames(60).filter((name) => world.lists.get(name)?.includes('node1'));
    world.delete('node1');
    const { written } = world.replan();
    assert.deepEqual(written, named);
    assert.equal(countIn(world.lists.values(), 'node1'), 0);
    for (const list of world.lists.values()) assert.equal(list.length, MAX_CANDIDATES);
  });
});
