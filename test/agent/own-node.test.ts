// What an agent makes of its own Node: whether it may be the last resort for addresses that it is no candidate for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NODE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { fail } from '../fake/fake-kube-api.ts';
import { AgentBed, UID, virtualIP } from './agent-bed.ts';

const EXCLUDE = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** Node1 is no candidate. */
async function outsider(change: (bed: AgentBed) => void = () => {}): Promise<AgentBed> {
  const bed = new AgentBed();
  bed.cluster.put(VIRTUAL_IP, virtualIP({ candidates: ['node2'] }));
  change(bed);
  await bed.start();
  await bed.pass(100);
  return bed;
}

const label = (bed: AgentBed, labels: Record<string, string>): void =>
  bed.cluster.put(NODE, { metadata: { name: 'node1', uid: 'uid-node1', labels } });

/** As the worker was last told. */
const wanted = (bed: AgentBed): readonly (boolean | undefined)[] => {
  const told = new Map<string, boolean | undefined>();
  for (const message of bed.worker.sent) {
    if (message.kind !== 'want') continue;
    for (const uid of message.dropped) told.delete(uid);
    for (const { uid, isLastResort } of message.addresses) told.set(uid, isLastResort);
  }
  return [...told.values()];
};

test('an address of others is wanted as the last resort', async () => {
  const bed = await outsider();
  assert.deepEqual(wanted(bed), [true]);
  assert.equal(bed.worker.last('want')?.addresses[0]?.uid, UID);
});

test('not on a node that is excluded; that is looked at once a minute', async () => {
  const bed = await outsider((it) => label(it, { [EXCLUDE]: '' }));
  assert.deepEqual(wanted(bed), []);
  label(bed, {});
  await bed.pass(61_000);
  assert.deepEqual(wanted(bed), [true]);
  label(bed, { [EXCLUDE]: 'true' });
  await bed.pass(61_000);
  assert.deepEqual(wanted(bed), []);
});

test('nor before the Node was read; what was read last counts while it can not be', async () => {
  const refuse = (bed: AgentBed): void => {
    bed.api.before = ({ plural }) => {
      if (plural === 'nodes') fail('Forbidden');
    };
  };
  const bed = await outsider(refuse);
  assert.deepEqual(wanted(bed), []);
  bed.api.recover();
  await bed.pass(61_000);
  assert.deepEqual(wanted(bed), [true]);
  refuse(bed);
  await bed.pass(300_000);
  assert.deepEqual(wanted(bed), [true]);
});
