// What the wire worker is told to want: everything once, then what changed and what was dropped.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { AgentBed, virtualIP } from './agent-bed.ts';

const nameOf = (number: number): string => `10.77.0.${number}`;

const put = (bed: AgentBed, number: number, changes: Parameters<typeof virtualIP>[0] = {}): void =>
  bed.cluster.put(VIRTUAL_IP, virtualIP({ name: nameOf(number), uid: `uid-${number}`, ...changes }));

/** `whole +uid-1 +uid-2 -uid-3` of each message since the last call. */
function told(bed: AgentBed): readonly string[] {
  return bed.worker.sent.splice(0).flatMap((message) => {
    if (message.kind !== 'want') return [];
    const words = [
      ...(message.isWhole ? ['whole'] : []),
      ...message.addresses.map(({ uid }) => `+${uid}`),
      ...message.dropped.map((uid) => `-${uid}`),
    ];
    return words.join(' ');
  });
}

async function bedOf(...numbers: readonly number[]): Promise<AgentBed> {
  const bed = new AgentBed();
  for (const number of numbers) put(bed, number);
  await bed.start();
  return bed;
}

test('the first message is whole, also when nothing is wanted', async () => {
  assert.deepEqual(told(await bedOf(1, 2)), ['whole +uid-1 +uid-2']);
  assert.deepEqual(told(await bedOf()), ['whole']);
});

test('then only what changed is sent, and what happens in one turn together', async () => {
  const bed = await bedOf(1, 2, 3);
  told(bed);
  put(bed, 4);
  put(bed, 2, { candidates: ['node1'] });
  bed.cluster.erase(VIRTUAL_IP, { name: nameOf(3) });
  await bed.pass(1);
  assert.deepEqual(told(bed), ['+uid-4 +uid-2 -uid-3']);
  put(bed, 2, { candidates: ['node1'] });
  await bed.pass(1);
  assert.deepEqual(told(bed), [], 'nothing about it is new');
});

test('an address that is made anew is dropped under its old uid and wanted under the new one', async () => {
  const bed = await bedOf(1);
  told(bed);
  bed.cluster.erase(VIRTUAL_IP, { name: nameOf(1) });
  put(bed, 1, { uid: 'uid-new' });
  await bed.pass(1);
  assert.deepEqual(told(bed), ['+uid-new -uid-1']);
});

test('what comes and goes within one turn is not sent', async () => {
  const bed = await bedOf(1);
  told(bed);
  put(bed, 2);
  bed.cluster.erase(VIRTUAL_IP, { name: nameOf(2) });
  await bed.pass(1);
  assert.deepEqual(told(bed), []);
});

test('what changed before the watch had seen everything is part of the first message', async () => {
  const bed = new AgentBed();
  bed.agent.start();
  put(bed, 1);
  await bed.pass(10);
  assert.deepEqual(told(bed), []);
  bed.virtualIPs.completeSync();
  await bed.pass(1);
  assert.deepEqual(told(bed), ['whole +uid-1']);
});

test('the worker says what changed of what is held, and the agent keeps the rest', async () => {
  const bed = await bedOf();
  const heldOf = (number: number) => ({ uid: `uid-${number}`, name: nameOf(number), epoch: 1, link: 'eth0' });
  bed.worker.say({ kind: 'held', isWhole: true, changed: [heldOf(1), heldOf(2)], gone: [] });
  bed.worker.say({ kind: 'held', isWhole: false, changed: [heldOf(3)], gone: ['uid-1', 'uid-9'] });
  assert.equal(bed.agent.heldCount(), 2);
  bed.worker.say({ kind: 'held', isWhole: true, changed: [heldOf(4)], gone: [] });
  assert.equal(bed.agent.heldCount(), 1, 'all the others are not held any more');
});
