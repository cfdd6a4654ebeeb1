// A held address against what others claim and the API records: who stays, who lets go, who raises its epoch.
// ELECTION.md section 5.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ElectionBed, holding, wantedOf } from '../../test/fake/election-bed.ts';
import type { PeerView } from './segment.ts';

const WITHDRAWN = ['withdraw vip5: TakenOver'];

/** What becomes of an address that is held at epoch 1, recorded, when a peer claims it as well. */
function against(
  epoch: number,
  changes: Parameters<ElectionBed['claim']>[2] = {},
  peer: Partial<PeerView> = {},
) {
  const bed = holding(2n);
  bed.peer(peer, 2n);
  bed.claim(2n, epoch, changes);
  return bed.done();
}

test('a recorded claim of a higher epoch wins', () => {
  assert.deepEqual(against(2), WITHDRAWN);
});

test('what wins says so with an epoch above the other, once', () => {
  const raised = ['announce vip5@8', 'record vip5@8 over 1'];
  assert.deepEqual(against(7, { isRecorded: false }), raised);
  assert.deepEqual(against(7, { isAlone: true }), raised);
  const bed = holding(2n);
  bed.claim(2n, 7, { isRecorded: false });
  bed.done();
  bed.claim(2n, 7, { isRecorded: false });
  bed.peer({ isLeaving: true }, 2n);
  bed.pass(10_000);
  assert.deepEqual(bed.done(), [], 'the same claim again');
});

test('a rival that raises as well is not raised above again, until it ends above this one', () => {
  const bed = holding(2n);
  bed.claim(2n, 7, { isRecorded: false });
  bed.done();
  bed.claim(2n, 9, { isRecorded: false });
  assert.deepEqual(bed.done(), []);
  bed.unclaim(2n);
  assert.deepEqual(bed.done(), ['announce vip5@10', 'record vip5@10 over 1']);
  bed.claim(2n, 10, { isRecorded: false });
  assert.deepEqual(bed.done(), ['announce vip5@11', 'record vip5@11 over 1'], 'a claim that is another one');
  bed.unclaim(2n);
  assert.deepEqual(bed.done(), []);
});

test('the claim of a node that leaves, hangs or hears nobody loses, and is not raised above', () => {
  assert.deepEqual(against(7, { state: 'Leaving' }), []);
  for (const changes of [{ isHung: true }, { isUnable: true }, { isDeaf: true }, { isLeaving: true }])
    assert.deepEqual(against(7, {}, changes), [], JSON.stringify(changes));
});

test('the claim of a dead one and of one that only others hear counts for nothing', () => {
  for (const changes of [{ state: 'Dead' }, { state: 'PathLost' }] as const) {
    const bed = holding(2n, 3n);
    bed.peer(changes, 2n);
    bed.claim(2n, 7);
    assert.deepEqual(bed.done(), [], JSON.stringify(changes));
    bed.peer({}, 2n);
    assert.deepEqual(bed.done(), WITHDRAWN, 'as soon as it does');
  }
});

test('who hangs lets go as soon as another one claims, and not before', () => {
  const bed = holding(2n);
  bed.give({ kind: 'self', isAble: false, isHung: true, isUnable: false });
  bed.pass(60_000);
  assert.deepEqual(bed.done(), []);
  bed.claim(2n, 2, { isRecorded: false });
  assert.deepEqual(bed.done(), WITHDRAWN);
});

test('of two that hang one stays: to have recorded it is better', () => {
  const bed = holding(2n);
  bed.give({ kind: 'self', isAble: false, isHung: true, isUnable: false });
  bed.peer({ isHung: true }, 2n);
  bed.claim(2n, 2, { isRecorded: false });
  assert.deepEqual(bed.held(), ['vip5@1 recorded']);
});

test('a record of another node that is not heard, at an epoch that is not lower, ends the holding', () => {
  for (const epoch of [1, 2]) {
    const bed = holding(3n);
    bed.want(wantedOf(5, { record: { holder: 2n, epoch } }));
    assert.deepEqual(bed.done(), WITHDRAWN, `${epoch}`);
  }
});

test('a record of a node that is heard and claims nothing is left over: after a second it is written over', () => {
  const bed = holding(2n);
  bed.want(wantedOf(5, { record: { holder: 2n, epoch: 4 } }));
  bed.pass(999);
  assert.deepEqual(bed.done(), []);
  bed.pass(1);
  assert.deepEqual(bed.done(), ['announce vip5@5', 'record vip5@5 over 4']);
});

test('a record of a node that is heard and does not hear this one ends the holding', () => {
  const bed = holding(2n, 3n);
  bed.peer({ hearsMe: false }, 2n);
  bed.want(wantedOf(5, { record: { holder: 2n, epoch: 4 } }));
  assert.deepEqual(bed.done(), WITHDRAWN);
});

test('who hears nobody any more goes on alone, and is so until all claims of a peer were compared', () => {
  const bed = holding(2n);
  bed.peer({ state: 'Dead' }, 2n);
  assert.deepEqual([bed.done(), bed.held()], [[], ['vip5@1 recorded alone']]);
  bed.peer({ hasAllClaims: false }, 2n);
  assert.deepEqual(bed.held(), ['vip5@1 recorded alone']);
  bed.peer({}, 2n);
  assert.deepEqual([bed.done(), bed.held()], [[], ['vip5@1 recorded']]);
});

test('who was alone loses to a claim that was not, whatever is recorded', () => {
  const bed = holding(2n);
  bed.peer({ state: 'Dead' }, 2n);
  bed.claim(2n, 1, { isRecorded: false });
  assert.deepEqual(bed.held(), ['vip5@1 recorded alone']);
  bed.peer({}, 2n);
  assert.deepEqual(bed.done(), WITHDRAWN);
});

test('who is heard by nobody is alone, although it hears others', () => {
  const bed = holding(2n, 3n);
  bed.peer({ hearsMe: false }, 2n, 3n);
  assert.deepEqual(bed.held(), ['vip5@1 recorded alone']);
  bed.peer({}, 3n);
  assert.deepEqual(bed.held(), ['vip5@1 recorded']);
});

test('a link that goes ends the holding of what was not recorded', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n);
  bed.want(wantedOf());
  bed.give({ kind: 'segment', segment: 2, isOpen: false });
  assert.deepEqual(bed.done().at(-1), WITHDRAWN[0]);
});

test('a link that goes leaves the address held, alone, and the record of another node ends that', () => {
  const bed = holding(2n);
  bed.give({ kind: 'segment', segment: 2, isOpen: false });
  assert.deepEqual([bed.done(), bed.held()], [[], ['vip5@1 recorded alone']]);
  bed.want(wantedOf(5, { record: { holder: 2n, epoch: 2 } }));
  assert.deepEqual(bed.done(), WITHDRAWN);
});
