// What one candidate list looks like: holder, zones, hosts, the other addresses of the Service, endpoints, moves.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { placementNode as node, nodeNames, PlacementWorld } from '../../test/arbitrary/placement-world.ts';
import { MAX_CANDIDATES } from './candidate-list.ts';

const six = () => PlacementWorld.of(6, 0);
const sorted = (names: readonly string[] = []) => [...names].sort();

describe('who stays', () => {
  test('the holder, and the order of the others, when one in the list has to leave', () => {
    const world = six();
    const list = world.add('x');
    const [first = '', second, third = '', ...rest] = list;
    world.holders.set('x', third);
    world.change(first, { isExcluded: true });
    world.replan();
    assert.deepEqual(world.lists.get('x'), [third, second, ...rest]);
    assert.equal(world.holders.get('x'), third);
  });

  test('a list is the same array while nothing has to change, whoever holds it', () => {
    const world = six();
    const list = world.add('x');
    world.holders.set('x', list[3] ?? '');
    assert.equal(world.placement.plan(world.request('x')), list);
  });

  test('dead ones, until they leave no room for three that live', () => {
    const world = PlacementWorld.of(12, 0);
    const list = world.add('x');
    for (const name of list.slice(0, 5)) world.change(name, { isAlive: false });
    assert.deepEqual(world.replan().written, []);
    for (const name of list.slice(5, 6)) world.change(name, { isAlive: false });
    world.replan();
    const now = world.lists.get('x') ?? [];
    assert.equal(now.length, MAX_CANDIDATES);
    assert.equal(now.filter((name) => world.nodes.get(name)?.isAlive).length, 3);
  });

  test('all, where nobody is able; and those that are excluded where nobody else is', () => {
    const world = six();
    const list = world.add('x');
    for (const name of nodeNames(6)) world.change(name, { isAlive: false });
    assert.equal(world.placement.plan(world.request('x')), list);
    for (const name of nodeNames(6)) world.change(name, { isAlive: true, isExcluded: true });
    assert.equal(world.placement.plan(world.request('x')), list);
    assert.deepEqual(world.add('y'), [], 'but an excluded node is never a new candidate');
    world.change('node3', { isExcluded: false });
    world.replan();
    assert.deepEqual(world.lists.get('x'), ['node3']);
  });

  test('a holder that is no candidate any more comes back when another one has it', () => {
    const world = PlacementWorld.of(3, 1);
    const [[name, list = []] = ['']] = world.lists;
    const [from = '', ...others] = list;
    world.lists.set(name, others);
    assert.equal(world.placement.plan(world.request(name)), others, 'it is being moved away from');
    world.elect();
    world.replan();
    assert.deepEqual(world.lists.get(name), [...others, from]);
  });

  test('a holder that took it as the last resort becomes the first, whoever lives', () => {
    const world = PlacementWorld.of(4, 1);
    const [[name, list = []] = ['']] = world.lists;
    const others = list.slice(1);
    world.lists.set(name, others);
    const request = { ...world.request(name), isLastResort: true };
    assert.deepEqual(world.placement.plan(request), list);
    world.change(list[0] ?? '', { isExcluded: true });
    assert.equal(world.placement.plan(request), others, 'unless it is excluded');
  });

  test('a holder that no candidate can relieve is one', () => {
    const world = PlacementWorld.of(4, 1);
    const [[name, list = []] = ['']] = world.lists;
    const holder = list[3] ?? '';
    for (const dead of list.slice(0, 3)) world.change(dead, { isAlive: false });
    world.lists.set(name, list.slice(0, 3));
    world.holders.set(name, holder);
    assert.deepEqual(sorted(world.placement.plan(world.request(name))), sorted(list));
  });
});

