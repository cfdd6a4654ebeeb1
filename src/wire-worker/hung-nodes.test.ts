// Node ids of heartbeats against names of Leases.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HungNodes } from './hung-nodes.ts';

/** `node3` has the id 3. */
const idOf = (name: string): bigint => BigInt(name.slice(4));
const NOTHING = { began: [], ended: [] };

test('those that hang have names as long as their Leases live', () => {
  const nodes = new HungNodes(idOf);
  assert.deepEqual(nodes.list(), []);
  nodes.setAlive(['node1', 'node2', 'node3']);
  assert.deepEqual(nodes.setHung(new Set([2n, 9n])), { began: ['node2', '0000000000000009'], ended: [] });
  assert.deepEqual(nodes.list(), ['node2']);
  assert.deepEqual(nodes.setHung(new Set([2n, 9n])), NOTHING);
  nodes.setAlive(['node1', 'node9']);
  assert.deepEqual(nodes.list(), ['node9']);
  assert.deepEqual(nodes.setHung(new Set([9n])), { began: [], ended: ['0000000000000002'] });
  assert.deepEqual(nodes.setHung(new Set()), { began: [], ended: ['node9'] });
  assert.deepEqual(nodes.list(), []);
});

test('each name is digested once while its Lease lives', () => {
  const asked: string[] = [];
  const nodes = new HungNodes((name) => {
    asked.push(name);
    return idOf(name);
  });
  nodes.setAlive(['node1', 'node2']);
  nodes.setAlive(['node1', 'node2', 'node3']);
  nodes.setAlive(['node1']);
  nodes.setAlive(['node1', 'node2']);
  assert.deepEqual(asked, ['node1', 'node2', 'node3', 'node2']);
});
