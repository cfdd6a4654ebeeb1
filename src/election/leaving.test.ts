// Make before break: a node that leaves, or shall hold an address no longer, offers it and answers until somebody else
// has claimed it. ELECTION.md section 8.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ElectionBed, holding, ME, wantedOf, watching } from '../../test/fake/election-bed.ts';

test('who leaves offers to the first candidate that can take it, and is silent when that has claimed', () => {
  const bed = holding(2n, 3n);
  bed.give({ kind: 'leave' });
  assert.deepEqual([bed.done(), bed.held()], [['offer vip5@1 to 2'], ['vip5@1 recorded leaving']]);
  bed.pass(100);
  bed.claim(2n, 2, { isRecorded: false });
  assert.deepEqual([bed.done(), bed.held()], [['withdraw vip5: TakenOver', 'left'], []]);
});

test('without a claim in 300 ms the next one is offered to, and after the last the first again', () => {
  const bed = holding(2n, 3n);
  bed.give({ kind: 'leave' });
  bed.pass(299);
  assert.deepEqual(bed.done(), ['offer vip5@1 to 2']);
  bed.pass(601);
  assert.deepEqual(bed.done(), ['offer vip5@1 to 3', 'offer vip5@1 to 2', 'offer vip5@1 to 3']);
  assert.deepEqual(bed.held(), ['vip5@1 recorded leaving'], 'it answers all the while');
});

test('nothing is offered to who is dead, hangs, leaves, takes nothing or does not hear this node', () => {
  const unfit = [
    { state: 'Dead' },
    { state: 'PathLost' },
    { isHung: true },
    { isLeaving: true },
    { isUnable: true },
    { isDeaf: true },
    { hearsMe: false },
  ] as const;
  for (const changes of unfit) {
    const bed = holding(2n, 3n);
    bed.peer(changes, 2n);
    bed.give({ kind: 'leave' });
    assert.deepEqual(bed.done(), ['offer vip5@1 to 3'], JSON.stringify(changes));
  }
});

test('without a successor it answers on, and offers as soon as there is one', () => {
  const bed = holding(9n);
  bed.give({ kind: 'leave' });
  bed.pass(60_000);
  assert.deepEqual([bed.done(), bed.held()], [[], ['vip5@1 recorded']]);
  bed.peer({}, 3n);
  assert.deepEqual(bed.done(), ['offer vip5@1 to 3']);
});

test('who holds nothing has left at once, once, and takes nothing any more', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n);
  bed.give({ kind: 'leave' });
  bed.give({ kind: 'leave' });
  bed.want(wantedOf());
  bed.pass(60_000);
  assert.deepEqual(bed.done(), ['left']);
});

test('who is offered an address claims it at once, whatever its rank and the record say', () => {
  const bed = watching(2n, 3, 3n, 4n);
  bed.offer(2n, 4);
  assert.deepEqual(bed.done(), ['announce vip5@5', 'record vip5@5 over 4']);
});

test('an offer is good for the instant in which it is heard, and not for one that can not take it', () => {
  const bed = watching(2n, 1, 3n);
  bed.give({ kind: 'self', isAble: false, isHung: false, isUnable: false });
  bed.offer(2n, 4);
  bed.pass(1000);
  bed.give({ kind: 'self', isAble: true, isHung: false, isUnable: false });
  bed.pass(60_000);
  assert.deepEqual(bed.done(), []);
});

test('an offer of an older epoch, of an address that is not known, or that a third one has taken is void', () => {
  const bed = watching(2n, 1, 3n);
  bed.offer(2n, 3);
  bed.offer(2n, 4, 6);
  bed.claim(3n, 5);
  bed.offer(2n, 5);
  assert.deepEqual(bed.done(), []);
});

test('who is no candidate any more offers what it holds, and keeps it when it is one again', () => {
  const bed = holding(2n, 3n);
  const record = { holder: ME, epoch: 1 };
  bed.want(wantedOf(5, { candidates: [3n, 2n], record }));
  assert.deepEqual(bed.done(), ['offer vip5@1 to 3']);
  bed.want(wantedOf(5, { record }));
  bed.pass(60_000);
  assert.deepEqual([bed.done(), bed.held()], [[], ['vip5@1 recorded']]);
});

test('an address that nobody is a candidate for stays', () => {
  const bed = holding(2n, 3n);
  bed.want(wantedOf(5, { candidates: [], record: { holder: ME, epoch: 1 } }));
  bed.pass(60_000);
  assert.deepEqual(bed.done(), []);
});

test('an address that somebody wants elsewhere is offered there alone', () => {
  const bed = holding(2n, 3n);
  const record = { holder: ME, epoch: 1 };
  bed.want(wantedOf(5, { moveTo: 3n, record }));
  bed.pass(600);
  assert.deepEqual(bed.done(), ['offer vip5@1 to 3', 'offer vip5@1 to 3', 'offer vip5@1 to 3']);
  bed.claim(3n, 2);
  assert.deepEqual(bed.done(), ['withdraw vip5: TakenOver']);
  const other = holding(2n, 3n);
  other.want(wantedOf(5, { moveTo: ME, record }));
  other.want(wantedOf(5, { moveTo: 8n, record }));
  other.pass(60_000);
  assert.deepEqual(other.done(), [], 'here already, or no candidate');
});

test('who hangs offers nothing: its heartbeats say it, and whoever is first takes over', () => {
  const bed = holding(2n, 3n);
  bed.give({ kind: 'self', isAble: false, isHung: true, isUnable: false });
  bed.pass(60_000);
  assert.deepEqual([bed.done(), bed.held()], [[], ['vip5@1 recorded']]);
});