describe('zones and hosts', () => {
  const zoned = (...zones: readonly string[]) =>
    new PlacementWorld(zones.map((zone, i) => node(`node${i}`, { zone })));
  const zonesOf = (world: PlacementWorld, list: readonly string[]) =>
    list.map((name) => world.nodes.get(name)?.zone);

  test('the second place is in another zone, and each further one where there are fewest', () => {
    const world = zoned('a', 'a', 'a', 'a', 'b', 'b', 'c', 'c');
    for (let i = 0; i < 40; i++) {
      const zones = zonesOf(world, world.add(`x${i}`));
      assert.equal(new Set(zones.slice(0, 3)).size, 3, `${zones}`);
      assert.equal(new Set(zones.slice(3, 6)).size, 3, `${zones}`);
    }
    assert.ok(Math.max(...world.held()) <= 5);
  });

  test('a small zone does not inherit more than a quarter over the mean', () => {
    const world = zoned('a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'b');
    for (let i = 0; i < 200; i++) world.add(`x${i}`);
    assert.ok(world.worstAfterDeath() <= Math.ceil((5 * 200) / (4 * 9)), `${world.worstAfterDeath()}`);
    for (const list of world.lists.values()) assert.ok(zonesOf(world, list).includes('b'));
  });

  test('a zone that comes is taken in by lists of one zone, even by full ones, once', () => {
    const world = zoned(...Array.from({ length: 9 }, () => 'a'));
    // One holds all, so that only few can have the far one as their second.
    for (let i = 0; i < 100; i++) {
      world.lists.set(`x${i}`, nodeNames(8));
      world.holders.set(`x${i}`, 'node0');
      world.placement.set(`x${i}`, world.request(`x${i}`));
    }
    world.change('far', { zone: 'b' });
    const { written, moved } = world.replan();
    assert.deepEqual([written.length, moved], [100, []]);
    for (const list of world.lists.values()) {
      assert.equal(list.length, MAX_CANDIDATES);
      assert.ok(list.includes('far'));
    }
    assert.deepEqual(world.replan().written, []);
  });

  test('two virtual nodes of one machine do not follow each other', () => {
    const world = new PlacementWorld(nodeNames(6).map((name, i) => node(name, { host: `host${i % 3}` })));
    for (let i = 0; i < 30; i++) {
      const hosts = world.add(`x${i}`).map((name) => world.nodes.get(name)?.host);
      assert.equal(new Set(hosts.slice(0, 3)).size, 3, `${hosts}`);
    }
  });
});

describe('the addresses of one Service', () => {
  test('several of a family are on different nodes, as long as there are so many', () => {
    const world = PlacementWorld.of(4, 30);
    const names = ['a', 'b', 'c', 'd', 'e'];
    const firsts = names.map((name, i) => world.add(name, { apartFrom: names.slice(0, i) })[0]);
    assert.equal(new Set(firsts.slice(0, 4)).size, 4);
    assert.ok(Math.max(...world.held()) <= Math.ceil(35 / 4) + 1);
  });

  test('and on different machines, and none is the heir of another', () => {
    const world = new PlacementWorld(nodeNames(9).map((name, i) => node(name, { host: `host${i % 3}` })));
    const hostOf = (name = '') => world.nodes.get(name)?.host;
    for (let i = 0; i < 40; i++) {
      const [a] = world.add(`a${i}`);
      const [b, heir] = world.add(`b${i}`, { apartFrom: [`a${i}`] });
      assert.notEqual(hostOf(a), hostOf(b));
      assert.notEqual(heir, a);
    }
  });

  test('and in different zones', () => {
    const world = new PlacementWorld(nodeNames(6).map((name, i) => node(name, { zone: `z${i % 2}` })));
    for (let i = 0; i < 12; i++) {
      const [a = ''] = world.add(`a${i}`);
      const [b = ''] = world.add(`b${i}`, { apartFrom: [`a${i}`] });
      assert.notEqual(world.nodes.get(a)?.zone, world.nodes.get(b)?.zone);
    }
  });

  test('even where that is uneven, when it comes and when its holder leaves', () => {
    const world = PlacementWorld.of(3, 0);
    const hold = (name: string, holder: string) =>
      world.placement.set(name, { candidates: [holder], holder });
    hold('a', 'node0');
    for (let i = 0; i < 5; i++) for (const other of ['node1', 'node2']) hold(`${other} ${i}`, other);
    const [first = ''] = world.add('b', { apartFrom: ['a'] });
    assert.notEqual(first, 'node0');
    world.change(first, { isExcluded: true });
    world.replan();
    assert.ok(!['node0', first].includes(world.holders.get('b') ?? ''), 'on the third');
  });

  test('of two families have one order, whatever happens to the first', () => {
    const world = six();
    world.add('four');
    assert.deepEqual(world.add('six', { follows: 'four' }), world.lists.get('four'));
    for (const name of ['node2', 'node4', world.holders.get('four') ?? '']) {
      world.change(name, { isExcluded: true });
      world.replan(['four', 'six']);
      assert.deepEqual(world.lists.get('six'), world.lists.get('four'));
    }
  });

  test('the second family leaves out who has no link in its subnet, and takes in who has', () => {
    const world = six();
    world.lists.set('four', ['node0', 'node1', 'gone']);
    world.placement.set('four', { candidates: ['node0', 'node1', 'gone'], holder: undefined });
    world.change('node0', { subnets: [] });
    const list = world.add('six', { follows: 'four' });
    assert.equal(list[0], 'node1');
    assert.deepEqual(sorted(list), ['node1', 'node2', 'node3', 'node4', 'node5']);
  });
});

describe('externalTrafficPolicy Local', () => {
  const on = (...names: readonly string[]) => ({ onlyOn: new Set(names) });

  test('only nodes with endpoints, evenly', () => {
    const world = six();
    for (let i = 0; i < 20; i++)
      assert.deepEqual(sorted(world.add(`x${i}`, on('node1', 'node4'))), ['node1', 'node4']);
    assert.deepEqual(world.held(['node1', 'node4']), [10, 10]);
  });

  test('it follows the endpoints, and what may stay stays', () => {
    const world = six();
    world.add('x', on('node1', 'node4'));
    const holder = world.holders.get('x') ?? '';
    world.wishes.set('x', on(holder, 'node5'));
    assert.deepEqual(world.replan().moved, []);
    assert.deepEqual(world.lists.get('x'), [holder, 'node5']);
    world.wishes.set('x', on('node2'));
    assert.deepEqual(world.replan().moved, ['x']);
    assert.deepEqual(world.lists.get('x'), ['node2']);
  });

  test('without any endpoint everything stays, and a new one is placed as any other', () => {
    const world = six();
    const list = world.add('x', on('node1'));
    world.wishes.set('x', on());
    assert.equal(world.placement.plan(world.request('x')), list);
    assert.equal(world.add('y', on()).length, 6);
    world.change('node1', { isAlive: false });
    world.replan();
    assert.equal(world.lists.get('x')?.length, 6, 'nobody who lives was left');
  });
});
