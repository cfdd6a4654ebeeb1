// Claims for what is deleted: who says REVOKED, and who believes it. ELECTION.md section 10.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ElectionBed, holding, wantedOf } from '../../test/fake/election-bed.ts';

/** A node that hears node 2 claim address 5, of which it has seen nothing. */
function hearing(): ElectionBed {
  const bed = new ElectionBed();
  bed.peer({}, 2n, 3n);
  bed.claim(2n, 4);
  bed.done();
  return bed;
}

const deleted = (bed: ElectionBed, ...numbers: readonly number[]): void =>
  bed.give({ kind: 'deleted', uids: numbers.map(BigInt) });

test('a claim for what was seen deleted is revoked, until it has ended', () => {
  const bed = hearing();
  deleted(bed, 5);
  assert.deepEqual(bed.done(), ['revoke vip5']);
  bed.claim(2n, 5);
  assert.deepEqual(bed.done(), []);
  bed.claim(3n, 1);
  bed.unclaim(2n);
  assert.deepEqual(bed.done(), [], 'node 3 claims it still');
  bed.unclaim(3n);
  assert.deepEqual(bed.done(), ['revoke']);
});

test('also one that is heard only after the deletion', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n);
  deleted(bed, 4, 5);
  bed.claim(2n, 4);
  assert.deepEqual(bed.done(), ['revoke vip5']);
});

test('one for what was never seen is not: it may be too new to be known', () => {
  const bed = hearing();
  deleted(bed, 4, 6);
  bed.pass(600_000);
  assert.deepEqual(bed.done(), []);
});

test('nor one for what is wanted, though another one with the same 64 bits is deleted', () => {
  const bed = hearing();
  bed.want(wantedOf(5, { record: { holder: 2n, epoch: 4 } }));
  deleted(bed, 5);
  assert.deepEqual(bed.done(), []);
});

test('what was wanted is revoked from when it is not wanted any more', () => {
  const bed = hearing();
  bed.want(wantedOf(5, { record: { holder: 2n, epoch: 4 } }));
  deleted(bed, 5);
  bed.give({ kind: 'want', isWhole: false, addresses: [], dropped: ['vip5'] });
  assert.deepEqual(bed.done(), ['revoke vip5']);
  bed.want(wantedOf(5, { record: { holder: 2n, epoch: 4 } }));
  assert.deepEqual(bed.done(), ['revoke'], 'the cluster was restored from a backup');
});

test('who is dead is told nothing, and who comes back is told again', () => {
  const bed = hearing();
  deleted(bed, 5);
  bed.peer({ state: 'Dead' }, 2n);
  assert.deepEqual(bed.done(), ['revoke vip5', 'revoke']);
  bed.pass(1000);
  bed.peer({ hasAllClaims: false }, 2n);
  assert.deepEqual(bed.done(), [], 'it may claim nothing any more');
  bed.claim(2n, 5);
  assert.deepEqual(bed.done(), ['revoke vip5']);
});

test('a few at a time, and the others when the claims for those have ended', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n);
  const numbers = Array.from({ length: 12 }, (_, i) => i + 1);
  for (const number of numbers) bed.claim(2n, 4, { number });
  deleted(bed, ...numbers);
  const first = numbers.slice(0, 10).map((number) => `vip${number}`);
  assert.deepEqual(bed.done(), [`revoke ${first.join(' ')}`]);
  bed.unclaim(2n, 1);
  assert.deepEqual(bed.done(), [`revoke ${[...first.slice(1), 'vip11'].join(' ')}`]);
});

const judged = (bed: ElectionBed, isListed: boolean): void =>
  bed.give({ kind: 'judged', uid: 'vip5', isListed });

test('a holder that is told asks the API, and is silent if that does not list it', () => {
  const bed = holding(2n, 3n);
  bed.revoked(2n, 5, 7);
  assert.deepEqual([bed.done(), bed.held().length], [['ask for vip5'], 1]);
  bed.revoked(3n, 5);
  assert.deepEqual(bed.done(), [], 'asked once');
  judged(bed, false);
  assert.deepEqual(bed.done(), ['withdraw vip5: Revoked']);
  bed.leases(1n);
  bed.pass(60_000);
  assert.deepEqual([bed.done(), bed.held()], [[], []]);
});

test('it is silent after a second without an answer too', () => {
  const bed = holding(2n);
  bed.revoked(2n, 5);
  bed.pass(999);
  assert.deepEqual(bed.done(), ['ask for vip5']);
  bed.pass(1);
  assert.deepEqual(bed.done(), ['withdraw vip5: Revoked']);
});

test('what the API lists is kept, and the peer is not believed again for ten seconds', () => {
  const bed = holding(2n);
  bed.revoked(2n, 5);
  judged(bed, true);
  bed.pass(9999);
  bed.revoked(2n, 5);
  assert.deepEqual([bed.done(), bed.held()], [['ask for vip5'], ['vip5@1 recorded']]);
  bed.pass(1);
  bed.revoked(2n, 5);
  assert.deepEqual(bed.done(), ['ask for vip5']);
});

test('an answer that comes late gives the address back', () => {
  const bed = holding(2n);
  bed.revoked(2n, 5);
  bed.pass(1000);
  judged(bed, true);
  assert.deepEqual(bed.done(), [
    'ask for vip5',
    'withdraw vip5: Revoked',
    'announce vip5@2',
    'record vip5@2 over 1',
  ]);
});

test('who does not hold it is told too, and does not follow the holder that falls silent', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n, 3n);
  bed.claim(2n, 4);
  bed.want(wantedOf(5, { record: { holder: 2n, epoch: 4 } }));
  bed.revoked(3n, 5);
  bed.unclaim(2n);
  bed.pass(900);
  judged(bed, false);
  bed.pass(60_000);
  assert.deepEqual([bed.done(), bed.held()], [['ask for vip5'], []]);
});

test('listed again, it is another entry, with the epochs of the first', () => {
  const bed = holding(2n);
  bed.revoked(2n, 5);
  judged(bed, false);
  bed.give({ kind: 'want', isWhole: false, addresses: [], dropped: ['vip5'] });
  bed.done();
  bed.want(wantedOf(5, { record: { holder: 1n, epoch: 1 } }));
  assert.deepEqual(bed.done(), ['announce vip5@2', 'record vip5@2 over 1']);
});
