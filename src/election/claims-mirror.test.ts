// A peer's claims as they are put together from changes and pages.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimOf } from '../../test/fake/fake-segment.ts';
import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { claimsDigest, goneClaim } from '../protocol/heartbeat/peer-claim.ts';
import { ClaimsMirror } from './claims-mirror.ts';

const [A, B, C] = [claimOf(1), claimOf(2), claimOf(3)];
const changes = (...claims: readonly PeerClaim[]) => ({ page: 0, pages: 0, claims });
const uids = (mirror: ClaimsMirror): readonly bigint[] => [...mirror.claims.keys()];

test('nothing claimed is nothing to ask for', () => {
  const mirror = new ClaimsMirror();
  assert.deepEqual(mirror.take(0n, undefined), []);
  assert.deepEqual([mirror.isStale, uids(mirror)], [false, []]);
});

test('changes are told as they come, and the copy is right if the digest says so', () => {
  const mirror = new ClaimsMirror();
  assert.deepEqual(mirror.take(claimsDigest([A]), changes(A)), [A]);
  assert.deepEqual(mirror.take(claimsDigest([A, B]), changes(B)), [B]);
  assert.deepEqual([mirror.isStale, uids(mirror)], [false, [1n, 2n]]);
  assert.deepEqual(mirror.take(claimsDigest([A, B]), changes(B)), [B], 'told again');
  assert.equal(mirror.isStale, false);
});

test('a change that was missed leaves the copy as it was, and says that it is stale', () => {
  const mirror = new ClaimsMirror();
  mirror.take(claimsDigest([A]), changes(A));
  assert.deepEqual(mirror.take(claimsDigest([A, B, C]), changes(C)), [C]);
  assert.deepEqual([mirror.isStale, uids(mirror)], [true, [1n]]);
  mirror.take(claimsDigest([A, B, C]), undefined);
  assert.equal(mirror.isStale, true, 'until it is told');
  mirror.take(claimsDigest([A, B, C]), changes(B, C));
  assert.deepEqual([mirror.isStale, uids(mirror)], [false, [1n, 2n, 3n]]);
});

test('a claim that has ended leaves the copy, and is told to nobody', () => {
  const mirror = new ClaimsMirror();
  mirror.take(claimsDigest([A, B]), changes(A, B));
  assert.deepEqual(mirror.take(claimsDigest([B, C]), changes(C, goneClaim(A))), [C]);
  assert.deepEqual([mirror.isStale, uids(mirror)], [false, [2n, 3n]]);
  assert.deepEqual(mirror.take(claimsDigest([B, C]), changes(goneClaim(A))), [], 'told again');
  assert.equal(mirror.isStale, false);
});

test('an end that was told beside something that was missed does not change the copy', () => {
  const mirror = new ClaimsMirror();
  const later = claimOf(1, 2);
  mirror.take(claimsDigest([A, B]), changes(A, B));
  // In one frame nobody changes a claim twice, but who does must not leave a wrong copy behind either.
  mirror.take(claimsDigest([C]), changes(later, goneClaim(A), goneClaim(B), later));
  assert.equal(mirror.isStale, true);
  assert.deepEqual(new Map(mirror.claims), new Map([A, B].map((claim) => [claim.uid, claim])));
  mirror.take(claimsDigest([A, B]), undefined);
  assert.equal(mirror.isStale, false);
});

test('pages in any order and doubled make the whole', () => {
  const mirror = new ClaimsMirror();
  const digest = claimsDigest([A, B, C]);
  const page = (index: number, claim: PeerClaim) => ({ page: index, pages: 3, claims: [claim] });
  for (const [index, claim] of [
    [2, C],
    [0, A],
    [2, C],
  ] as const) {
    assert.deepEqual(mirror.take(digest, page(index, claim)), [claim]);
    assert.equal(mirror.isStale, true);
  }
  mirror.take(digest, page(1, B));
  assert.equal(mirror.isStale, false);
  assert.deepEqual(uids(mirror).toSorted(), [1n, 2n, 3n]);
});

test('pages of two digests do not mix', () => {
  const mirror = new ClaimsMirror();
  const [old, present] = [claimsDigest([A, B]), claimsDigest([A, C])];
  mirror.take(old, { page: 0, pages: 2, claims: [A] });
  mirror.take(present, { page: 1, pages: 2, claims: [C] });
  assert.equal(mirror.isStale, true);
  mirror.take(present, { page: 0, pages: 2, claims: [A] });
  assert.deepEqual([mirror.isStale, uids(mirror).toSorted()], [false, [1n, 3n]]);
});

test('pages that do not make what the digest says are thrown away, all of them', () => {
  const mirror = new ClaimsMirror();
  const digest = claimsDigest([A, B]);
  mirror.take(digest, { page: 0, pages: 2, claims: [A] });
  mirror.take(digest, { page: 1, pages: 2, claims: [C] });
  assert.deepEqual([mirror.isStale, uids(mirror)], [true, []]);
  mirror.take(digest, { page: 1, pages: 2, claims: [B] });
  assert.equal(mirror.isStale, true, 'the first page is needed again');
  mirror.take(digest, { page: 0, pages: 2, claims: [A] });
  assert.equal(mirror.isStale, false);
});

test('no claims any more empties the copy at once', () => {
  const mirror = new ClaimsMirror();
  mirror.take(claimsDigest([A, B]), changes(A, B));
  mirror.take(0n, undefined);
  assert.deepEqual([mirror.isStale, uids(mirror)], [false, []]);
});

test('a telling of more pages than any node has is not collected', () => {
  const mirror = new ClaimsMirror();
  const digest = claimsDigest([A, B]);
  assert.deepEqual(mirror.take(digest, { page: 0, pages: 1025, claims: [A] }), [A]);
  mirror.take(digest, { page: 1, pages: 2, claims: [B] });
  assert.equal(mirror.isStale, true, 'the page of before is not there');
  mirror.take(digest, { page: 0, pages: 2, claims: [A] });
  assert.equal(mirror.isStale, false);
});
