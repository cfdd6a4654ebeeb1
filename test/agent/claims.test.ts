// Claims of the wire worker and what becomes of them in the API: recorded, refused, tried again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VIRTUAL_IP } from '../../src/kube/kinds.ts';
import type { FromWorker } from '../../src/wire-worker/messages.ts';
import { fail } from '../fake/fake-kube-api.ts';
import { AgentBed, GONE, NAME, UID, virtualIP } from './agent-bed.ts';

const isStatusPatch = ({ verb, plural }: { verb: string; plural: string }) =>
  verb === 'patch' && plural === 'virtualips';

const claimOf = (epoch: number, previous = epoch - 1): FromWorker => ({
  ...{ kind: 'claim', uid: UID, name: NAME, epoch, previous, link: 'eth0' },
});

/** The epochs that the worker was told to be recorded. */
const recordedBy = (bed: AgentBed): readonly number[] =>
  bed.worker.sent.flatMap((message) => (message.kind === 'recorded' ? [message.epoch] : []));

async function bedWith(object: object = virtualIP()): Promise<AgentBed> {
  const bed = new AgentBed();
  bed.cluster.put(VIRTUAL_IP, object);
  await bed.start();
  return bed;
}

test('the worker gets the living nodes and the wanted addresses', async () => {
  const bed = await bedWith();
  assert.deepEqual(bed.worker.last('liveness')?.alive, ['node1', 'node2']);
  assert.deepEqual(bed.worker.last('want')?.addresses, [
    {
      uid: UID,
      name: NAME,
      address: NAME,
      candidates: ['node1', 'node2'],
      record: { holder: undefined, epoch: 0 },
      createdAt: 1_796_119_200,
      interfaces: [],
    },
  ]);
});

test('nothing is wanted before the VirtualIPs are listed, nobody reported before the Leases are', async () => {
  const bed = new AgentBed();
  bed.cluster.put(VIRTUAL_IP, virtualIP());
  bed.renew('node2');
  bed.agent.start();
  await bed.pass(100);
  assert.equal(bed.worker.count('want'), 0);
  assert.equal(bed.worker.count('liveness'), 0);
});

test('a claim is recorded with holder, epoch, phase, since and condition', async () => {
  const bed = await bedWith();
  bed.worker.claims(1);
  await bed.pass(1);
  const { conditions, since, ...status } = bed.status();
  assert.deepEqual(status, { observedGeneration: 2, holder: 'node1', epoch: 1, phase: 'Announced' });
  assert.match(String(since), /^2026-12-01T10:00:01\.\d{6}Z$/);
  assert.deepEqual(conditions, [
    {
      type: 'Announced',
      status: 'True',
      reason: 'Elected',
      message: 'eth0 on node1',
      lastTransitionTime: since,
    },
  ]);
  assert.deepEqual(bed.worker.last('recorded'), { kind: 'recorded', uid: UID, epoch: 1 });
  assert.equal(bed.writes(), 1);
});

test('a claim that somebody else was faster with is refused, and the record that won is fed', async () => {
  const bed = await bedWith();
  bed.virtualIPs.hold();
  bed.cluster.change(VIRTUAL_IP, { name: NAME }, (object) => {
    object.status = { holder: 'node2', epoch: 1 };
  });
  bed.worker.claims(1);
  await bed.pass(5);
  assert.deepEqual(bed.worker.last('refused'), { kind: 'refused', uid: UID, epoch: 1 });
  assert.deepEqual(bed.worker.last('want')?.addresses[0]?.record, { holder: 'node2', epoch: 1 });
  assert.equal(bed.worker.count('recorded'), 0);
  assert.equal(bed.status().holder, 'node2');
});

test('an older event of a lagging watch does not undo an answer', async () => {
  const bed = await bedWith();
  bed.virtualIPs.hold();
  bed.cluster.change(VIRTUAL_IP, { name: NAME }, (object) => {
    (object.spec as { candidates: string[] }).candidates = ['node1'];
  });
  bed.worker.claims(1);
  await bed.pass(5);
  bed.virtualIPs.release();
  await bed.pass(5);
  const wants = bed.worker.sent.filter((message) => message.kind === 'want');
  const epochs = wants.map(({ addresses }) => addresses[0]?.record.epoch);
  assert.deepEqual(epochs, [0, 1], 'epoch 0 came again after 1, or nothing was fed');
});

