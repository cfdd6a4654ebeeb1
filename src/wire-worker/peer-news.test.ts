// What the log says of a peer: the one thing that matters most.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIVE } from '../../test/fake/election-bed.ts';
import { peerNews } from './peer-news.ts';

test('each of these hides all that stand behind it', () => {
  const facts = [
    ['warn', 'peer is dead', { state: 'Dead' }],
    ['warn', 'main thread of a peer hangs', { isHung: true }],
    ['warn', 'peer hears nobody', { isDeaf: true }],
    ['warn', 'peer does not hear this node', { hearsMe: false }],
    ['info', 'peer leaves', { isLeaving: true }],
    ['info', 'peer lives', {}],
  ] as const;
  for (const [index, [level, message]] of facts.entries()) {
    const changes = facts.slice(index).map(([, , fact]) => fact);
    assert.deepEqual(peerNews(Object.assign({ ...LIVE }, ...changes)), { level, message });
  }
});

test('one that only others hear, and one of which nothing is known any more', () => {
  const pathLost = { level: 'warn', message: 'peer is heard by others only' };
  assert.deepEqual(peerNews({ ...LIVE, state: 'PathLost', isHung: true }), pathLost);
  assert.deepEqual(peerNews(undefined), { level: 'info', message: 'peer is forgotten' });
});
