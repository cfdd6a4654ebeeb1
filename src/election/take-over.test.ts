// Who takes an address over, and when: ELECTION.md sections 2 to 4, one node at a time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BYSTANDER, ElectionBed, ME, wantedOf, watching } from '../../test/fake/election-bed.ts';
import type { PeerView } from './segment.ts';

const TAKEN = ['announce vip5@5', 'record vip5@5 over 4'];

test('the first candidate that lives claims in the instant in which the holder is dead', () => {
  const bed = watching(2n, 1, 3n);
  bed.peer({ state: 'Dead' }, 2n);
  assert.deepEqual(bed.done(), TAKEN);
  assert.deepEqual(bed.held(), ['vip5@5']);
});

test('the k-th candidate that lives claims k times 50 ms later', () => {
  for (const [rank, others] of [
    [2, [3n]],
    [3, [3n, 4n]],
    [4, [3n, 4n, 5n]],
  ] as const) {
    const bed = watching(2n, rank, ...others);
    bed.peer({ state: 'Dead' }, 2n);
    bed.pass((rank - 1) * 50 - 1);
    assert.deepEqual(bed.done(), []);
    bed.pass(1);
    assert.deepEqual(bed.done(), TAKEN);
  }
});

test('a claim that is heard while waiting is as good as a holder', () => {
  const bed = watching(2n, 2, 3n);
  bed.peer({ state: 'Dead' }, 2n);
  bed.pass(20);
  bed.claim(3n, 5, { isRecorded: false });
  bed.pass(60_000);
  assert.deepEqual([bed.done(), bed.election.deadline()], [[], undefined]);
  bed.peer({ state: 'Dead' }, 3n);
  assert.deepEqual(bed.done(), ['announce vip5@6', 'record vip5@6 over 4']);
});

test('candidates that can not take it are not waited for', () => {
  const passedOver: readonly Partial<PeerView>[] = [
    { state: 'Dead' },
    { isHung: true },
    { isUnable: true },
    { isDeaf: true },
    { isLeaving: true },
  ];
  for (const changes of passedOver) {
    const bed = watching(2n, 2, 3n);
    bed.peer(changes, 3n);
    bed.done();
    bed.peer({ state: 'Dead' }, 2n);
    assert.deepEqual(bed.done(), TAKEN, JSON.stringify(changes));
  }
});

test('one that only others hear may be about to claim, and is waited for', () => {
  const bed = watching(2n, 2, 3n);
  bed.peer({ state: 'PathLost' }, 3n);
  bed.peer({ state: 'Dead' }, 2n);
  assert.deepEqual(bed.done(), []);
  bed.pass(50);
  assert.deepEqual(bed.done(), TAKEN);
});

test('a holder that hangs, takes nothing or hears nobody is followed while it goes on', () => {
  for (const changes of [{ isHung: true }, { isUnable: true }, { isDeaf: true }]) {
    const bed = watching(2n, 1, 3n);
    bed.peer(changes, 2n);
    assert.deepEqual(bed.done(), TAKEN, JSON.stringify(changes));
    bed.pass(10_000);
    assert.deepEqual(bed.done(), [], 'its claim beats nothing');
  }
});

test('a holder that only others hear, or that says that it leaves, keeps the address', () => {
  for (const changes of [{ state: 'PathLost' }, { isLeaving: true }] as const) {
    const bed = watching(2n, 1, 3n);
    bed.peer(changes, 2n);
    bed.pass(60_000);
    assert.deepEqual(bed.done(), [], JSON.stringify(changes));
  }
});

test('who is no candidate, is not able, hangs or is heard by nobody takes nothing', () => {
  const preparations: readonly ((bed: ElectionBed) => void)[] = [
    (bed) => bed.want(wantedOf(5, { candidates: [2n, 3n], record: { holder: 2n, epoch: 4 } })),
    (bed) => bed.give({ kind: 'self', isAble: false, isHung: false, isUnable: false }),
    (bed) => bed.give({ kind: 'self', isAble: true, isHung: true, isUnable: false }),
    (bed) => bed.peer({ hearsMe: false }, 3n, BYSTANDER),
    (bed) => bed.give({ kind: 'leave' }),
  ];
  for (const prepare of preparations) {
    const bed = watching(2n, 1, 3n);
    prepare(bed);
    bed.peer({ state: 'Dead' }, 2n);
    bed.pass(60_000);
    assert.deepEqual(bed.held(), [], String(prepare));
  }
});

