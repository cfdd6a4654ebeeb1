// A Service that was refused is looked at again by time as well, ever less often, and nothing is written for that.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fail } from '../fake/fake-kube-api.ts';
import { Bed, type Running } from './bed.ts';

const KEY = 'service/web/late';

/** A Service waits for the only address of the pool. */
async function waiting(): Promise<{ bed: Bed; running: Running }> {
  const bed = new Bed();
  bed.node('n1');
  bed.pool('default', '10.77.0.50');
  const running = await bed.start();
  bed.createService('first');
  await bed.settle();
  bed.createService('late');
  await bed.settle();
  assert.equal(bed.service('late').conditions[0]?.reason, 'PoolsExhausted');
  return { bed, running };
}

/** The seconds from now on at which the Service was looked at. */
async function looksWithin(bed: Bed, { queue }: Running, count: number): Promise<readonly number[]> {
  const looks: number[] = [];
  for (let second = 1; second <= count; second++) {
    const before = queue.taken.length;
    await bed.pass(1000);
    for (const key of queue.taken.slice(before)) if (key === KEY) looks.push(second);
  }
  return looks;
}

test('it is looked at after 5 s, 10 s more and so on up to 300 s, and nothing is written', async () => {
  const { bed, running } = await waiting();
  assert.deepEqual(await looksWithin(bed, running, 6), [5]);
  bed.cluster.writes.length = 0;
  assert.deepEqual(await looksWithin(bed, running, 1294), [9, 29, 69, 149, 309, 609, 909, 1209]);
  assert.deepEqual(bed.cluster.writes, []);
  assert.equal(running.events.filter((event) => event.includes('web/late')).length, 1);
});

test('what happens meanwhile neither hurries nor delays it, and another refusal begins anew', async () => {
  const { bed, running } = await waiting();
  await bed.pass(16_000);
  bed.annotate('late', { 'example.com/note': 'x' });
  await bed.settle();
  assert.deepEqual(await looksWithin(bed, running, 30), [19]);
  bed.annotate('late', { 'fairlead.io/pool': 'other' });
  await bed.settle();
  assert.deepEqual(await looksWithin(bed, running, 20), [5, 15]);
});

test('it has its address at once when there is one, and is not looked at any more', async () => {
  const { bed, running } = await waiting();
  await bed.pass(40_000);
  bed.deleteService('first');
  await bed.settle();
  assert.equal(bed.service('late').ingress[0]?.ip, '10.77.0.50');
  assert.deepEqual(await looksWithin(bed, running, 400), []);
});

test('a write that fails when its time has come is tried again after 5 s, not after the long wait', async () => {
  const { bed, running } = await waiting();
  await bed.pass(200_000);
  running.api.before = ({ verb }) => {
    if (verb !== 'create') return;
    running.api.recover();
    fail();
  };
  bed.pool('default', '10.77.0.50-10.77.0.51');
  await bed.settle();
  await bed.pass(6000);
  assert.equal(bed.service('late').ingress[0]?.ip, '10.77.0.51');
});

test('one that goes while it waits is forgotten', async () => {
  const { bed, running } = await waiting();
  bed.deleteService('late');
  await bed.settle();
  const looks = await looksWithin(bed, running, 400);
  assert.ok(looks.length <= 1, `${looks}`);
});

test('a Service that waits keeps no other from being published at once', async () => {
  const { bed, running } = await waiting();
  bed.poolWith('other', { addresses: ['10.77.0.60'], autoAssign: false });
  await bed.settle();
  assert.equal(bed.service('late').ingress.length, 0);
  const before = running.queue.taken.length;
  bed.createService('alone', {}, { annotations: { 'fairlead.io/pool': 'other' } });
  await running.queue.idle();
  assert.equal(bed.service('alone').ingress[0]?.ip, '10.77.0.60', 'before its claim is recorded');
  assert.ok(running.queue.taken.length > before);
});

test('while its write fails, one that waits for its second family as well is retried after 5 s, not at once', async () => {
  const bed = new Bed();
  bed.node('n1');
  bed.pool('default', '10.77.0.50');
  const { api } = await bed.start();
  let creates = 0;
  api.before = ({ verb }) => {
    if (verb !== 'create') return;
    creates++;
    fail();
  };
  bed.createService('both', { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' });
  await bed.pass(4000);
  // Our own finalizer is a change of the Service that comes while it is worked on.
  assert.equal(creates, 2);
  await bed.pass(5000);
  assert.equal(creates, 3);
  api.recover();
  await bed.pass(6000);
  assert.equal(bed.service('both').ingress[0]?.ip, '10.77.0.50');
  bed.pool('six', 'fd77::1');
  await bed.settle();
  assert.equal(bed.virtualIPs().length, 2, 'it goes on waiting for the other');
  bed.assertSound();
});
