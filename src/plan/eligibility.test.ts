// Which nodes may hold an address, and what is said where none may.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placementNode as node } from '../../test/arbitrary/placement-world.ts';
import type { Address } from '../net/address.ts';
import { parsePrefix } from '../net/prefix.ts';
import { isAble, isReachableAt, whyNoCandidates } from './eligibility.ts';

const address: Address = { family: 'IPv4', value: 0x0a4d0032n };
const other = parsePrefix('10.78.0.11/24');
assert.ok(other);
const mapOf = (...nodes: readonly ReturnType<typeof node>[]) => new Map(nodes.map((one) => [one.name, one]));

test('only a node that lives, is not excluded and has the subnet is able', () => {
  assert.equal(isAble(node('a'), address), true);
  const unable = [{ isAlive: false }, { isExcluded: true }, { subnets: [other] }, { subnets: [] }];
  for (const changes of unable) assert.equal(isAble(node('a', changes), address), false);
  assert.equal(isReachableAt(node('a', { isAlive: false, isExcluded: true }), address), true);
});

test('an IPv6 address has no candidate yet, and says so', () => {
  const v6: Address = { family: 'IPv6', value: 0xfd77n << 112n };
  assert.equal(isAble(node('a'), v6), false);
  assert.match(whyNoCandidates(v6, mapOf(node('a'))), /agents do not answer for IPv6 yet/);
});

test('why nobody can: by name, three of each reason at most', () => {
  const nodes = mapOf(
    node('b', { isAlive: false }),
    node('c', { isExcluded: true }),
    node('d', { subnets: [other] }),
    node('e', { subnets: [] }),
  );
  assert.match(
    whyNoCandidates(address, nodes),
    /^10\.77\.0\.50 can not be announced: b without a running agent; d, e without an Up link in its subnet; c excluded/,
  );
  assert.match(whyNoCandidates(address, new Map()), /there are no nodes/);
  const many = mapOf(...['d', 'c', 'b', 'a'].map((name) => node(name, { isAlive: false })));
  assert.match(whyNoCandidates(address, many), /: a, b, c and 1 more without a running agent$/);
});