test('what kept it from taking an address is over: it does, after its rank', () => {
  const bed = watching(2n, 2, 3n);
  bed.give({ kind: 'self', isAble: false, isHung: false, isUnable: false });
  bed.peer({ state: 'Dead' }, 2n);
  bed.pass(1000);
  bed.give({ kind: 'self', isAble: true, isHung: false, isUnable: false });
  bed.pass(50);
  assert.deepEqual(bed.done(), TAKEN);
});

test('a record that came after the holder fell silent, of a claim that was never heard, is believed while its Lease lives', () => {
  const bed = watching(2n, 1, 3n);
  bed.peer({ state: 'Dead' }, 3n);
  bed.pass(1000);
  bed.want(wantedOf(5, { candidates: [ME, 3n], record: { holder: 3n, epoch: 5 } }));
  bed.unclaim(2n);
  bed.pass(60_000);
  assert.deepEqual(bed.done(), [], 'node 3 lives where this one does not hear it');
  bed.leases(ME, 2n);
  assert.deepEqual(bed.done(), ['announce vip5@6', 'record vip5@6 over 5']);
});

test('a holder by the record that claims nothing is trusted for a second, and while its claims are not known', () => {
  const bed = new ElectionBed();
  bed.peer({ hasAllClaims: false }, 2n);
  bed.want(wantedOf(5, { candidates: [ME, 2n], record: { holder: 2n, epoch: 4 } }));
  bed.pass(5000);
  assert.deepEqual(bed.done(), []);
  bed.want(wantedOf(5, { candidates: [ME, 2n], record: { holder: 2n, epoch: 5 } }));
  bed.peer({}, 2n);
  bed.pass(999);
  assert.deepEqual(bed.done(), []);
  bed.pass(1);
  assert.deepEqual(bed.done(), ['announce vip5@6', 'record vip5@6 over 5']);
});

test('an address without a holder is claimed by its first candidate, and the second waits for it', () => {
  const first = new ElectionBed();
  first.peer({}, 2n);
  first.want(wantedOf(5, { candidates: [ME, 2n] }));
  assert.deepEqual(first.done(), ['announce vip5@1', 'record vip5@1 over 0']);
  const second = new ElectionBed();
  second.peer({}, 2n);
  second.want(wantedOf(5, { candidates: [2n, ME] }));
  second.pass(49);
  assert.deepEqual(second.done(), []);
  second.claim(2n, 1, { isRecorded: false });
  second.pass(60_000);
  assert.deepEqual(second.done(), []);
});

test('an address that no link of this node fits is not taken, and is when one does', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n);
  bed.want(wantedOf(5, { segment: undefined }));
  bed.pass(1000);
  assert.deepEqual(bed.done(), []);
  bed.want(wantedOf());
  assert.deepEqual(bed.done(), ['announce vip5@1', 'record vip5@1 over 0']);
});

test('a claim for another address, or on another segment, says nothing of this one', () => {
  const bed = watching(2n, 1, 3n);
  bed.claim(3n, 9, { number: 6 });
  bed.give({ kind: 'segment', segment: 3, isOpen: true });
  bed.give({
    ...{ kind: 'heard', segment: 3 },
    news: [{ kind: 'claims', nodeId: 3n, changed: [{ ...CLAIM, uid: 5n }], gone: [] }],
  });
  bed.peer({ state: 'Dead' }, 2n);
  assert.deepEqual(bed.done()[0]?.split('@')[0], 'announce vip5');
});

const CLAIM = { createdAt: 0, epoch: 3, state: 'Held', isRecorded: true, isAlone: false } as const;

test('each address goes by itself: of three holders the addresses of the dead one alone', () => {
  const bed = new ElectionBed();
  bed.peer({}, 2n, 3n, 4n);
  for (const [number, holder] of [
    [5, 2n],
    [6, 3n],
    [7, 4n],
  ] as const) {
    bed.claim(holder, 1, { number });
    bed.want(wantedOf(number, { candidates: [ME], record: { holder, epoch: 1 } }));
  }
  bed.pass(1000);
  bed.peer({ state: 'Dead' }, 3n);
  assert.deepEqual(bed.done(), ['announce vip6@2', 'record vip6@2 over 1']);
});
