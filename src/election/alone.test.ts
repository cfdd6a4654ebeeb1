// A node that hears nobody may be the one that is cut off: it asks on the wire, and then the API, before it takes what
// is somebody else's. ELECTION.md section 6.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ElectionBed, ME, wantedOf } from '../../test/fake/election-bed.ts';

const OTHERS = { candidates: [2n, ME], record: { holder: 2n, epoch: 4 } };

/** Hears nobody; the holder's Lease has expired, and the wire is being asked. */
function asking(): ElectionBed {
  const bed = new ElectionBed();
  bed.leases(ME);
  bed.want(wantedOf(5, OTHERS));
  assert.deepEqual(bed.done(), ['probe vip5']);
  return bed;
}

test('where the Lease of the holder lives nothing is asked', () => {
  const bed = new ElectionBed();
  bed.leases(ME, 2n);
  bed.want(wantedOf(5, OTHERS));
  bed.pass(60_000);
  assert.deepEqual(bed.done(), []);
  bed.leases(ME);
  assert.deepEqual(bed.done(), ['probe vip5']);
});

test('where nobody ever held it, or this node did by the record, nothing is asked', () => {
  for (const record of [
    { holder: undefined, epoch: 0 },
    { holder: ME, epoch: 4 },
  ]) {
    const bed = new ElectionBed();
    bed.leases(ME);
    bed.want(wantedOf(5, { record }));
    const { epoch } = record;
    assert.deepEqual(bed.done(), [`announce vip5@${epoch + 1}`, `record vip5@${epoch + 1} over ${epoch}`]);
  }
});

test('candidates whose Leases live are waited for: half a second each, and less where the API decides', () => {
  for (const [record, wait, first] of [
    [{ holder: undefined, epoch: 0 }, 1000, 'announce vip5@1'],
    [{ holder: 2n, epoch: 4 }, 100, 'probe vip5'],
  ] as const) {
    const bed = new ElectionBed();
    bed.leases(ME, 3n, 4n);
    bed.want(wantedOf(5, { candidates: [2n, 3n, 4n, ME], record }));
    bed.pass(wait - 1);
    assert.deepEqual(bed.done(), []);
    bed.pass(1);
    assert.equal(bed.done()[0], first);
  }
});

test('a silent wire: the API is asked, and the address is answered when it accepts', () => {
  const bed = asking();
  bed.pass(100);
  bed.probed('Silent');
  assert.deepEqual([bed.done(), bed.held()], [['record vip5@5 over 4'], []]);
  bed.pass(30);
  bed.give({ kind: 'recorded', uid: 'vip5', epoch: 5 });
  assert.deepEqual([bed.done(), bed.held()], [['announce vip5@5'], ['vip5@5 recorded alone']]);
});

test('an API that has not answered in 150 ms is not waited for', () => {
  const bed = asking();
  bed.probed('Silent');
  bed.done();
  bed.pass(149);
  assert.deepEqual(bed.done(), []);
  bed.pass(1);
  assert.deepEqual([bed.done(), bed.held()], [['announce vip5@5'], ['vip5@5 alone']]);
  bed.give({ kind: 'recorded', uid: 'vip5', epoch: 5 });
  assert.deepEqual([bed.done(), bed.held()], [[], ['vip5@5 recorded alone']]);
});

test('an address that answers, or a gateway that does not: nothing is recorded, and the wire is asked again after a second', () => {
  for (const [address, gateway] of [
    ['Answered', 'Answered'],
    ['Silent', 'Silent'],
    ['Answered', 'Silent'],
  ] as const) {
    const bed = asking();
    bed.probed(address, gateway);
    bed.pass(999);
    assert.deepEqual(bed.done(), [], `${address} ${gateway}`);
    bed.pass(1);
    assert.deepEqual(bed.done(), ['probe vip5']);
    bed.probed('Silent');
    assert.deepEqual(bed.done(), ['record vip5@5 over 4']);
  }
});

test('an API that refuses: it stands down, until it knows the record that won', () => {
  const bed = asking();
  bed.probed('Silent');
  bed.done();
  bed.give({ kind: 'refused', uid: 'vip5', epoch: 5 });
  assert.deepEqual([bed.done(), bed.held()], [['withdraw vip5: LostElection'], []]);
  bed.leases(ME, 3n);
  bed.want(wantedOf(5, { ...OTHERS, record: { holder: 3n, epoch: 5 } }));
  bed.pass(60_000);
  assert.deepEqual(bed.done(), []);
  bed.leases(ME);
  assert.deepEqual(bed.done(), ['probe vip5'], 'the Lease of the winner has expired');
});

test('an API that refuses and then says nothing: asked again after a pause, from the wire on', () => {
  const bed = asking();
  bed.probed('Silent');
  bed.give({ kind: 'refused', uid: 'vip5', epoch: 5 });
  bed.done();
  bed.pass(999);
  assert.deepEqual(bed.done(), []);
  bed.pass(1);
  assert.deepEqual(bed.done(), ['probe vip5']);
});

test('a refusal that comes when the address is answered already ends that, for a while', () => {
  const bed = asking();
  bed.probed('Silent');
  bed.pass(150);
  bed.done();
  bed.give({ kind: 'refused', uid: 'vip5', epoch: 5 });
  assert.deepEqual(bed.done(), ['withdraw vip5: LostElection']);
  bed.pass(999);
  assert.deepEqual([bed.done(), bed.held()], [[], []]);
});

test('what is heard meanwhile decides: a claim ends the asking, a peer without one makes it needless', () => {
  const claimed = asking();
  claimed.probed('Silent');
  claimed.done();
  claimed.claim(3n, 5);
  claimed.peer({}, 3n);
  assert.deepEqual([claimed.done(), claimed.held()], [['withdraw vip5: TakenOver'], []]);
  const free = asking();
  free.peer({}, 3n);
  assert.deepEqual(free.done(), ['announce vip5@5', 'record vip5@5 over 4']);
});

test('an answer to what is not asked any more changes nothing', () => {
  const bed = asking();
  bed.give({ kind: 'want', isWhole: false, addresses: [], dropped: ['vip5'] });
  bed.probed('Silent');
  bed.give({ kind: 'recorded', uid: 'vip5', epoch: 5 });
  bed.give({ kind: 'refused', uid: 'vip5', epoch: 5 });
  bed.pass(10_000);
  assert.deepEqual([bed.done(), bed.election.deadline()], [[], undefined]);
});
