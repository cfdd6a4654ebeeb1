// The election of one node: what is wanted and released, what the API records and refuses, and epochs that never go back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ElectionBed, holding, ME, NOBODY, wantedOf } from '../../test/fake/election-bed.ts';

const withdrawn = (number: number): string => `withdraw vip${number}: Released`;

test('what is not wanted any more is withdrawn, and nothing is due for it', () => {
  const bed = holding(2n);
  bed.give({ kind: 'want', isWhole: false, addresses: [], dropped: ['vip5', 'vip77'] });
  assert.deepEqual([bed.done(), bed.held(), bed.election.deadline()], [[withdrawn(5)], [], undefined]);
});

test('a whole list drops all that it does not name', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n);
  bed.want(wantedOf(5), wantedOf(6), wantedOf(7));
  bed.done();
  bed.give({ kind: 'want', isWhole: true, addresses: [wantedOf(6)], dropped: [] });
  assert.deepEqual([bed.done(), bed.held()], [[withdrawn(5), withdrawn(7)], ['vip6@1']]);
});

test('an address that comes back goes on above the epoch that it had, also when its record is still the old one', () => {
  const bed = holding(2n);
  bed.claim(2n, 6, { isRecorded: false });
  bed.give({ kind: 'want', isWhole: false, addresses: [], dropped: ['vip5'] });
  bed.unclaim(2n);
  bed.done();
  bed.want(wantedOf());
  assert.deepEqual(bed.done(), ['announce vip5@8', 'record vip5@8 over 0']);
});

test('a record that is older than what is known changes nothing', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n);
  bed.leases(ME, 2n, 3n);
  bed.want(wantedOf(5, { record: { holder: 3n, epoch: 4 } }));
  bed.want(wantedOf(5, { record: { holder: ME, epoch: 3 } }), wantedOf(5, { record: NOBODY }));
  bed.pass(10_000);
  assert.deepEqual(bed.done(), []);
});

test('a claim that was recorded is told to the peers, and one that was withdrawn meanwhile is not', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n);
  bed.want(wantedOf());
  bed.election.held.takeChanged();
  bed.give({ kind: 'recorded', uid: 'vip5', epoch: 1 });
  assert.deepEqual(bed.election.held.takeChanged(), [{ uid: 'vip5', shortUid: 5n }]);
  assert.equal(bed.election.held.claim('vip5')?.isRecorded, true);
  assert.deepEqual(bed.election.held.takeChanged(), []);
  bed.give({ kind: 'want', isWhole: true, addresses: [], dropped: [] });
  assert.deepEqual(bed.election.held.takeChanged(), [{ uid: 'vip5', shortUid: 5n }]);
  assert.deepEqual([bed.election.held.claim('vip5'), bed.election.held.get('vip5')], [undefined, undefined]);
});

test('the peers are told of a claim as it is', () => {
  const bed = holding(2n);
  const claim = { uid: 5n, createdAt: 0, epoch: 1, isRecorded: true, isAlone: false };
  assert.deepEqual(bed.election.held.claim('vip5'), { ...claim, state: 'Held' });
  bed.give({ kind: 'leave' });
  assert.deepEqual(bed.election.held.claim('vip5'), { ...claim, state: 'Leaving' });
});

test('a refused claim among nodes that hear each other is written on top of what had been recorded of this node', () => {
  const bed = holding(2n);
  bed.claim(2n, 3, { isRecorded: false });
  assert.deepEqual(bed.done(), ['announce vip5@4', 'record vip5@4 over 1']);
  bed.give({ kind: 'refused', uid: 'vip5', epoch: 4 });
  assert.deepEqual(bed.done(), [], 'what is recorded instead is on its way');
  bed.want(wantedOf(5, { record: { holder: ME, epoch: 2 } }));
  assert.deepEqual(bed.done(), ['record vip5@4 over 2']);
});

test('a refusal without a record that won is none: the write is tried again', () => {
  const bed = holding(2n);
  bed.claim(2n, 3, { isRecorded: false });
  bed.done();
  bed.give({ kind: 'refused', uid: 'vip5', epoch: 4 });
  bed.pass(999);
  assert.deepEqual([bed.done(), bed.held()], [[], ['vip5@4 recorded']]);
  bed.pass(1);
  assert.deepEqual(bed.done(), ['record vip5@4 over 1']);
  bed.pass(10_000);
  assert.deepEqual(bed.done(), [], 'once, unless it is refused again');
});

test('a refused claim ends with the record of a node that is not heard', () => {
  const bed = holding(2n);
  bed.claim(2n, 3, { isRecorded: false });
  bed.done();
  bed.give({ kind: 'refused', uid: 'vip5', epoch: 4 });
  bed.want(wantedOf(5, { record: { holder: 3n, epoch: 3 } }));
  assert.deepEqual(bed.done(), ['withdraw vip5: LostElection']);
});

test('a refusal of an older claim, or of one that is recorded by now, changes nothing', () => {
  const bed = holding(2n);
  bed.give({ kind: 'refused', uid: 'vip5', epoch: 1 });
  bed.give({ kind: 'refused', uid: 'vip5', epoch: 7 });
  bed.give({ kind: 'refused', uid: 'vip9', epoch: 1 });
  bed.pass(10_000);
  assert.deepEqual([bed.done(), bed.held()], [[], ['vip5@1 recorded']]);
});

test('a restored cluster: a refused claim makes an older record believed', () => {
  const bed = new ElectionBed();
  bed.leases(ME);
  bed.want(wantedOf(5, { candidates: [2n, ME], record: { holder: 2n, epoch: 9 } }));
  bed.probed('Silent');
  bed.give({ kind: 'refused', uid: 'vip5', epoch: 10 });
  bed.done();
  bed.want(wantedOf(5, { candidates: [2n, ME], record: { holder: ME, epoch: 2 } }));
  assert.deepEqual(bed.done(), ['announce vip5@11', 'record vip5@11 over 2']);
});

test('with nothing held, waited for or asked nothing is ever due', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n);
  bed.claim(2n, 1);
  bed.want(wantedOf());
  assert.deepEqual([bed.done(), bed.election.deadline()], [[], undefined]);
});

test('whether it is alone on a segment', () => {
  const bed = new ElectionBed();
  assert.deepEqual([bed.election.isAlone(2), bed.election.isAlone(77)], [true, true]);
  bed.peer({}, 2n);
  assert.equal(bed.election.isAlone(2), false);
  bed.peer({ state: 'PathLost' }, 2n);
  assert.equal(bed.election.isAlone(2), true);
});