for (const code of ['Unreachable', 'ServerError', 'TooManyRequests', 'Unauthorized', 'Forbidden'] as const) {
  test(`a claim is tried again while the API answers ${code}`, async () => {
    const bed = await bedWith();
    bed.api.before = (request) => {
      if (isStatusPatch(request)) fail(code);
    };
    bed.worker.claims(1);
    await bed.pass(2500);
    assert.equal(bed.worker.count('recorded'), 0);
    const failures = bed.writes();
    bed.api.recover();
    await bed.pass(1000);
    assert.equal(bed.writes(), failures + 1);
    assert.deepEqual(bed.worker.last('recorded'), { kind: 'recorded', uid: UID, epoch: 1 });
    assert.equal(bed.worker.count('refused'), 0);
    const page = await pageOf(bed);
    assert.ok(page.includes(`fairlead_claims_total{result="retried"} ${failures}\n`));
    assert.match(page, /fairlead_claims_total\{result="recorded"\} 1/);
  });
}

test('a claim is written although the address is not answered yet: the API is asked first', async () => {
  const bed = await bedWith();
  bed.worker.say(claimOf(1));
  await bed.pass(1);
  const { holder, epoch, conditions } = bed.status();
  assert.deepEqual([holder, epoch], ['node1', 1]);
  assert.equal((conditions as Record<string, unknown>[])[0]?.message, 'eth0 on node1');
  assert.deepEqual(bed.worker.last('recorded'), { kind: 'recorded', uid: UID, epoch: 1 });
});

test('a claim that is made while another is being written stands on top of it', async () => {
  const bed = await bedWith();
  bed.api.isHeld = true;
  bed.worker.claims(1);
  await bed.pass(10);
  // Made from the record of before.
  bed.worker.say(claimOf(3, 0));
  await bed.pass(10);
  bed.api.release();
  await bed.pass(10);
  assert.deepEqual([bed.status().holder, bed.status().epoch, bed.writes()], ['node1', 3, 2]);
  assert.deepEqual(recordedBy(bed), [1, 3]);
  assert.equal(bed.worker.count('refused'), 0);
});

test('a claim above one of ours that was written, and whose answer was lost, is written on top of it', async () => {
  const bed = await bedWith();
  bed.virtualIPs.hold();
  bed.api.after = (request) => {
    if (isStatusPatch(request)) fail();
  };
  bed.worker.claims(1);
  await bed.pass(10);
  bed.worker.say(claimOf(2, 0));
  bed.api.recover();
  await bed.pass(1500);
  assert.deepEqual([bed.status().holder, bed.status().epoch], ['node1', 2]);
  assert.deepEqual([recordedBy(bed), bed.worker.count('refused')], [[2], 0]);
});

test('a claim above one that somebody else recorded is refused, however high it is', async () => {
  const bed = await bedWith();
  bed.virtualIPs.hold();
  bed.cluster.change(VIRTUAL_IP, { name: NAME }, (object) => {
    object.status = { holder: 'node2', epoch: 1 };
  });
  bed.worker.say(claimOf(2, 0), claimOf(5, 0));
  await bed.pass(1500);
  assert.deepEqual(bed.worker.last('refused'), { kind: 'refused', uid: UID, epoch: 5 });
  assert.deepEqual([recordedBy(bed), bed.status().holder], [[], 'node2']);
});

test('a claim whose answer was lost is found recorded, not refused', async () => {
  const bed = await bedWith();
  bed.virtualIPs.hold();
  let isFirst = true;
  bed.api.after = (request) => {
    const isLost = isStatusPatch(request) && isFirst;
    if (isLost) isFirst = false;
    if (isLost) fail();
  };
  bed.worker.claims(1);
  await bed.pass(1500);
  assert.equal(bed.writes(), 2);
  assert.deepEqual(bed.worker.last('recorded'), { kind: 'recorded', uid: UID, epoch: 1 });
  assert.equal(bed.worker.count('refused'), 0);
});

test('a claim that was withdrawn is not written any more', async () => {
  const bed = await bedWith();
  bed.api.before = (request) => {
    if (isStatusPatch(request)) fail();
  };
  bed.worker.claims(1);
  await bed.pass(10);
  bed.worker.say({ kind: 'withdrawn', uid: UID, name: NAME, reason: 'TakenOver' }, GONE);
  bed.api.recover();
  const before = bed.writes();
  await bed.pass(60_000);
  assert.equal(bed.writes(), before);
  assert.equal(bed.status().holder, undefined);
});

