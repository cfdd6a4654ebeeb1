// When a link's heartbeats are read: each at once among few peers, those of a tenth of an interval together among many.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeLinkSocket } from '../../test/fake/fake-link-socket.ts';
import { linkOf } from '../../test/fake/fake-wire.ts';
import { digests } from '../host/linux/digests.ts';
import { HeardList } from '../protocol/heartbeat/heartbeat-frame.ts';
import { milliseconds } from '../time/duration.ts';
import { instant } from '../time/instant.ts';
import { HeartbeatCounters } from './heartbeat-counters.ts';
import { HeartbeatDrops } from './heartbeat-drops.ts';
import { HeartbeatLink } from './heartbeat-link.ts';
import { type HeartbeatSettings, identityOf } from './heartbeat-settings.ts';

const SETTINGS: HeartbeatSettings = {
  ...{ clusterUid: 'u', session: '1', activeKey: 1, intervalMs: 100, multiplier: 3 },
  keys: [{ id: 1, secret: new Uint8Array(32) }],
};
const NOBODY = { isLeaving: false, isUnable: false, isHung: false, hasNoApi: false, isAlone: false };
const HELLO = { heard: HeardList.EMPTY, isClaimsRequest: false, offers: [], revoked: [] };
const [KNOWN, STRANGERS] = [10, 11];

function linkWith(node: string, peers: number) {
  const socketOf = (fd: number) =>
    new FakeLinkSocket(fd, { index: 2, name: 'eth0' }, { now: () => instant(0) });
  const sockets = { known: socketOf(KNOWN), strangers: socketOf(STRANGERS) };
  const options = { link: linkOf(), identity: identityOf(node, SETTINGS, digests) };
  const counters = new HeartbeatCounters();
  const drops = new HeartbeatDrops(counters, () => {});
  const link = new HeartbeatLink(sockets, options, { counters, drops });
  for (let i = 0; i < peers; i++)
    link.learn(instant(0), BigInt(i), { mac: Uint8Array.of(2, 0, 0, 0, 0, i), address: i });
  return { ...sockets, link };
}

/** A frame of another node. */
function frame(): Uint8Array {
  const { link, known } = linkWith('node2', 0);
  const rest = { flags: NOBODY, mainAge: milliseconds(0), claimsDigest: 0n, multiplier: 3 };
  link.transmit({ to: undefined, body: HELLO, sequence: 1n, ...rest });
  return known.sent[0]?.bytes ?? assert.fail('nothing was sent');
}

test('among few peers each frame is waited for', () => {
  const { link, known } = linkWith('node1', 20);
  known.deliver(frame());
  assert.equal(link.receive(instant(0), [KNOWN]).length, 1);
  assert.deepEqual([link.fds, link.deadline()], [[KNOWN, STRANGERS], undefined]);
});

test('among many peers the next ones are read together, and waited for when there are none', () => {
  const { link, known } = linkWith('node1', 21);
  known.deliver(frame());
  assert.equal(link.receive(instant(0), [KNOWN]).length, 1);
  assert.deepEqual([link.fds, link.deadline()], [[STRANGERS], instant(10)]);
  for (let i = 0; i < 3; i++) known.deliver(frame());
  assert.equal(link.receive(instant(9.9), []).length, 0);
  assert.equal(link.receive(instant(10), []).length, 3);
  assert.deepEqual(link.deadline(), instant(20));
  assert.equal(link.receive(instant(20), []).length, 0);
  assert.deepEqual([link.fds, link.deadline()], [[KNOWN, STRANGERS], undefined]);
});

test('a queue that is not empty is read on without a pause', () => {
  const { link, known } = linkWith('node1', 21);
  for (let i = 0; i < 400; i++) known.deliver(frame());
  assert.ok(link.receive(instant(0), [KNOWN]).length < 400);
  assert.deepEqual([link.hasMore, link.deadline()], [true, undefined]);
  while (link.hasMore) link.receive(instant(0), []);
  assert.deepEqual([known.waiting, link.deadline()], [0, instant(10)]);
});
