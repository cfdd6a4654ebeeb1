// One peer as its heartbeats show it: whom it has heard, and whether it hears this node.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Heard,
  HeardList,
  type HeartbeatFrame,
  heardKey,
} from '../protocol/heartbeat/heartbeat-frame.ts';
import { milliseconds } from '../time/duration.ts';
import { instant } from '../time/instant.ts';
import { HEARD_BESIDE_NEWS, type Listener, Peer } from './peer.ts';

const ME = heardKey(1n, 11n);

const listenerTo = ({ body }: HeartbeatFrame): Listener => ({
  ...{ listed: body.heard.find(ME), detection: milliseconds(300), longestDetection: milliseconds(300) },
});

const heard = (nodeId: bigint, changes: Partial<Heard> = {}): Heard => ({
  ...{ nodeId, session: nodeId * 11n, sequence: 100, age: milliseconds(0) },
  ...changes,
});

/** A heartbeat of node 2 that lists these. */
const beat = (list: readonly Heard[], changes: Partial<HeartbeatFrame> = {}): HeartbeatFrame => ({
  ...{ keyId: 1, clusterId: 7n, nodeId: 2n, session: 22n, sequence: 1n, receiverSession: 0n },
  flags: { isLeaving: false, isUnable: false, isHung: false, hasNoApi: false, isAlone: false },
  ...{ interval: milliseconds(100), multiplier: 3, mainAge: milliseconds(0), claimsDigest: 0n },
  body: { heard: HeardList.of(list), isClaimsRequest: false, offers: [], revoked: [] },
  ...changes,
});

const say = (peer: Peer, at: number, frame: HeartbeatFrame): void =>
  void peer.believe(instant(at), frame, listenerTo(frame));

function peerThatSaid(at: number, ...frames: readonly HeartbeatFrame[]): Peer {
  const peer = new Peer();
  for (const frame of frames) say(peer, at, frame);
  return peer;
}

test('it hears this node if it lists its present session, not older than this node may be silent', () => {
  for (const [entry, hearsMe] of [
    [heard(1n), true],
    [heard(1n, { age: milliseconds(299) }), true],
    [heard(1n, { age: milliseconds(300) }), false],
    [heard(1n, { session: 12n }), false],
    [heard(3n), false],
  ] as const)
    assert.equal(peerThatSaid(0, beat([entry])).hearsMe, hearsMe, JSON.stringify(entry.age));
});

test('not to be in a full list says nothing; in one that has room it does', () => {
  const others = Array.from({ length: HEARD_BESIDE_NEWS }, (_, i) => heard(BigInt(i + 3)));
  assert.equal(peerThatSaid(0, beat([heard(1n)]), beat(others)).hearsMe, true);
  assert.equal(peerThatSaid(0, beat([heard(1n)]), beat(others.slice(1))).hearsMe, false);
});

test('pages, requests and offers list nobody, and say nothing by that', () => {
  const { body } = beat([]);
  const frames = [
    beat([], { body: { ...body, claims: { page: 0, pages: 2, claims: [] } } }),
    beat([], { receiverSession: 11n, body: { ...body, isClaimsRequest: true } }),
    beat([], { body: { ...body, offers: [{ uid: 5n, epoch: 1, to: 3n }] } }),
  ];
  for (const frame of frames) assert.equal(peerThatSaid(0, beat([heard(1n)]), frame).hearsMe, true);
});

test('it has heard something newer: a higher number, also over the end of 32 bits, or another session', () => {
  const peer = peerThatSaid(1000, beat([heard(3n, { sequence: 5, age: milliseconds(40) })]));
  const hears = (session: bigint, sequence: number) => peer.hears(heardKey(3n), { session, sequence });
  assert.equal(hears(33n, 4), 960, 'when it heard that');
  assert.equal(hears(33n, 5), undefined);
  assert.equal(hears(33n, 6), undefined);
  assert.equal(hears(33n, -10), 960);
  assert.equal(hears(34n, 99), 960);
  assert.equal(peer.hears(heardKey(4n), { session: 44n, sequence: 0 }), undefined);
});

test('it has heard nobody if the last that it heard is older than it may itself be silent', () => {
  assert.equal(peerThatSaid(0, beat([])).heardNobody(milliseconds(100)), false, 'it has just begun');
  const peer = peerThatSaid(1000, beat([heard(3n)]));
  say(peer, 1299, beat([heard(3n, { age: milliseconds(299) })]));
  assert.equal(peer.heardNobody(milliseconds(100)), false);
  say(peer, 1300, beat([]));
  assert.equal(peer.heardNobody(milliseconds(100)), true);
  assert.equal(
    peer.heardNobody(milliseconds(200)),
    false,
    'whoever beats every 200 ms could not be missed yet',
  );
  say(peer, 1400, beat([heard(1n)]));
  assert.equal(peer.heardNobody(milliseconds(100)), false);
});

test('a new life has heard nothing yet, and claims nothing', () => {
  const peer = peerThatSaid(1000, beat([heard(3n)]));
  peer.begin();
  assert.equal(peer.hears(heardKey(3n), { session: 33n, sequence: 0 }), undefined);
  assert.equal(peer.heardNobody(milliseconds(100)), false);
});
