// What the bench `idle` computes and refuses, from holders that are written down by hand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seconds } from '../src/time/duration.ts';
import { checkHeld, percentOf } from './idle.ts';

test('processor time is a share of one core', () => {
  assert.equal(percentOf(1.2, seconds(60)), 2);
});

test('each node has its share of the addresses, or nothing is measured', () => {
  const holders = (text: string) => new Map([...text].map((node, address) => [`${address}`, node] as const));
  const nodes = ['a', 'b'];
  checkHeld(holders('abab'), { nodes, count: 4 });
  checkHeld(holders('ababa'), { nodes, count: 5 });
  assert.throws(() => checkHeld(holders('aaba'), { nodes, count: 4 }), /3, 1 on the nodes: want 2 to 2/);
  assert.throws(() => checkHeld(holders('ab'), { nodes, count: 4 }), /1, 1 on the nodes/);
});
