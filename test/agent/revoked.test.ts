// What an agent makes of deletions: it tells its worker of those that it has seen, and asks the API about those that a
// peer tells of. ELECTION.md section 10.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StateStore } from '../../src/host/host.ts';
import { VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { AgentBed, NAME, UID, virtualIP } from './agent-bed.ts';

/** Node1 holds the address at epoch 4. */
async function holding(store?: StateStore): Promise<AgentBed> {
  const bed = new AgentBed(store);
  bed.cluster.put(VIRTUAL_IP, virtualIP({ status: { holder: 'node1', epoch: 4 } }));
  await bed.start();
  bed.worker.held({ uid: UID, name: NAME, epoch: 4, link: 'eth0' });
  await bed.pass(2000);
  return bed;
}

const revoke = async (bed: AgentBed): Promise<void> => {
  bed.worker.say({ kind: 'revoked', uid: UID, name: NAME });
  await bed.pass(10);
};

const isListed = (bed: AgentBed): boolean | undefined => bed.worker.last('judged')?.isListed;

test('the worker is told of each VirtualIP that the API has shown to be deleted, wanted or not', async () => {
  const bed = new AgentBed();
  bed.cluster.put(VIRTUAL_IP, virtualIP());
  bed.cluster.put(VIRTUAL_IP, virtualIP({ name: '10.77.0.51', uid: 'uid-51', candidates: ['node2'] }));
  await bed.start();
  assert.equal(bed.worker.count('deleted'), 0);
  for (const name of [NAME, '10.77.0.51']) bed.cluster.erase(VIRTUAL_IP, { name });
  await bed.pass(10);
  const told = bed.worker.sent.flatMap((message) => (message.kind === 'deleted' ? message.uids : []));
  assert.deepEqual(told, [UID, 'uid-51']);
});

test('what the API lists is not deleted, whatever a peer says', async () => {
  const bed = await holding();
  await revoke(bed);
  assert.equal(isListed(bed), true);
  assert.deepEqual(bed.worker.last('want')?.dropped, []);
});

test('a watch that stands still is found out by a read', async () => {
  for (const next of [undefined, 'uid-51']) {
    const bed = await holding();
    bed.virtualIPs.hold();
    bed.cluster.erase(VIRTUAL_IP, { name: NAME });
    if (next !== undefined) bed.cluster.put(VIRTUAL_IP, virtualIP({ uid: next }));
    await revoke(bed);
    assert.equal(isListed(bed), false);
    assert.deepEqual(bed.worker.last('want')?.dropped, [UID]);
  }
});

class FakeStore implements StateStore {
  kept: string | undefined;

  read(): Promise<string | undefined> {
    return Promise.resolve(this.kept);
  }

  write(text: string): Promise<void> {
    this.kept = text;
    return Promise.resolve();
  }
}

test('with the API away the peer is believed at once, and the next start does not bring it back', async () => {
  const store = new FakeStore();
  const bed = await holding(store);
  assert.match(store.kept ?? '', new RegExp(UID));
  bed.virtualIPs.setState('Lost');
  const requests = bed.api.requests.length;
  await revoke(bed);
  assert.deepEqual([isListed(bed), bed.api.requests.length], [false, requests]);
  assert.deepEqual(bed.worker.last('want')?.dropped, [UID]);
  await bed.pass(2000);
  assert.doesNotMatch(store.kept ?? '', new RegExp(UID));
});

test('when the API is back and lists it, it is wanted again', async () => {
  const bed = await holding();
  bed.virtualIPs.setState('Lost');
  await revoke(bed);
  bed.virtualIPs.setState('Synced');
  await bed.pass(10);
  assert.deepEqual(
    bed.worker.last('want')?.addresses.map(({ uid }) => uid),
    [UID],
  );
});
