// What an agent keeps for its next start, and what it does with it when the API is away.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StateStore } from '../../src/host/host.ts';
import { VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { AgentBed, NAME, UID, virtualIP } from './agent-bed.ts';

class FakeStore implements StateStore {
  /** What was written, in order. */
  readonly written: string[] = [];
  kept: string | undefined;
  failure: Error | undefined;

  read(): Promise<string | undefined> {
    return Promise.resolve(this.kept);
  }

  write(text: string): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.written.push(text);
    this.kept = text;
    return Promise.resolve();
  }
}

/** What a life of the agent has left that held the address at epoch 4, of which the API knew 3. */
async function leftBehind(): Promise<FakeStore> {
  const store = new FakeStore();
  const bed = new AgentBed(store);
  bed.cluster.put(VIRTUAL_IP, virtualIP({ status: { holder: 'node1', epoch: 3 } }));
  await bed.start();
  const held = { uid: UID, name: NAME, epoch: 4, link: 'eth0' };
  bed.worker.say({ kind: 'held', isWhole: true, changed: [held], gone: [] });
  await bed.pass(2000);
  return store;
}

const wants = (bed: AgentBed) => bed.worker.sent.filter((message) => message.kind === 'want');

test('what concerns the node is kept, with the keys and the epoch that it holds', async () => {
  const store = await leftBehind();
  const kept = JSON.parse(store.kept ?? '') as Record<string, unknown>;
  assert.equal(kept.version, 1);
  assert.equal((kept.keys as { clusterUid: string }).clusterUid, 'uid-cluster');
  const [only, ...others] = kept.virtualIPs as { metadata: { uid: string }; status: object }[];
  assert.deepEqual([only?.metadata.uid, others.length], [UID, 0]);
  assert.deepEqual(only?.status, { holder: 'node1', epoch: 4, phase: 'Pending' });
});

test('it is written once a second at most, and not at all when nothing changed', async () => {
  const store = new FakeStore();
  const bed = new AgentBed(store);
  bed.cluster.put(VIRTUAL_IP, virtualIP());
  await bed.start();
  await bed.pass(5000);
  const before = store.written.length;
  for (let epoch = 1; epoch <= 20; epoch++) {
    bed.cluster.put(VIRTUAL_IP, virtualIP({ status: { holder: 'node2', epoch } }));
    await bed.pass(100);
  }
  await bed.pass(1000);
  const writes = store.written.length - before;
  assert.ok(writes >= 2 && writes <= 4, `${writes} writes in 3 s`);
  await bed.pass(60_000);
  assert.equal(store.written.length - before, writes);
  assert.match(store.kept ?? '', /"epoch":20/);
});

test('with the API away since before the start the node goes on with it after three seconds', async () => {
  const bed = new AgentBed(await leftBehind());
  bed.agent.start();
  bed.worker.say({ kind: 'ready' });
  await bed.pass(2999);
  assert.deepEqual(wants(bed), []);
  await bed.pass(2);
  const [want, ...others] = wants(bed);
  assert.equal(others.length, 0);
  assert.deepEqual(
    want?.addresses.map(({ uid, record }) => [uid, record]),
    [[UID, { holder: 'node1', epoch: 4 }]],
  );
  assert.ok(bed.worker.sent.some(({ kind }) => kind === 'heartbeats'));
});

test('what the API does not show when it is back is not wanted any more', async () => {
  const bed = new AgentBed(await leftBehind());
  bed.agent.start();
  await bed.pass(4000);
  bed.leases.completeSync();
  bed.virtualIPs.completeSync();
  await bed.pass(1);
  assert.deepEqual(wants(bed).at(-1)?.dropped, [UID]);
});

test('an API that answers in time is believed, and nothing that was kept', async () => {
  const bed = new AgentBed(await leftBehind());
  await bed.start();
  await bed.pass(10_000);
  assert.deepEqual(
    wants(bed).flatMap(({ addresses }) => addresses),
    [],
  );
});

test('what can not be read is told, and the agent waits for the API', async () => {
  for (const kept of ['{"version":1,', '{"version":2,"virtualIPs":[]}', '{"version":1,"virtualIPs":[7]}']) {
    const store = new FakeStore();
    store.kept = kept;
    const bed = new AgentBed(store);
    bed.agent.start();
    await bed.pass(5000);
    assert.deepEqual(wants(bed), []);
    assert.ok(
      bed.log.lines.some(
        ({ level, message }) => level === 'warn' && message === 'saved state not understood',
      ),
    );
  }
});

test('a disk that takes nothing is told of once, and tried again', async () => {
  const store = new FakeStore();
  store.failure = new Error('write state file: ENOSPC');
  const bed = new AgentBed(store);
  await bed.start();
  for (let epoch = 1; epoch <= 3; epoch++) {
    bed.cluster.put(VIRTUAL_IP, virtualIP({ status: { holder: 'node2', epoch } }));
    await bed.pass(1500);
  }
  const told = bed.log.lines.filter(({ message }) => message === 'state not saved');
  assert.equal(told.filter(({ level }) => level === 'warn').length, 1);
  assert.ok(told.length > 1);
  store.failure = undefined;
  bed.cluster.put(VIRTUAL_IP, virtualIP({ status: { holder: 'node2', epoch: 4 } }));
  await bed.pass(1500);
  assert.match(store.kept ?? '', /"epoch":4/);
});