test('a claim for an object that is gone is refused', async () => {
  const bed = await bedWith();
  bed.virtualIPs.hold();
  bed.cluster.erase(VIRTUAL_IP, { name: NAME });
  bed.worker.claims(1);
  await bed.pass(1);
  assert.equal(bed.worker.count('refused'), 1, 'not refused while the watch does not know yet');
  bed.virtualIPs.release();
  bed.worker.claims(2);
  await bed.pass(1);
  assert.deepEqual(bed.worker.last('refused'), { kind: 'refused', uid: UID, epoch: 2 });
});

test('at most 16 writes are in flight, and all are done in the end', async () => {
  const bed = new AgentBed();
  const names = Array.from({ length: 40 }, (_, i) => `10.77.1.${i}`);
  for (const name of names) bed.cluster.put(VIRTUAL_IP, virtualIP({ name, uid: `uid-${name}` }));
  await bed.start();
  bed.api.isHeld = true;
  const held = names.map((name) => ({ uid: `uid-${name}`, name, epoch: 1, link: 'eth0' }));
  bed.worker.say(...held.map((each) => ({ kind: 'claim', ...each, previous: 0 }) as const));
  bed.worker.held(...held);
  await bed.pass(10);
  assert.equal(bed.writes(), 16);
  bed.api.release();
  await bed.pass(10);
  assert.equal(bed.worker.count('recorded'), 40);
});

test('a held address without a fitting link is recorded as such, and again when a link fits', async () => {
  const bed = await bedWith();
  bed.worker.claims(1, { isLinked: false });
  await bed.pass(1);
  const conditionOf = () => (bed.status().conditions as Record<string, unknown>[])[0];
  assert.equal(bed.status().phase, 'Pending');
  assert.equal(conditionOf()?.status, 'False');
  assert.equal(conditionOf()?.reason, 'NoLink');
  bed.worker.held({ uid: UID, name: NAME, epoch: 1, link: 'eth1' });
  await bed.pass(1);
  assert.equal(bed.status().phase, 'Announced');
  assert.deepEqual([conditionOf()?.status, conditionOf()?.message], ['True', 'eth1 on node1']);
  assert.equal(bed.status().epoch, 1);
  await bed.pass(60_000);
  assert.equal(bed.writes(), 2, 'a condition that is true already was written again');
});

async function pageOf(bed: AgentBed): Promise<string> {
  const page = bed.metrics.page();
  await bed.pass(1000);
  return (await page).body;
}

test('a re-plan without this node does not release an address whose claim is still being recorded', async () => {
  const bed = await bedWith();
  bed.api.before = (request) => {
    if (isStatusPatch(request)) fail();
  };
  bed.worker.claims(1);
  await bed.pass(1);
  bed.cluster.put(VIRTUAL_IP, virtualIP({ candidates: ['node2'] }));
  await bed.pass(1);
  assert.equal(bed.worker.last('want')?.addresses[0]?.uid, UID);
  bed.worker.held();
  await bed.pass(1);
  assert.equal(bed.worker.last('want')?.addresses[0]?.isLastResort, true);
});

test('a record that has gone back while the address is held is written again', async () => {
  const bed = await bedWith();
  bed.worker.claims(1);
  await bed.pass(1);
  bed.worker.claims(2);
  await bed.pass(1);
  bed.cluster.change(VIRTUAL_IP, { name: NAME }, (object) => {
    object.status = { epoch: 0 };
  });
  await bed.pass(10);
  const { holder, epoch, phase } = bed.status();
  assert.deepEqual({ holder, epoch, phase }, { holder: 'node1', epoch: 2, phase: 'Announced' });
  // An agent that did not know the former record claims with a lower epoch.
  bed.cluster.change(VIRTUAL_IP, { name: NAME }, (object) => {
    object.status = { holder: 'node2', epoch: 1, phase: 'Announced' };
  });
  await bed.pass(10);
  assert.deepEqual([bed.status().holder, bed.status().epoch], ['node1', 2]);
  const again = bed.log.at('warn').filter((message) => message.startsWith('record has gone back'));
  assert.equal(again.length, 2);
});

test('a record that has gone back is left to others once the address is withdrawn', async () => {
  const bed = await bedWith();
  bed.worker.claims(1);
  await bed.pass(1);
  bed.worker.say({ kind: 'withdrawn', uid: UID, name: NAME, reason: 'LostElection' });
  bed.worker.held();
  const before = bed.writes();
  bed.cluster.change(VIRTUAL_IP, { name: NAME }, (object) => {
    object.status = { epoch: 0 };
  });
  await bed.pass(1000);
  assert.equal(bed.writes(), before);
});
