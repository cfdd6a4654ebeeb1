// What the benches of heartbeats compute, from reports that are written down by hand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeEthernetHeader } from '../src/protocol/ethernet/ethernet-header.ts';
import { decodeHeartbeat } from '../src/protocol/heartbeat/heartbeat-frame.ts';
import { decodeUdpV4 } from '../src/protocol/udp/udp-v4.ts';
import { livingPeers, lossesBetween, movedBetween, readBetween } from './heartbeat-figures.ts';
import { forgedFrames } from './heartbeat-forgery.ts';
import { identityOfNode } from './heartbeat-keys.ts';

test('a peer lives if that was said last of it', () => {
  assert.equal(livingPeers({ peers: { a: 'peer lives', b: 'peer is dead', c: 'peer lives' } }), 2);
});

test('every word that is no good news is a loss', () => {
  const before = { said: { 'peer lives': 3, 'peer is dead': 1 } };
  assert.equal(lossesBetween(before, before), 0);
  const after = { said: { 'peer lives': 5, 'peer is dead': 2, 'peer does not hear this node': 1 } };
  assert.equal(lossesBetween(before, after), 2);
});

test('an address has moved if another node holds it, nobody, two, or with another epoch', () => {
  const before = [{ held: ['a 1', 'b 1'] }, { held: ['c 1', 'd 1'] }];
  assert.equal(movedBetween(before, [{ held: ['b 1', 'a 1'] }, { held: ['c 1', 'd 1'] }]), 0);
  assert.equal(movedBetween(before, [{ held: ['a 2', 'c 2'] }, { held: ['c 1', 'e 1'] }]), 5);
});

test('what is counted under any name was read', () => {
  const before = { received: 10, dropsByReason: { 'bad-hmac': 1, replayed: 0 } };
  assert.equal(readBetween(before, { received: 15, dropsByReason: { 'bad-hmac': 101, replayed: 3 } }), 108);
});

test('a forged frame is right in all but the HMAC', () => {
  const host = (name: string, last: number) => ({
    ...{ name, netns: '', mac: `02:00:00:00:00:0${last}`, address: `10.77.0.${last}` },
  });
  const [frame = new Uint8Array()] = forgedFrames(
    { from: host('x', 3), to: host('a', 1), as: host('b', 2) },
    1,
  );
  const ethernet = decodeEthernetHeader(frame);
  assert.ok(!(ethernet instanceof Error));
  assert.deepEqual([...ethernet.source], [2, 0, 0, 0, 0, 3]);
  const { ok: udp } = decodeUdpV4(frame.subarray(14));
  assert.ok(udp);
  const { clusterId, authenticate } = identityOfNode('a');
  assert.deepEqual(decodeHeartbeat(udp.payload, { clusterId, authenticate, hopLimit: udp.ttl }), {
    drop: 'bad-hmac',
  });
});
