// The rules of ownership for main threads that hang, this node's and others', and for claims that are heard.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { milliseconds, seconds } from '../time/duration.ts';
import { instant } from '../time/instant.ts';
import {
  type HeardClaim,
  Ownership,
  type OwnershipInput,
  type OwnershipOutput,
  type WantedOwnership,
} from './ownership.ts';

const words = (text: string): readonly string[] => text.split(' ').filter(Boolean);

/** `node2 4` = held by node2 at epoch 4; `nobody`. */
function wanted(candidates: string, record: string): WantedOwnership {
  const [holder, epoch] = record === 'nobody' ? [undefined, 0] : words(record);
  const parsed = { holder, epoch: Number(epoch) };
  return { uid: 'u1', name: 'u1', candidates: words(candidates), record: parsed };
}

const line = (output: OwnershipOutput): readonly string[] => {
  if (output.kind === 'announce') return [];
  if (output.kind === 'claim') return [`claim ${output.epoch} after ${output.previous}`];
  return [output.kind === 'withdraw' ? `withdraw ${output.reason}` : output.kind];
};

/** node1 with one address. */
class Run {
  readonly machine = new Ownership({
    node: 'node1',
    claimStagger: milliseconds(50),
    recordTrust: seconds(15),
    claimTrust: seconds(1),
  });
  now = 0;

  constructor(candidates: string, record: string, alive = 'node1 node2 node3') {
    this.alive(alive);
    this.want(candidates, record);
  }

  give(input: OwnershipInput): readonly string[] {
    return this.machine.step(instant(this.now), input).flatMap(line);
  }

  want(candidates: string, record: string): readonly string[] {
    return this.give({ kind: 'want', addresses: [wanted(candidates, record)], dropped: [] });
  }

  alive(names: string): readonly string[] {
    return this.give({ kind: 'liveness', alive: words(names) });
  }

  hung(names: string): readonly string[] {
    return this.give({ kind: 'hung', nodes: words(names) });
  }

  able(isAble: boolean): readonly string[] {
    return this.give({ kind: 'able', isAble });
  }

  recorded(epoch: number): readonly string[] {
    return this.give({ kind: 'recorded', uid: 'u1', epoch });
  }

  hears(epoch: number, changes: Partial<HeardClaim> = {}): readonly string[] {
    const claim = { uid: 'u1', epoch, isRecorded: false, isByHung: false, winsTies: false, ...changes };
    return this.give({ kind: 'claimed', claims: [claim] });
  }

  /** Goes to the next deadline, which must be at `at`. */
  timeout(at: number): readonly string[] {
    assert.equal(this.machine.deadline(), at);
    this.now = at;
    return this.machine.step(instant(at), { kind: 'timeout' }).flatMap(line);
  }

  held(): readonly number[] {
    return this.machine.held().map(({ epoch }) => epoch);
  }
}

/** node1 holds it at epoch 4, which is recorded, and hangs. */
function hanging(): Run {
  const run = new Run('node1 node2', 'node2 3', 'node1');
  run.recorded(4);
  assert.deepEqual(run.able(false), []);
  assert.deepEqual(run.held(), [4]);
  return run;
}

test('a holder that hangs is succeeded in the same order as a dead one', () => {
  const first = new Run('node2 node1', 'node2 4');
  assert.deepEqual(first.hung('node2'), ['claim 5 after 4']);
  const second = new Run('node2 node3 node1', 'node2 4');
  assert.deepEqual(second.hung('node2'), []);
  assert.deepEqual(second.timeout(50), ['claim 5 after 4']);
  const passedOver = new Run('node2 node3 node1', 'node2 4');
  assert.deepEqual(passedOver.hung('node2 node3'), ['claim 5 after 4']);
});

test('one that moves again is a holder again, and nothing is taken back', () => {
  const run = new Run('node2 node3 node1', 'node2 4');
  run.hung('node2');
  assert.deepEqual(run.hung(''), []);
  assert.equal(run.machine.deadline(), undefined);
  assert.deepEqual(run.alive('node1 node2 node3'), []);
});

