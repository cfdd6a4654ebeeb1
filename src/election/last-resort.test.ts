// The last resort: what a node does that is no candidate, when all candidates are dead. ELECTION.md section 4.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ElectionBed, ME, NOBODY, wantedOf } from '../../test/fake/election-bed.ts';
import type { WantedElection } from './tenure.ts';

const BYSTANDER = 9n;

/** Node 2 holds the address, node 3 is the other candidate; both die if `areDead`. */
function watching({
  areDead = true,
  ...changes
}: Partial<WantedElection> & { areDead?: boolean } = {}): ElectionBed {
  const bed = new ElectionBed();
  bed.leases(ME, 2n, 3n, BYSTANDER);
  bed.peer({}, 2n, 3n);
  // It takes nothing, so this node is first.
  bed.peer({ isUnable: true }, BYSTANDER);
  bed.claim(2n, 4);
  const record = { holder: 2n, epoch: 4 };
  bed.want(wantedOf(5, { candidates: [2n, 3n], record, isLastResort: true, ...changes }));
  bed.pass(5000);
  bed.done();
  if (areDead) bed.peer({ state: 'Dead' }, 2n, 3n);
  return bed;
}

const CLAIMED = ['announce vip5@5', 'record vip5@5 over 4'];

test('all candidates dead: it claims a second later', () => {
  const bed = watching();
  bed.pass(999);
  assert.deepEqual(bed.done(), []);
  bed.pass(1);
  assert.deepEqual(bed.done(), CLAIMED);
});

test('not one that is not able, or that has no list', () => {
  for (const changes of [{ isLastResort: false }, { candidates: [] }]) {
    const bed = watching(changes);
    bed.pass(60_000);
    assert.deepEqual(bed.done(), []);
  }
});

test('nor while a candidate lives, whether it can take the address or not, or others hear it', () => {
  for (const state of [{}, { isHung: true }, { isLeaving: true }, { state: 'PathLost' }] as const) {
    const bed = watching({ areDead: false });
    bed.peer({ state: 'Dead' }, 2n);
    bed.peer(state, 3n);
    bed.pass(60_000);
    assert.deepEqual(bed.done(), []);
  }
});

test('a candidate that hears nobody counts as dead', () => {
  const bed = watching({ areDead: false });
  bed.peer({ state: 'Dead' }, 2n);
  bed.peer({ isDeaf: true }, 3n);
  bed.pass(1000);
  assert.deepEqual(bed.done(), CLAIMED);
});

test('a candidate that is back within the second is left to take it', () => {
  const bed = watching();
  bed.pass(900);
  bed.peer({}, 3n);
  bed.pass(60_000);
  assert.deepEqual(bed.done(), []);
});

test('others come first by a hash of address and node, 50 ms each, if they claim', () => {
  const waits = [5, 6, 7, 8].map((number) => {
    const bed = new ElectionBed();
    bed.leases(ME);
    bed.peer({}, 7n, 8n);
    bed.peer({ state: 'Dead' }, 2n);
    bed.want(wantedOf(number, { candidates: [2n], record: NOBODY, isLastResort: true }));
    let wait = 0;
    for (; bed.held().length === 0 && wait <= 2000; wait += 10) bed.pass(10);
    return wait;
  });
  assert.ok(
    waits.every((wait) => [1000, 1050, 1100].includes(wait)),
    waits.join(),
  );
  assert.ok(new Set(waits).size > 1, 'another order for each address');
});

test('a candidate that was never heard here is dead when its Lease has expired', () => {
  const bed = new ElectionBed();
  bed.peer({}, BYSTANDER);
  bed.peer({ isUnable: true }, BYSTANDER);
  bed.leases(ME, 2n);
  bed.want(wantedOf(5, { candidates: [2n], isLastResort: true }));
  bed.pass(60_000);
  assert.deepEqual(bed.done(), []);
  bed.leases(ME);
  bed.pass(1000);
  assert.deepEqual(bed.done(), ['announce vip5@1', 'record vip5@1 over 0']);
});

test('and where nothing is known of Leases after the grace at the start', () => {
  const bed = new ElectionBed({ isNew: true });
  bed.peer({ isUnable: true }, BYSTANDER);
  bed.want(wantedOf(5, { candidates: [2n], isLastResort: true }));
  bed.pass(10_999);
  assert.deepEqual(bed.done(), []);
  bed.pass(1);
  assert.deepEqual(bed.done(), ['announce vip5@1', 'record vip5@1 over 0']);
});

test('who hears nobody waits for the Leases, and asks on the wire then', () => {
  const bed = watching();
  bed.peer({ state: 'Dead' }, BYSTANDER);
  bed.pass(14_000);
  assert.deepEqual(bed.done(), []);
  bed.leases(ME);
  bed.pass(1000);
  assert.deepEqual(bed.done(), ['probe vip5']);
});

test('it keeps the address when a candidate is back, and offers it when others were planned', () => {
  const bed = watching();
  bed.pass(1000);
  bed.give({ kind: 'recorded', uid: 'vip5', epoch: 5 });
  bed.done();
  bed.peer({}, 3n);
  bed.pass(60_000);
  assert.deepEqual(bed.done(), []);
  bed.want(wantedOf(5, { candidates: [3n], record: { holder: ME, epoch: 5 }, isLastResort: true }));
  assert.deepEqual(bed.done(), ['offer vip5@5 to 3']);
});
