// A peer's claims as they are put together from changes and pages.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimOf } from '../../test/fake/fake-segment.ts';
import type { ClaimsPage, PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { claimsDigest, goneClaim } from '../protocol/heartbeat/peer-claim.ts';
import { ClaimsMirror } from './claims-mirror.ts';

const [A, B, C] = [claimOf(1), claimOf(2), claimOf(3)];
const changes = (...claims: readonly PeerClaim[]) => ({ page: 0, pages: 0, claims });

/** A mirror with what it has given out. */
class Watched {
  readonly mirror = new ClaimsMirror();
  readonly given = new Map<bigint, PeerClaim>();

  /** As text: `+1 +2 -3`. */
  take(digest: bigint, told: ClaimsPage | undefined): string {
    return this.#note(this.mirror.take(digest, told));
  }

  clear(): string {
    return this.#note(this.mirror.clear());
  }

  #note({ changed, gone }: ReturnType<ClaimsMirror['take']>): string {
    for (const claim of changed) this.given.set(claim.uid, claim);
    for (const uid of gone) assert.ok(this.given.delete(uid), `${uid} was never given`);
    return [...changed.map(({ uid }) => `+${uid}`), ...gone.map((uid) => `-${uid}`)].join(' ');
  }

  get isStale(): boolean {
    return this.mirror.isStale;
  }

  /** Uids of what was given out, in order. */
  get uids(): readonly bigint[] {
    return [...this.given.keys()].toSorted((a, b) => Number(a - b));
  }
}

test('nothing claimed is nothing to ask for', () => {
  const mirror = new Watched();
  assert.deepEqual([mirror.take(0n, undefined), mirror.isStale], ['', false]);
});

test('changes are given out as they come, and the copy is right if the digest says so', () => {
  const mirror = new Watched();
  assert.equal(mirror.take(claimsDigest([A]), changes(A)), '+1');
  assert.equal(mirror.take(claimsDigest([A, B]), changes(B)), '+2');
  assert.equal(mirror.isStale, false);
  assert.equal(mirror.take(claimsDigest([A, B]), changes(B)), '', 'told again');
  assert.equal(mirror.isStale, false);
});

test('a claim that says more than before is given out again, under the same uid', () => {
  const mirror = new Watched();
  const raised = claimOf(1, 7);
  mirror.take(claimsDigest([A]), changes(A));
  assert.equal(mirror.take(claimsDigest([raised]), changes(raised)), '+1');
  assert.deepEqual(mirror.given.get(1n), raised);
});

test('a change that was missed leaves the copy stale, but what was told is given out', () => {
  const mirror = new Watched();
  mirror.take(claimsDigest([A]), changes(A));
  assert.equal(mirror.take(claimsDigest([A, B, C]), changes(C)), '+3');
  assert.equal(mirror.isStale, true);
  mirror.take(claimsDigest([A, B, C]), undefined);
  assert.equal(mirror.isStale, true, 'until it is told');
  assert.equal(mirror.take(claimsDigest([A, B, C]), changes(B, C)), '+2');
  assert.deepEqual([mirror.isStale, mirror.uids], [false, [1n, 2n, 3n]]);
});

test('a claim that has ended is gone, once', () => {
  const mirror = new Watched();
  mirror.take(claimsDigest([A, B]), changes(A, B));
  assert.equal(mirror.take(claimsDigest([B, C]), changes(C, goneClaim(A))), '+3 -1');
  assert.equal(mirror.isStale, false);
  assert.equal(mirror.take(claimsDigest([B, C]), changes(goneClaim(A))), '', 'told again');
  assert.equal(mirror.isStale, false);
});

