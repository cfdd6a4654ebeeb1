// Equal values become one, and what is remembered for that is bounded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedValues } from './shared-values.ts';

test('of equal values the first is given back, of others each itself', () => {
  const shared = new SharedValues();
  const first = [{ name: 'default', l2: { interfaces: ['eth*'] } }];
  const other = [{ name: 'default', l2: { interfaces: [] } }];
  assert.equal(shared.share(first), first);
  assert.equal(shared.share(structuredClone(first)), first);
  assert.equal(shared.share(other), other);
});

test('text and a list of that text are not the same', () => {
  const shared = new SharedValues();
  assert.equal(shared.share('node1'), 'node1');
  assert.deepEqual(shared.share(['node1']), ['node1']);
});

test('beyond its limit it begins anew', () => {
  const shared = new SharedValues(2);
  const first = ['node1'];
  shared.share(first);
  shared.share(['node2']);
  shared.share(['node3']);
  const again = ['node1'];
  assert.equal(shared.share(again), again);
});

test('what is made of equal sources is made once', () => {
  const shared = new SharedValues();
  const idsOf = (...names: string[]) => shared.made(names, () => names.map((name) => BigInt(name.length)));
  const first = idsOf('a', 'bc');
  assert.deepEqual(first, [1n, 2n]);
  assert.equal(idsOf('a', 'bc'), first);
  assert.deepEqual(idsOf('bc', 'a'), [2n, 1n]);
});
