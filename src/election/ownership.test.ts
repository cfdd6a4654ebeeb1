// The rules of ownership one by one, in virtual time, with outputs as text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { milliseconds, seconds } from '../time/duration.ts';
import { instant } from '../time/instant.ts';
import { Ownership, type OwnershipInput, type OwnershipOutput, type WantedOwnership } from './ownership.ts';

/** `node2 4` = held by node2 at epoch 4; `nobody`. */
function wanted(candidates: string, record: string, uid = 'u1'): WantedOwnership {
  const [holder, epoch] = record.split(' ');
  const isHeld = record !== 'nobody';
  const parsed = { holder: isHeld ? holder : undefined, epoch: Number(epoch ?? 0) };
  return { uid, name: uid, candidates: candidates.split(' ').filter(Boolean), record: parsed };
}

function line(output: OwnershipOutput): string {
  switch (output.kind) {
    case 'announce':
      return `announce ${output.uid} ${output.epoch}`;
    case 'claim':
      return `claim ${output.uid} ${output.epoch} after ${output.previous}`;
    case 'withdraw':
      return `withdraw ${output.uid} ${output.reason}`;
    case 'left':
      return 'left';
  }
}

/** A machine for node1 and the time it lives in. */
class Run {
  readonly machine = new Ownership({
    node: 'node1',
    claimStagger: milliseconds(50),
    recordTrust: seconds(15),
    claimTrust: seconds(1),
  });
  now = 0;
  /** As text by uid. */
  readonly #told = new Map<string, string>();

  give(input: OwnershipInput): readonly string[] {
    return this.machine.step(instant(this.now), input).map(line);
  }