test('who hangs stays hung when the Leases are heard of again, and a new record does not excuse it', () => {
  const run = new Run('node2 node1', 'nobody');
  run.hung('node2');
  run.recorded(1);
  const other = new Run('node2 node3 node1', 'node3 4', 'node1 node3');
  other.hung('node2');
  assert.deepEqual(
    other.want('node2 node1', 'node2 5'),
    ['claim 6 after 5'],
    'node2 lives by its record, but hangs',
  );
  const again = new Run('node2 node3 node1', 'node2 4');
  again.hung('node2');
  assert.deepEqual(again.alive('node1 node2'), ['claim 5 after 4']);
});

test('that somebody hangs is no news of the Leases: who has just recorded a claim lives on', () => {
  const run = new Run('node2 node1', 'node1 4', 'node1 node3');
  run.recorded(5);
  assert.deepEqual(run.want('node2 node1', 'node2 6'), ['withdraw TakenOver']);
  assert.deepEqual(run.hung('node3'), []);
  assert.deepEqual(run.hung(''), []);
  assert.equal(run.machine.deadline(), 15_000);
});

test('while it hangs a node takes nothing, keeps what it holds, and takes what is due when it has recovered', () => {
  const run = hanging();
  assert.deepEqual(run.alive('node1'), []);
  assert.deepEqual(run.held(), [4]);
  const waiting = new Run('node2 node1', 'node2 4');
  waiting.able(false);
  assert.deepEqual(waiting.alive('node1'), []);
  assert.equal(waiting.machine.deadline(), undefined);
  assert.deepEqual(waiting.able(true), ['claim 5 after 4']);
});

test('it lets go of what it has heard a newer claim to, and of nothing else', () => {
  const run = hanging();
  assert.deepEqual(run.hears(4, { isRecorded: true, winsTies: true }), [], 'not newer');
  assert.deepEqual(run.hears(3, { isRecorded: true }), []);
  assert.deepEqual(run.give({ kind: 'claimed', claims: [] }), []);
  assert.deepEqual(run.hears(5), ['withdraw TakenOver']);
  assert.deepEqual(run.held(), []);
});

test('a holder that moves leaves it to the API', () => {
  const run = hanging();
  run.able(true);
  assert.deepEqual(run.hears(5), []);
  assert.deepEqual(run.held(), [4]);
  run.able(false);
  assert.deepEqual(run.hears(5), ['withdraw TakenOver'], 'heard again when it hangs');
});

test('so does a claimant that moves: its own write is on its way', () => {
  const run = new Run('node1 node2', 'node2 3', 'node1');
  assert.deepEqual(
    [run.hears(4, { winsTies: true }), run.hears(5), run.hears(4, { isRecorded: true })],
    [[], [], []],
  );
  assert.deepEqual(run.held(), [4]);
});

test('of two unrecorded claims of one epoch one stays, of a recorded one and another the recorded', () => {
  const claiming = (): Run => {
    const run = new Run('node1 node2', 'node2 3', 'node1');
    run.able(false);
    return run;
  };
  assert.deepEqual(claiming().hears(4, { winsTies: true }), ['withdraw TakenOver']);
  assert.deepEqual(claiming().hears(4), []);
  assert.deepEqual(claiming().hears(4, { isRecorded: true }), ['withdraw TakenOver']);
  assert.deepEqual(claiming().hears(3, { isRecorded: true, winsTies: true }), [], 'the one it succeeds');
});

test('what it has left to a claim comes back if that is not heard of for a second after its recovery', () => {
  const run = hanging();
  run.hears(5);
  assert.equal(run.machine.deadline(), undefined, 'nothing is decided while it hangs');
  run.now = 60_000;
  assert.deepEqual(run.hung('node3'), []);
  assert.deepEqual(run.able(true), []);
  assert.deepEqual(run.timeout(61_000), ['claim 6 after 4']);
});