test('what was told while something was missed, and has ended unheard, is gone when the digest says so', () => {
  const mirror = new Watched();
  mirror.take(claimsDigest([A]), changes(A));
  // B was missed and C told; then both have ended, and no frame that says so was heard.
  assert.equal(mirror.take(claimsDigest([A, B, C]), changes(C)), '+3');
  assert.equal(mirror.take(claimsDigest([A]), undefined), '-3');
  assert.deepEqual([mirror.isStale, mirror.uids], [false, [1n]]);
  // The same, with a change that makes the copy right.
  mirror.take(claimsDigest([A, B, C]), changes(C));
  assert.equal(mirror.take(claimsDigest([A, B]), changes(B)), '+2 -3');
  assert.deepEqual([mirror.isStale, mirror.uids], [false, [1n, 2n]]);
});

test('an end that was told beside something that was missed does not change the copy', () => {
  const mirror = new Watched();
  const later = claimOf(1, 2);
  mirror.take(claimsDigest([A, B]), changes(A, B));
  // In one frame nobody changes a claim twice, but who does must not leave a wrong copy behind either.
  mirror.take(claimsDigest([C]), changes(later, goneClaim(A), goneClaim(B), later));
  assert.equal(mirror.isStale, true);
  mirror.take(claimsDigest([A, B]), undefined);
  assert.equal(mirror.isStale, false);
});

test('pages in any order and doubled make the whole', () => {
  const mirror = new Watched();
  const digest = claimsDigest([A, B, C]);
  const page = (index: number, claim: PeerClaim) => ({ page: index, pages: 3, claims: [claim] });
  const given = [
    mirror.take(digest, page(2, C)),
    mirror.take(digest, page(0, A)),
    mirror.take(digest, page(2, C)),
  ];
  assert.deepEqual([given, mirror.isStale], [['+3', '+1', ''], true]);
  mirror.take(digest, page(1, B));
  assert.deepEqual([mirror.isStale, mirror.uids], [false, [1n, 2n, 3n]]);
});

test('pages of two digests do not mix, and what the second does not tell is gone', () => {
  const mirror = new Watched();
  const [old, present] = [claimsDigest([A, B]), claimsDigest([A, C])];
  mirror.take(old, { page: 1, pages: 2, claims: [B] });
  mirror.take(present, { page: 1, pages: 2, claims: [C] });
  assert.equal(mirror.isStale, true);
  assert.equal(mirror.take(present, { page: 0, pages: 2, claims: [A] }), '+1 -2');
  assert.deepEqual([mirror.isStale, mirror.uids], [false, [1n, 3n]]);
});

test('pages that do not make what the digest says are thrown away, all of them', () => {
  const mirror = new Watched();
  const digest = claimsDigest([A, B]);
  mirror.take(digest, { page: 0, pages: 2, claims: [A] });
  mirror.take(digest, { page: 1, pages: 2, claims: [C] });
  assert.equal(mirror.isStale, true);
  mirror.take(digest, { page: 1, pages: 2, claims: [B] });
  assert.equal(mirror.isStale, true, 'the first page is needed again');
  mirror.take(digest, { page: 0, pages: 2, claims: [A] });
  assert.deepEqual([mirror.isStale, mirror.uids], [false, [1n, 2n]]);
});

test('no claims any more empties the copy at once, and so does a new life', () => {
  for (const end of [(mirror: Watched) => mirror.take(0n, undefined), (mirror: Watched) => mirror.clear()]) {
    const mirror = new Watched();
    mirror.take(claimsDigest([A, B]), changes(A, B));
    assert.equal(end(mirror), '-1 -2');
    assert.equal(mirror.isStale, false);
  }
});

test('a telling of more pages than any node has is not collected', () => {
  const mirror = new Watched();
  const digest = claimsDigest([A, B]);
  assert.equal(mirror.take(digest, { page: 0, pages: 1025, claims: [A] }), '');
  mirror.take(digest, { page: 1, pages: 2, claims: [B] });
  assert.equal(mirror.isStale, true, 'the page of before is not there');
  mirror.take(digest, { page: 0, pages: 2, claims: [A] });
  assert.equal(mirror.isStale, false);
});