  /** All that is wanted, of which the machine is told what changed. */
  want(...all: readonly WantedOwnership[]): readonly string[] {
    const addresses = all.filter((each) => this.#told.get(each.uid) !== JSON.stringify(each));
    const uids = new Set(all.map(({ uid }) => uid));
    const dropped = [...this.#told.keys()].filter((uid) => !uids.has(uid));
    for (const uid of dropped) this.#told.delete(uid);
    for (const each of addresses) this.#told.set(each.uid, JSON.stringify(each));
    return this.give({ kind: 'want', addresses, dropped });
  }

  alive(names: string): readonly string[] {
    return this.give({ kind: 'liveness', alive: names.split(' ').filter(Boolean) });
  }

  recorded(epoch: number, uid = 'u1'): readonly string[] {
    return this.give({ kind: 'recorded', uid, epoch });
  }

  refused(epoch: number, uid = 'u1'): readonly string[] {
    return this.give({ kind: 'refused', uid, epoch });
  }

  leave(): readonly string[] {
    return this.give({ kind: 'leave' });
  }

  /** Goes to the next deadline, which must be at `at`. */
  timeout(at: number): readonly string[] {
    assert.equal(this.machine.deadline(), at);
    this.now = at;
    return this.machine.step(instant(at), { kind: 'timeout' }).map(line);
  }

  held(): string {
    return this.machine
      .held()
      .map(({ uid, epoch }) => `${uid} ${epoch}`)
      .join(', ');
  }
}

/** node1 holds u1 with its claim of epoch 1 recorded. */
function holding(): Run {
  const run = new Run();
  run.alive('node1 node2 node3');
  run.want(wanted('node1 node2', 'nobody'));
  run.recorded(1);
  assert.equal(run.held(), 'u1 1');
  return run;
}

test('the first candidate answers at once and claims in parallel', () => {
  const run = new Run();
  run.alive('node1 node2');
  assert.deepEqual(run.want(wanted('node1 node2', 'nobody')), ['announce u1 1', 'claim u1 1 after 0']);
  assert.equal(run.held(), 'u1 1');
  assert.deepEqual(run.recorded(1), []);
  assert.deepEqual(run.want(wanted('node1 node2', 'node1 1')), []);
  assert.equal(run.machine.deadline(), undefined);
});

test('the next candidates wait for those before them', () => {
  const run = new Run();
  run.alive('node1 node2 node3');
  run.now = 1000;
  assert.deepEqual(run.want(wanted('node3 node2 node1', 'nobody')), []);
  assert.deepEqual(run.timeout(1100), ['announce u1 1', 'claim u1 1 after 0']);
});

test('a claim that is seen in time ends the wait', () => {
  const run = new Run();
  run.alive('node1 node2');
  run.want(wanted('node2 node1', 'nobody'));
  run.now = 30;
  assert.deepEqual(run.want(wanted('node2 node1', 'node2 1')), []);
  assert.equal(run.machine.deadline(), undefined);
});

test('when one before me dies, the wait goes on from its beginning with the new rank', () => {
  const run = new Run();
  run.alive('node1 node2 node3');
  run.want(wanted('node2 node3 node1', 'nobody'));
  run.now = 20;
  assert.deepEqual(run.alive('node1 node3'), []);
  assert.equal(run.machine.deadline(), 50);
  run.now = 60;
  const other = new Run();
  other.alive('node1 node2 node3');
  other.want(wanted('node2 node3 node1', 'nobody'));
  other.now = 70;
  assert.deepEqual(other.alive('node1 node3'), ['announce u1 1', 'claim u1 1 after 0'], 'already over');
});

test('another record is another vacancy, with its own wait', () => {
  const run = new Run();
  run.alive('node1 node2');
  run.want(wanted('node2 node1', 'node3 4'));
  run.now = 40;
  run.want(wanted('node2 node1', 'node3 5'));
  assert.deepEqual(run.timeout(90), ['announce u1 6', 'claim u1 6 after 5']);
});

test('a holder that dies is succeeded at the next epoch', () => {
  const run = new Run();
  run.alive('node1 node2');
  assert.deepEqual(run.want(wanted('node2 node1', 'node2 4')), []);
  assert.deepEqual(run.alive('node1'), ['announce u1 5', 'claim u1 5 after 4']);
});

test('before the first report of liveness nobody is dead, and only a resumption is possible', () => {
  const run = new Run();
  const other = wanted('node1 node2', 'node2 4', 'u2');
  const mine = wanted('node2 node1', 'node1 7');
  assert.deepEqual(run.want(mine, other), ['announce u1 8', 'claim u1 8 after 7']);
  assert.deepEqual(run.alive('node1'), ['announce u2 5', 'claim u2 5 after 4']);
});

test('after a restart the recorded holder resumes one epoch higher', () => {
  const run = new Run();
  run.alive('node1 node2');
  assert.deepEqual(run.want(wanted('node2 node1', 'node1 7')), ['announce u1 8', 'claim u1 8 after 7']);
});

test('a holder that is not wanted any more releases', () => {
  const run = holding();
  assert.deepEqual(run.want(), ['withdraw u1 Released']);
  assert.equal(run.held(), '');
});

test('what is not held is released silently', () => {
  const run = new Run();
  run.alive('node1 node2');
  run.want(wanted('node2 node1', 'node2 1'));
  assert.deepEqual(run.want(), []);
});

test('a higher epoch, or another holder at mine, takes over', () => {
  const higher = holding();
  assert.deepEqual(higher.want(wanted('node1 node2', 'node2 2')), ['withdraw u1 TakenOver']);
  const same = holding();
  assert.deepEqual(same.want(wanted('node1 node2', 'node2 1')), ['withdraw u1 TakenOver']);
  assert.equal(higher.held() + same.held(), '');
});

test('a higher epoch of my own is another life of this node: it is taken up above it', () => {
  const run = holding();
  assert.deepEqual(run.want(wanted('node1 node2', 'node1 5')), [
    'withdraw u1 TakenOver',
    'announce u1 6',
    'claim u1 6 after 5',
  ]);
});

test('the old record is stale while the claim is in flight, and after it was recorded', () => {
  const run = new Run();
  run.alive('node1 node2');
  run.want(wanted('node1', 'node3 4'));
  assert.deepEqual(run.want(wanted('node1', 'node3 4')), []);
  run.recorded(5);
  assert.deepEqual(run.want(wanted('node1', 'node3 4')), []);
  assert.equal(run.held(), 'u1 5');
});

test('a refused claim is withdrawn and not repeated before another record is seen', () => {
  const run = new Run();
  run.alive('node1');
  run.want(wanted('node1 node2', 'node2 4'));
  assert.deepEqual(run.refused(5), ['withdraw u1 LostElection']);
  assert.deepEqual(run.want(wanted('node1 node2', 'node2 4')), []);
  assert.deepEqual(run.alive('node1 node3'), []);
  assert.equal(run.machine.deadline(), undefined);
  assert.deepEqual(run.want(wanted('node1 node3', 'node3 5')), []);
  assert.deepEqual(run.alive('node1'), ['announce u1 6', 'claim u1 6 after 5'], 'who won is dead now');
});

test('after a refusal even an older record is news: the cluster was restored from a backup', () => {
  const run = new Run();
  run.alive('node1');
  run.want(wanted('node1', 'node2 7'));
  run.refused(8);
  assert.deepEqual(run.want(wanted('node1', 'node2 3')), ['announce u1 9', 'claim u1 9 after 3']);
});

test('a record that looked stale before the refusal counts after it', () => {
  const run = new Run();
  run.alive('node1');
  run.want(wanted('node1', 'node2 7'));
  run.refused(8);
  run.want(wanted('node1', 'node2 3'));
  run.alive('node1 node4');
  assert.deepEqual(run.want(wanted('node1 node4', 'node4 4')), [], 'ignored while claiming epoch 9');
  assert.deepEqual(run.refused(9), ['withdraw u1 LostElection']);
  assert.deepEqual(run.alive('node1'), ['announce u1 10', 'claim u1 10 after 4']);
});

test('answers of the API for other epochs and addresses change nothing', () => {
  const run = new Run();
  run.alive('node1');
  run.want(wanted('node1', 'node2 4'));
  const steps = [
    run.refused(4),
    run.refused(6),
    run.refused(5, 'u9'),
    run.recorded(4),
    run.recorded(5, 'u9'),
  ];
  assert.deepEqual(steps, [[], [], [], [], []]);
  assert.deepEqual(run.refused(5), ['withdraw u1 LostElection'], 'still unrecorded');
});

test('a refusal of what is already recorded was a repeated write', () => {
  const run = new Run();
  run.alive('node1');
  run.want(wanted('node1', 'node2 4'));
  run.want(wanted('node1', 'node1 5'));
  assert.deepEqual(run.refused(5), []);
  assert.equal(run.held(), 'u1 5');
});

test('a holder that is no candidate any more answers until it is taken over', () => {
  const run = holding();
  assert.deepEqual(run.want(wanted('node2', 'node1 1')), []);
  assert.deepEqual(run.alive('node2'), []);
  assert.equal(run.held(), 'u1 1');
  assert.deepEqual(run.want(wanted('node2', 'node2 2')), ['withdraw u1 TakenOver']);
});

test('being called dead by the others changes nothing for me', () => {
  const run = holding();
  assert.deepEqual(run.alive(''), []);
  assert.deepEqual(run.want(wanted('node1', 'node1 1'), wanted('node2 node1', 'nobody', 'u2')), [
    'announce u2 1',
    'claim u2 1 after 0',
  ]);
});

test('when nobody is able, the holder stays', () => {
  const run = holding();
  run.alive('');
  assert.deepEqual(run.want(wanted('', 'node1 1')), []);
  assert.equal(run.held(), 'u1 1');
});

test('leaving: answer until the successor has recorded its claim, then say so once', () => {
  const run = holding();
  assert.deepEqual(run.leave(), []);
  assert.deepEqual(run.want(wanted('node2', 'node1 1')), []);
  assert.deepEqual(run.want(wanted('node2', 'node2 2')), ['withdraw u1 TakenOver', 'left']);
  assert.deepEqual(run.leave(), []);
  assert.deepEqual(run.want(), []);
});

test('leaving with nothing held is done at once', () => {
  const run = new Run();
  assert.deepEqual(run.leave(), ['left']);
});

test('a leaving node claims nothing: neither what it waits for, nor what becomes vacant, nor its own', () => {
  const run = new Run();
  run.alive('node1 node2');
  run.want(wanted('node2 node1', 'nobody'), wanted('node1', 'nobody', 'u2'));
  assert.equal(run.machine.deadline(), 50);
  assert.deepEqual(run.leave(), []);
  assert.equal(run.machine.deadline(), undefined);
  const wants = [
    wanted('node1', 'node3 1'),
    wanted('node1', 'nobody', 'u2'),
    wanted('node1', 'node1 5', 'u3'),
  ];
  assert.deepEqual(run.want(...wants), []);
  assert.deepEqual(run.alive(''), []);
  assert.equal(run.held(), 'u2 1');
});

test('leaving in the middle of a claim: it may still be recorded, and lost', () => {
  const run = new Run();
  run.alive('node1 node2');
  run.want(wanted('node1 node2', 'nobody'));
  assert.deepEqual(run.leave(), []);
  assert.deepEqual(run.refused(1), ['withdraw u1 LostElection', 'left']);
});

test('a released address that comes back is claimed above all that was announced for it', () => {
  const run = new Run();
  run.alive('node1');
  run.want(wanted('node1', 'node2 7'));
  run.want();
  assert.deepEqual(run.want(wanted('node1', 'node2 6')), ['announce u1 9', 'claim u1 9 after 6']);
});

test('the memory of released addresses is bounded', () => {
  const run = new Run();
  run.alive('node1');
  run.want(wanted('node1', 'node2 7'));
  run.want();
  for (let count = 0; count < 5000; count++) run.want(wanted('node1', 'node2 7', `other-${count}`));
  assert.deepEqual(run.want(wanted('node1', 'node2 6')), [
    'withdraw other-4999 Released',
    'announce u1 7',
    'claim u1 7 after 6',
  ]);
});

test('a thousand addresses of a dead holder are claimed in one step, each by its own rank', () => {
  const run = new Run();
  run.alive('node1 node2 node9');
  const addresses = Array.from({ length: 1000 }, (_, at) => {
    return wanted(at % 2 === 0 ? 'node9 node1 node2' : 'node9 node2 node1', 'node9 1', `u${at}`);
  });
  assert.deepEqual(run.want(...addresses), []);
  assert.equal(run.alive('node1 node2').length, 1000, 'announce and claim of 500');
  assert.equal(run.timeout(50).length, 1000);
  assert.equal(run.machine.held().length, 1000);
});

test('who has just recorded a claim lives, until the nodes alive are heard of again', () => {
  const run = holding();
  run.alive('node1 node3');
  // node2 came back and took over while this node was cut off; the news of its claim comes before that of its Lease.
  assert.deepEqual(run.want(wanted('node1 node2', 'node2 2')), ['withdraw u1 TakenOver']);
  assert.equal(run.machine.deadline(), 15_000);
  assert.deepEqual(run.alive('node1 node2 node3'), []);
  assert.equal(run.machine.deadline(), undefined);
  assert.deepEqual(run.alive('node1 node3'), ['announce u1 3', 'claim u1 3 after 2']);
});

test('a claim proves no more than the life of a Lease', () => {
  const run = holding();
  run.alive('node1 node3');
  run.want(wanted('node1 node2', 'node2 2'));
  assert.deepEqual(run.timeout(15_000), ['announce u1 3', 'claim u1 3 after 2']);
});
