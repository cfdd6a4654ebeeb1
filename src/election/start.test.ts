// What a node does when it has just started, or was stopped for a while. ELECTION.md sections 2 and 7.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ElectionBed, holding, ME, SEGMENT, wantedOf } from '../../test/fake/election-bed.ts';

test('five intervals are listened before anything is answered', () => {
  const bed = new ElectionBed({ isNew: true });
  bed.leases(ME);
  bed.want(wantedOf());
  bed.pass(499);
  assert.deepEqual(bed.done(), []);
  bed.pass(1);
  assert.deepEqual(bed.done(), ['announce vip5@1', 'record vip5@1 over 0']);
});

test('who holds it by the record, and hears nobody claim it, resumes at the next epoch', () => {
  const bed = new ElectionBed({ isNew: true });
  bed.peer({}, 2n);
  bed.want(wantedOf(5, { record: { holder: ME, epoch: 4 } }));
  bed.pass(500);
  assert.deepEqual(
    [bed.done(), bed.held()],
    [['announce vip5@5', 'record vip5@5 over 4'], ['vip5@5 recorded']],
  );
});

test('who holds it by the record leaves it to a claim that it hears while it listens', () => {
  const bed = new ElectionBed({ isNew: true });
  bed.peer({}, 2n);
  bed.claim(2n, 5, { isRecorded: false });
  bed.want(wantedOf(5, { record: { holder: ME, epoch: 4 } }));
  bed.pass(60_000);
  assert.deepEqual(bed.done(), []);
});

test('a holder that was never heard is waited for as long as its Lease lives', () => {
  const bed = new ElectionBed();
  bed.peer({}, 3n);
  bed.leases(ME, 2n, 3n);
  bed.want(wantedOf(5, { record: { holder: 2n, epoch: 4 } }));
  bed.pass(60_000);
  assert.deepEqual(bed.done(), []);
  bed.leases(ME, 3n);
  assert.deepEqual(bed.done(), ['announce vip5@5', 'record vip5@5 over 4']);
});

test('and for ten seconds from the start where nothing is known of Leases', () => {
  const bed = new ElectionBed({ isNew: true });
  bed.peer({}, 3n);
  bed.want(wantedOf(5, { record: { holder: 2n, epoch: 4 } }));
  bed.pass(9999);
  assert.deepEqual(bed.done(), []);
  bed.pass(1);
  assert.deepEqual(bed.done(), ['announce vip5@5', 'record vip5@5 over 4']);
});

test('after a gap of its own it listens anew before it takes anything', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n, 3n);
  bed.claim(2n, 4);
  bed.want(wantedOf(5, { candidates: [ME], record: { holder: 2n, epoch: 4 } }));
  bed.pass(60_000);
  bed.give({ kind: 'gap' });
  bed.peer({ state: 'Dead' }, 2n);
  bed.pass(499);
  assert.deepEqual(bed.done(), []);
  bed.pass(1);
  assert.deepEqual(bed.done(), ['announce vip5@5', 'record vip5@5 over 4']);
});

test('a gap ends nothing that is held', () => {
  const bed = holding(2n);
  bed.give({ kind: 'gap' });
  bed.pass(10_000);
  assert.deepEqual([bed.done(), bed.held()], [[], ['vip5@1 recorded']]);
});

test('a segment that was closed and opened again is a new one: nothing is known of its peers', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n, 3n);
  bed.claim(2n, 4);
  bed.want(wantedOf(5, { candidates: [ME], record: { holder: 2n, epoch: 4 } }));
  bed.leases(ME, 2n);
  for (const isOpen of [false, true]) bed.give({ kind: 'segment', segment: SEGMENT, isOpen });
  bed.pass(60_000);
  assert.deepEqual(bed.done(), [], 'its Lease lives');
  bed.leases(ME);
  assert.deepEqual(bed.done(), ['probe vip5'], 'nobody is heard');
});
