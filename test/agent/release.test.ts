// VirtualIPs that are being deleted, or stay without a Service: the withdraw finalizer goes, or the status says Withdrawn,
// when the address is silent, not before.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VIRTUAL_IP } from '../../src/kube/kinds.ts';
import type { Condition } from '../../src/resource/condition.ts';
import { fail } from '../fake/fake-kube-api.ts';
import { AgentBed, GONE, NAME, UID, virtualIP } from './agent-bed.ts';

const MINE = { holder: 'node1', epoch: 3, phase: 'Announced' };
const DELETED = '2026-12-01T10:00:05Z';

function finalizers(bed: AgentBed): unknown {
  return (bed.cluster.stored(VIRTUAL_IP, { name: NAME })?.metadata as { finalizers?: unknown } | undefined)
    ?.finalizers;
}

function deleteIt(bed: AgentBed): void {
  bed.cluster.change(VIRTUAL_IP, { name: NAME }, (object) => {
    (object.metadata as Record<string, unknown>).deletionTimestamp = DELETED;
  });
}

/** An agent that holds an address whose VirtualIP was deleted a moment ago. */
async function deletedWhileHeld(): Promise<AgentBed> {
  const bed = new AgentBed();
  bed.cluster.put(VIRTUAL_IP, virtualIP({ status: MINE }));
  await bed.start();
  bed.worker.held({ uid: UID, name: NAME, epoch: 3, link: 'eth0' });
  await bed.pass(10);
  deleteIt(bed);
  return bed;
}

test('the finalizer goes only after the worker has fallen silent', async () => {
  const bed = await deletedWhileHeld();
  await bed.pass(1000);
  assert.deepEqual(bed.worker.last('want')?.dropped, [UID]);
  assert.deepEqual(finalizers(bed), ['example.com/other', 'fairlead.io/withdraw']);
  bed.worker.say({ kind: 'withdrawn', uid: UID, name: NAME, reason: 'Released' }, GONE);
  await bed.pass(1);
  assert.deepEqual(finalizers(bed), ['example.com/other']);
});

test('what was deleted while the agent was away is released at start', async () => {
  const bed = new AgentBed();
  bed.cluster.put(VIRTUAL_IP, virtualIP({ status: MINE, deletionTimestamp: DELETED }));
  await bed.start();
  assert.deepEqual(finalizers(bed), ['example.com/other']);
});

test('what was wanted but never held is released once the worker was told', async () => {
  const bed = new AgentBed();
  bed.cluster.put(VIRTUAL_IP, virtualIP({ status: MINE }));
  await bed.start();
  deleteIt(bed);
  await bed.pass(10);
  assert.deepEqual(bed.worker.last('want')?.dropped, [UID]);
  assert.deepEqual(finalizers(bed), ['example.com/other']);
});

const SILENT = [{ kind: 'withdrawn', uid: UID, name: NAME, reason: 'Released' }, GONE] as const;

function use(bed: AgentBed, spec: object): void {
  bed.cluster.change(VIRTUAL_IP, { name: NAME }, (object) => {
    object.spec = { ...(object.spec as object), ...spec };
  });
}

/** `Withdrawn False no Service uses the address` */
function said(bed: AgentBed): string {
  const { status } = bed.cluster.stored(VIRTUAL_IP, { name: NAME }) as unknown as {
    readonly status: { readonly phase: string; readonly conditions?: readonly Condition[] };
  };
  const announced = (status.conditions ?? []).map((condition) => `${condition.status} ${condition.message}`);
  return [status.phase, ...announced].join(' ');
}

test('what stays without a Service says Withdrawn once it is silent, and Announced when it is used again', async () => {
  const bed = new AgentBed();
  const object = virtualIP({ status: MINE }) as { readonly spec: { readonly services: readonly object[] } };
  bed.cluster.put(VIRTUAL_IP, object);
  await bed.start();
  bed.worker.held({ uid: UID, name: NAME, epoch: 3, link: 'eth0' });
  await bed.pass(10);
  assert.equal(said(bed), 'Announced True eth0 on node1');
  use(bed, { services: [], candidates: [] });
  await bed.pass(1000);
  assert.equal(said(bed), 'Announced True eth0 on node1');
  bed.worker.say(...SILENT);
  await bed.pass(10);
  assert.equal(said(bed), 'Withdrawn False no Service uses the address');
  const writes = bed.writes();
  await bed.pass(60_000);
  assert.equal(bed.writes(), writes);
  use(bed, { services: object.spec.services, candidates: ['node1'] });
  await bed.pass(10);
  bed.worker.held({ uid: UID, name: NAME, epoch: 3, link: 'eth0' });
  await bed.pass(10);
  assert.equal(said(bed), 'Announced True eth0 on node1');
});

test('what nobody is to announce any more says Withdrawn, and what another holds is left alone', async () => {
  for (const [holder, want] of [
    ['node1', 'Withdrawn False it is not to be announced'],
    ['node2', 'Announced'],
  ] as const) {
    const bed = new AgentBed();
    bed.cluster.put(VIRTUAL_IP, virtualIP({ status: { ...MINE, holder } }));
    use(bed, { advertisements: [], candidates: [] });
    await bed.start();
    await bed.pass(10);
    assert.equal(said(bed), want);
  }
});

test("another holder's finalizer is left alone", async () => {
  const bed = new AgentBed();
  const status = { ...MINE, holder: 'node2' };
  bed.cluster.put(VIRTUAL_IP, virtualIP({ status, deletionTimestamp: DELETED }));
  await bed.start();
  await bed.pass(60_000);
  assert.deepEqual(finalizers(bed), ['example.com/other', 'fairlead.io/withdraw']);
  assert.equal(bed.writes(), 0);
});

test('a finalizer that has moved in its list is still found', async () => {
  const bed = await deletedWhileHeld();
  await bed.pass(10);
  bed.virtualIPs.hold();
  bed.cluster.change(VIRTUAL_IP, { name: NAME }, (object) => {
    (object.metadata as { finalizers: string[] }).finalizers = ['fairlead.io/withdraw', 'z'];
  });
  bed.worker.say({ kind: 'withdrawn', uid: UID, name: NAME, reason: 'Released' }, GONE);
  await bed.pass(10);
  assert.deepEqual(finalizers(bed), ['fairlead.io/withdraw', 'z']);
  bed.virtualIPs.release();
  await bed.pass(1500);
  assert.deepEqual(finalizers(bed), ['z']);
});

test('a release is tried again until the API takes it, and the object goes with the last finalizer', async () => {
  const bed = new AgentBed();
  let failures = 2;
  bed.api.before = ({ verb }) => {
    if (verb === 'patch' && failures-- > 0) fail();
  };
  const object = virtualIP({ status: MINE, deletionTimestamp: DELETED });
  Object.assign((object as { metadata: object }).metadata, { finalizers: ['fairlead.io/withdraw'] });
  bed.cluster.put(VIRTUAL_IP, object);
  await bed.start();
  await bed.pass(2500);
  assert.equal(bed.cluster.stored(VIRTUAL_IP, { name: NAME }), undefined);
});
