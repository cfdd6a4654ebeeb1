// Queues of the kernel that are full: requests that come faster than they are taken, replies that do not leave,
// notifications that are lost. The worker goes on, right and without spinning, and what was lost is counted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WireCounters } from '../../src/wire-worker/messages.ts';
import { requestFor } from '../fake/fake-wire.ts';
import { Bed, NODE_MAC, runBatch, SKIP } from './bed.ts';
import { steady, WireProcess } from './wire-process.ts';

const VIP = '10.77.0.50';
const OTHER_MAC = '02:00:00:00:00:99';

/** Asks for the counters until they are as wanted. */
async function countersWhen(
  wire: WireProcess,
  isRight: (counters: WireCounters) => boolean,
): Promise<WireCounters> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const counters = await wire.counters();
    if (isRight(counters)) return counters;
  }
  throw new Error(`wait for counters: ${JSON.stringify(await wire.counters())}`);
}

test('requests that fill the queue while the worker stands still are dropped and counted, the others answered', {
  skip: SKIP,
}, async (t) => {
  const bed = new Bed(t);
  const client = bed.socket(t, bed.client);
  const wire = await WireProcess.holding(t, steady(bed.node), [VIP]);
  assert.deepEqual(bed.arping(VIP), [NODE_MAC]);
  const before = await wire.counters();
  assert.equal(before.kernelDrops, 0);
  wire.kill('SIGSTOP');
  const sent = 40_000;
  const frame = requestFor(VIP);
  for (let i = 0; i < sent; i++) client.queue(frame, frame.length);
  assert.equal(client.flush(), 0);
  wire.kill('SIGCONT');
  const replies = (counters: WireCounters): number =>
    (counters.repliesByLink.eth0 ?? 0) - (before.repliesByLink.eth0 ?? 0);
  const after = await countersWhen(wire, (counters) => replies(counters) + counters.kernelDrops >= sent);
  assert.equal(replies(after) + after.kernelDrops, sent, 'each is answered or counted as lost');
  assert.ok(after.kernelDrops > 0 && replies(after) > 1000, `${replies(after)} answered`);
  assert.ok(after.turns - before.turns < 5000, `${after.turns - before.turns} turns`);
  assert.deepEqual(bed.arping(VIP), [NODE_MAC]);
});

test('replies that the link does not take are counted, and the next ones leave', {
  skip: SKIP,
}, async (t) => {
  const bed = new Bed(t);
  const client = bed.socket(t, bed.client);
  const wire = await WireProcess.holding(t, steady(bed.node), [VIP]);
  assert.deepEqual(bed.arping(VIP), [NODE_MAC]);
  const before = await wire.counters();
  bed.throttle(true);
  const frame = requestFor(VIP);
  for (let i = 0; i < 200; i++) client.queue(frame, frame.length);
  assert.equal(client.flush(), 0);
  const during = await countersWhen(wire, ({ transmitErrors }) => transmitErrors > 100);
  assert.ok(during.turns - before.turns < 2000, `${during.turns - before.turns} turns`);
  bed.throttle(false);
  assert.deepEqual(bed.arping(VIP), [NODE_MAC]);
});

test('changes whose notifications were lost are found', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.holding(t, steady(bed.node), [VIP]);
  assert.deepEqual(bed.arping(VIP), [NODE_MAC]);
  wire.kill('SIGSTOP');
  const flood = Array.from({ length: 20_000 }, () => [
    'addr add 10.9.9.9/32 dev eth0',
    'addr del 10.9.9.9/32 dev eth0',
  ]);
  runBatch(bed.node, [...flood.flat(), `link set eth0 address ${OTHER_MAC}`, 'link set eth0 name lan']);
  wire.kill('SIGCONT');
  await wire.until('other name', () => wire.heldOn('lan') === 1);
  assert.deepEqual(bed.arping(VIP), [OTHER_MAC]);
  const before = await wire.counters();
  const after = await wire.counters();
  assert.ok(after.turns - before.turns < 50, 'and it is quiet again');
});

test('a link that is down takes nothing (ENETDOWN), and nothing spins', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.holding(t, steady(bed.node), [VIP]);
  const before = await wire.counters();
  // Stopped, the worker learns of the flap by the errors on its socket and by the notification, both at once.
  for (let flap = 0; flap < 20; flap++) {
    wire.kill('SIGSTOP');
    bed.link(bed.node, 'down');
    wire.kill('SIGCONT');
    await wire.until('down', () => wire.held().length === 0);
    bed.link(bed.node, 'up');
    await wire.until('up', () => wire.held().length === 1);
  }
  const after = await wire.counters();
  assert.ok(after.turns - before.turns < 1000, `${after.turns - before.turns} turns`);
  assert.deepEqual(bed.arping(VIP), [NODE_MAC]);
});