test('a claim that is heard again keeps it away, unless the claimant hangs', () => {
  const run = hanging();
  run.hears(5);
  run.able(true);
  run.now = 1000;
  assert.deepEqual(run.hears(5), []);
  run.now = 1500;
  assert.deepEqual(run.hears(5, { isByHung: true }), []);
  assert.deepEqual(run.timeout(2000), ['claim 6 after 4']);
});

test('the record ends it: the other has it, or this node had been recorded itself', () => {
  const theirs = hanging();
  theirs.hears(5);
  theirs.able(true);
  assert.deepEqual(theirs.alive('node1 node2'), []);
  assert.deepEqual(theirs.want('node1 node2', 'node2 5'), []);
  assert.equal(theirs.machine.deadline(), undefined);
  assert.deepEqual(theirs.alive('node1'), ['claim 6 after 5'], 'died after that');

  const ours = new Run('node1 node2', 'node2 3', 'node1');
  ours.able(false);
  ours.hears(5);
  assert.deepEqual(ours.recorded(4), [], 'the answer to what it has let go of');
  ours.able(true);
  assert.deepEqual(ours.want('node1 node2', 'node1 4'), ['claim 6 after 4']);
});

test('the old record is no news while it waits, nor is an older one', () => {
  const run = hanging();
  run.hears(5);
  run.able(true);
  assert.deepEqual(run.want('node1 node2', 'node1 4'), []);
  assert.deepEqual(run.want('node1 node2', 'node2 3'), []);
  assert.equal(run.machine.deadline(), 1000);
});

test('a candidate that waits lets the claim that it hears go on, and claims when it was nothing', () => {
  const run = new Run('node2 node3 node1', 'node2 4');
  run.alive('node1 node3');
  run.now = 20;
  assert.deepEqual(run.hears(5), []);
  assert.deepEqual(run.timeout(1020), [], 'its wait begins anew');
  assert.deepEqual(run.timeout(1070), ['claim 6 after 4']);
  const late = new Run('node2 node3 node1', 'node2 4');
  late.alive('node1 node3');
  assert.deepEqual([late.hears(4), late.hears(5, { isByHung: true })], [[], []]);
  assert.deepEqual(late.timeout(50), ['claim 6 after 4'], 'above what was heard');
});

test('a claim that was refused waits for a record, whatever is heard', () => {
  const run = new Run('node1 node2', 'node2 3', 'node1');
  run.give({ kind: 'refused', uid: 'u1', epoch: 4 });
  assert.deepEqual(run.hears(7), []);
  assert.equal(run.machine.deadline(), undefined);
  assert.deepEqual(run.want('node1 node2', 'node1 5'), ['claim 8 after 5'], 'above all that was heard');
});

test('leaving while it hangs: it has left when all was left to claims', () => {
  const run = hanging();
  run.give({ kind: 'leave' });
  assert.deepEqual(run.hears(5), ['withdraw TakenOver', 'left']);
  run.able(true);
  assert.deepEqual(run.timeout(1000), []);
  assert.deepEqual(run.held(), []);
});

test('claims to what does not concern this node are none of its business', () => {
  const run = hanging();
  assert.deepEqual(run.hears(9, { uid: 'u9' }), []);
  run.give({ kind: 'want', addresses: [], dropped: ['u1'] });
  assert.deepEqual(run.hears(9), []);
});

test('a thousand claims that are heard together are one step', () => {
  const run = new Run('', 'nobody', 'node1');
  const uids = Array.from({ length: 1000 }, (_, i) => `u${i}`);
  const addresses = uids.map((uid) => ({ ...wanted('node1', 'nobody'), uid }));
  run.give({ kind: 'want', addresses, dropped: [] });
  run.able(false);
  const claims = uids.map((uid) => ({ uid, epoch: 2, isRecorded: false, isByHung: false, winsTies: false }));
  assert.equal(run.give({ kind: 'claimed', claims }).length, 1000);
  assert.deepEqual(run.held(), []);
});
