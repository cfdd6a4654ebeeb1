// Candidates: who may be one, who stays one, in what order, and how evenly they spread.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Address } from '../net/address.ts';
import { parsePrefix } from '../net/prefix.ts';
import { isExcluded } from './node-predicates.ts';
import {
  isAble,
  isSamePlan,
  MAX_CANDIDATES,
  type PlacementNode,
  place,
  whyNoCandidates,
} from './placement.ts';

const address: Address = { family: 'IPv4', value: 0x0a4d0032n };
const subnet = parsePrefix('10.77.0.11/24');
assert.ok(subnet);

const node = (name: string, changes: Partial<PlacementNode> = {}): PlacementNode => ({
  name,
  isExcluded: false,
  isAlive: true,
  subnets: [subnet],
  ...changes,
});
const mapOf = (nodes: readonly PlacementNode[]) => new Map(nodes.map((one) => [one.name, one]));
const names = (count: number) => Array.from({ length: count }, (_, i) => `node${i}`);
const fresh = { name: '10.77.0.50', address, candidates: [], holder: undefined };

const LABELS: readonly [string | undefined, boolean][] = [
  [undefined, false],
  ['', true],
  ['true', true],
  ['1', true],
  ['false', false],
  ['False', false],
  ['0', false],
  ['f', false],
  ['no', true],
  ['fALSE', true],
];
for (const [value, want] of LABELS) {
  test(`the exclusion label ${JSON.stringify(value)} ${want ? 'excludes' : 'does not exclude'}`, () => {
    const labels: Record<string, string> =
      value === undefined ? {} : { 'node.kubernetes.io/exclude-from-external-load-balancers': value };
    assert.equal(isExcluded({ labels, taints: [], isDeleting: false }), want);
  });
}

test('a node that is going away is excluded; a cordoned one is not', () => {
  const taint = (key: string) => ({
    labels: {},
    taints: [{ key, value: '', effect: 'NoSchedule' }],
    isDeleting: false,
  });
  assert.equal(isExcluded(taint('ToBeDeletedByClusterAutoscaler')), true);
  assert.equal(isExcluded(taint('node.kubernetes.io/unschedulable')), false);
  assert.equal(isExcluded(taint('node.kubernetes.io/not-ready')), false);
  assert.equal(isExcluded({ labels: {}, taints: [], isDeleting: true }), true);
});

test('only a node that lives, is not excluded and has the subnet becomes a candidate', () => {
  const other = parsePrefix('10.78.0.11/24');
  assert.ok(other);
  const nodes = [
    node('a'),
    node('b', { isAlive: false }),
    node('c', { isExcluded: true }),
    node('d', { subnets: [other] }),
    node('e', { subnets: [] }),
  ];
  assert.deepEqual(place(fresh, mapOf(nodes)), ['a']);
  assert.match(
    whyNoCandidates(address, mapOf(nodes.slice(1))),
    /^10\.77\.0\.50 can not be announced: b without a running agent; d, e without an Up link in its subnet; c excluded/,
  );
  assert.match(whyNoCandidates(address, new Map()), /there are no nodes/);
});

test('the recorded holder is first, and goes when it is excluded', () => {
  const nodes = names(4).map((name) => node(name));
  const candidates = place(fresh, mapOf(nodes));
  const last = candidates.at(-1) ?? '';
  assert.equal(place({ ...fresh, candidates, holder: last }, mapOf(nodes))[0], last);
  const without = nodes.map((one) => (one.name === last ? { ...one, isExcluded: true } : one));
  assert.deepEqual(place({ ...fresh, candidates, holder: last }, mapOf(without)), candidates.slice(0, -1));
});

const anyNode = (name: string) =>
  fc
    .record({ isExcluded: fc.boolean(), isAlive: fc.boolean(), hasSubnet: fc.boolean() })
    .map(({ hasSubnet, ...flags }) => {
      return node(name, { ...flags, subnets: hasSubnet ? [subnet] : [] });
    });
const anyCluster = fc.integer({ min: 0, max: 14 }).chain((count) => fc.tuple(...names(count).map(anyNode)));

test('for any cluster and any present candidates', () => {
  const present = fc.uniqueArray(fc.constantFrom(...names(18)), { maxLength: MAX_CANDIDATES });
  fc.assert(
    fc.property(
      anyCluster,
      present,
      fc.constantFrom(undefined, ...names(14)),
      (nodes, candidates, holder) => {
        const map = mapOf(nodes);
        const placed = place({ ...fresh, candidates, holder }, map);
        assert.ok(placed.length <= MAX_CANDIDATES && new Set(placed).size === placed.length);
        const able = nodes.filter((one) => isAble(one, address)).map(({ name }) => name);
        for (const name of placed) {
          assert.equal(map.get(name)?.isExcluded, false, 'exists and is not excluded');
          assert.ok(able.includes(name) || candidates.includes(name), 'able, or was a candidate');
        }
        // Nobody who can announce is left out while there is room.
        assert.equal(placed.length === MAX_CANDIDATES || able.every((name) => placed.includes(name)), true);
        const live = placed.filter((name) => able.includes(name)).length;
        assert.ok(live >= Math.min(2, able.length), 'room for two that live');
        const kept = candidates.filter((name) => map.get(name)?.isExcluded === false);
        if (live >= 2 && kept.length <= MAX_CANDIDATES - 2)
          assert.ok(kept.every((name) => placed.includes(name)));
        if (holder !== undefined && placed.includes(holder)) assert.equal(placed[0], holder);
        // Idempotent: what was planned is planned again, in whatever order the nodes come.
        const again = place({ ...fresh, candidates: placed, holder }, mapOf([...nodes].reverse()));
        assert.ok(isSamePlan(placed, again));
      },
    ),
  );
});

test('first and second places spread over the nodes', () => {
  const nodes = mapOf(names(10).map((name) => node(name)));
  const counts = [new Map<string, number>(), new Map<string, number>()];
  for (let i = 0; i < 1000; i++) {
    const placed = place({ ...fresh, name: `10.77.${i >> 8}.${i & 255}` }, nodes);
    for (const [rank, count] of counts.entries()) {
      const name = placed[rank] ?? '';
      count.set(name, (count.get(name) ?? 0) + 1);
    }
  }
  for (const count of counts) {
    assert.equal(count.size, 10);
    // Binomial with mean 100 and standard deviation 9.5: five of them either way.
    for (const value of count.values())
      assert.ok(value > 52 && value < 148, `${value} of 1000 on one of ten nodes`);
  }
});

test('a node that leaves moves nobody but its own', () => {
  const all = names(6).map((name) => node(name));
  for (let i = 0; i < 50; i++) {
    const request = { ...fresh, name: `10.77.0.${i}` };
    const before = place(request, mapOf(all));
    const after = place(request, mapOf(all.slice(1)));
    assert.deepEqual(
      after,
      before.filter((name) => name !== 'node0'),
    );
  }
});
