// SIGTERM: make before break (ELECTION.md section 8).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { AgentBed, GONE, NAME, UID, virtualIP } from './agent-bed.ts';

interface Leaving {
  readonly bed: AgentBed;
  readonly isOver: () => boolean;
}

/** An agent that holds one address recorded for it and has got SIGTERM. */
async function leave(bed: AgentBed, others: readonly string[] = ['node2']): Promise<Leaving> {
  bed.cluster.put(VIRTUAL_IP, virtualIP({ status: { holder: 'node1', epoch: 1, phase: 'Announced' } }));
  await bed.start({ others });
  bed.worker.held({ uid: UID, name: NAME, epoch: 1, link: 'eth0' });
  await bed.pass(10);
  let isOver = false;
  void bed.agent.stop().then(() => {
    isOver = true;
  });
  await bed.pass(10);
  return { bed, isOver: () => isOver };
}

test('leaving: claims stop, the Lease is released, the worker answers until another has recorded its claim', async () => {
  const { bed, isOver } = await leave(new AgentBed());
  assert.equal(bed.worker.count('leave'), 1);
  assert.equal(bed.lease.state, 'Released');
  await bed.pass(5000);
  assert.equal(isOver(), false);
  assert.equal(bed.worker.isStopped, false, 'silent before anybody took over');
  bed.cluster.change(VIRTUAL_IP, { name: NAME }, (object) => {
    object.status = { holder: 'node2', epoch: 2 };
  });
  await bed.pass(10);
  assert.deepEqual(bed.worker.last('want')?.addresses[0]?.record, { holder: 'node2', epoch: 2 });
  bed.worker.say({ kind: 'withdrawn', uid: UID, name: NAME, reason: 'TakenOver' }, GONE, { kind: 'left' });
  await bed.pass(10);
  assert.equal(isOver(), true);
  assert.equal(bed.worker.isStopped, true);
  assert.equal(bed.virtualIPs.isStopped && bed.leases.isStopped, true);
  assert.deepEqual(bed.time.pending(), [], 'timers are left');
});

test('leaving alone ends at once: nobody else could take what is held', async () => {
  const { bed, isOver } = await leave(new AgentBed(), []);
  assert.equal(bed.lease.state, 'Stopped');
  assert.equal(isOver(), true);
});

test('leaving ends when the last possible successor dies', async () => {
  const { bed, isOver } = await leave(new AgentBed());
  assert.equal(isOver(), false);
  bed.renew('node2', '');
  await bed.pass(10);
  assert.equal(isOver(), true);
});

test('leaving waits 25 s for a successor, not longer', async () => {
  const { bed, isOver } = await leave(new AgentBed());
  for (let i = 0; i < 8; i++) {
    await bed.pass(3000);
    bed.renew('node2');
  }
  assert.equal(isOver(), false);
  await bed.pass(1000);
  assert.equal(isOver(), true);
  assert.ok(bed.log.lines.some(({ values }) => values.result === 'DeadlinePassed'));
});

test('a Lease that can not be released is tried again while there is somebody to wait for', async () => {
  const bed = new AgentBed();
  bed.lease.failures = 2;
  await leave(bed);
  await bed.pass(1000);
  assert.equal(bed.lease.releases, 3);
  assert.equal(bed.lease.state, 'Released');
  assert.deepEqual(bed.log.at('warn').filter((line) => line === 'Lease not released').length, 2);
});

test('with nothing held it leaves at once, and says so in its Announcer', async () => {
  const bed = new AgentBed();
  await bed.start();
  await bed.agent.stop();
  assert.equal(bed.lease.releases, 1);
  assert.equal(bed.worker.isStopped, true);
  const announcer = bed.api.requests.filter(({ plural }) => plural === 'announcers');
  assert.equal(announcer.at(-1)?.subresource, 'status');
  assert.deepEqual(bed.time.pending(), [], 'timers are left');
});
