// Nodes by name and by id.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeIds } from './node-ids.ts';

test('a name has one id, which is computed once, and the id its name', () => {
  const asked: string[] = [];
  const ids = new NodeIds((name) => {
    asked.push(name);
    return BigInt(name.length);
  });
  assert.deepEqual([ids.idOf('node1'), ids.idOf('node1'), ids.idOf('a')], [5n, 5n, 1n]);
  assert.deepEqual(asked, ['node1', 'a']);
  assert.deepEqual([ids.nameOf(5n), ids.nameOf(0xabcn)], ['node1', '0000000000000abc']);
});
