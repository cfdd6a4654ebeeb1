// What the election knows of one segment.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIVE } from '../../test/fake/election-bed.ts';
import { claimOf } from '../../test/fake/fake-segment.ts';
import { seconds } from '../time/duration.ts';
import { instant } from '../time/instant.ts';
import { isCurrent, type KnownClaim, type KnownPeer, type PeerView, Segment } from './segment.ts';

const NOW = instant(0);

function segmentOf(...peers: readonly Partial<PeerView>[]): Segment {
  const segment = new Segment(instant(0));
  for (const [index, changes] of peers.entries())
    segment.setPeer(instant(0), BigInt(index + 1), { ...LIVE, ...changes });
  return segment;
}

test('alone: no peer is heard', () => {
  for (const [peers, isAlone] of [
    [[], true],
    [[{}], false],
    [[{ state: 'Dead' }, { state: 'PathLost' }], true],
    [[{ state: 'Dead' }, { hearsMe: false }], false],
  ] as const)
    assert.equal(segmentOf(...peers).isAlone, isAlone, JSON.stringify(peers));
});

test('mute: some are heard, and none of them hears this node', () => {
  for (const [peers, isMute] of [
    [[], false],
    [[{ hearsMe: false }], true],
    [[{ hearsMe: false }, {}], false],
    [[{ hearsMe: false }, { state: 'Dead' }], true],
    [[{ state: 'Dead', hearsMe: false }], false],
  ] as const)
    assert.equal(segmentOf(...peers).isMute, isMute, JSON.stringify(peers));
});

test('compared: the claims of all that are heard are known', () => {
  for (const [peers, isCompared] of [
    [[], false],
    [[{}], true],
    [[{ hasAllClaims: false }, {}], false],
    [[{ state: 'Dead', hasAllClaims: false }, {}], true],
    [[{ state: 'Dead' }], false],
  ] as const)
    assert.equal(segmentOf(...peers).isCompared, isCompared, JSON.stringify(peers));
});

test('a peer is in its state since that began, whatever else it says', () => {
  const segment = segmentOf({});
  segment.setPeer(instant(5), 1n, { ...LIVE, isHung: true });
  assert.equal(segment.peer(1n)?.since, 0);
  segment.setPeer(instant(7), 1n, { ...LIVE, state: 'Dead' });
  assert.equal(segment.peer(1n)?.since, 7);
});

test('claims by uid and claimant; who is forgotten claims nothing any more', () => {
  const segment = segmentOf({}, {});
  segment.claim(NOW, 1n, claimOf(5, 1));
  segment.claim(NOW, 2n, claimOf(5, 2));
  segment.claim(NOW, 1n, claimOf(5, 3));
  segment.claim(NOW, 1n, claimOf(6, 1));
  assert.deepEqual(
    Array.from(segment.claimsOf(5n), ([node, { epoch }]) => [node, epoch]),
    [
      [1n, 3],
      [2n, 2],
    ],
  );
  segment.unclaim(2n, 5n);
  segment.unclaim(2n, 77n);
  assert.deepEqual(segment.forget(1n), [5n, 6n]);
  assert.deepEqual(
    [segment.claimsOf(5n).size, segment.claimsOf(6n).size, segment.peer(1n)],
    [0, 0, undefined],
  );
  assert.deepEqual(segment.forget(1n), []);
});

test('what a peer claimed before it was lost is current when it is told again, or all is known', () => {
  const segment = segmentOf({}, {});
  const isClaimed = (): boolean =>
    isCurrent(segment.claimsOf(5n).get(1n) as KnownClaim, segment.peer(1n) as KnownPeer);
  segment.claim(NOW, 1n, claimOf(5));
  assert.equal(isClaimed(), true);
  segment.setPeer(instant(5), 1n, { ...LIVE, state: 'Dead' });
  assert.equal(isClaimed(), false);
  segment.setPeer(instant(9), 1n, { ...LIVE, hasAllClaims: false });
  assert.equal(isClaimed(), false);
  segment.claim(instant(9), 1n, claimOf(5, 2));
  assert.equal(isClaimed(), true, 'told again');
  segment.setPeer(instant(10), 1n, { ...LIVE, state: 'Dead' });
  segment.setPeer(instant(20), 1n, LIVE);
  segment.setPeer(instant(21), 1n, { ...LIVE, hasAllClaims: false });
  assert.equal(isClaimed(), true, 'all was known once since it is back');
});

test('who was alone and hears one again that it had lost listens anew', () => {
  const segment = segmentOf({}, {});
  segment.setPeer(instant(5), 1n, { ...LIVE, state: 'Dead' });
  segment.setPeer(instant(6), 1n, LIVE);
  assert.equal(segment.listenedAt(seconds(1)), 1000, 'another one was heard all the while');
  for (const node of [1n, 2n]) segment.setPeer(instant(7), node, { ...LIVE, state: 'Dead' });
  segment.setPeer(instant(8), 1n, LIVE);
  assert.equal(segment.listenedAt(seconds(1)), 1008);
});

test('listening begins with the segment, and anew after a gap', () => {
  const segment = new Segment(instant(1000));
  assert.equal(segment.listenedAt(seconds(1)), 2000);
  segment.listenAnew(instant(5000));
  assert.deepEqual([segment.listenedAt(seconds(1)), segment.openedAt], [6000, 1000]);
});
