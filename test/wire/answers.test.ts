// The wire worker as a thread in a namespace, asked from another one: what the LAN sees of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../fake/fake-wire.ts';
import { Bed, NODE_MAC, run, SKIP } from './bed.ts';
import { receiveUntil, senderProtocol } from './frames.ts';
import { WireProcess } from './wire-process.ts';

const VIP = '10.77.0.50';
const WRONG_MAC = '02:00:00:00:00:99';

test('a held address is answered with the MAC of the node, another is not', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  await WireProcess.holding(t, bed.node, [VIP]);
  assert.deepEqual(bed.arping(VIP), [NODE_MAC]);
  assert.deepEqual(bed.arping('10.77.0.51'), []);
});

test('a withdrawn address is not answered any more', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.holding(t, bed.node, [VIP]);
  assert.deepEqual(bed.arping(VIP), [NODE_MAC]);
  wire.want([]);
  await wire.line('withdrawn');
  assert.deepEqual(bed.arping(VIP), []);
});

test('taking an address corrects the neighbour table of a client that knows another MAC', {
  skip: SKIP,
}, async (t) => {
  const bed = new Bed(t);
  run('ip', '-n', bed.client, 'neigh', 'replace', VIP, 'lladdr', WRONG_MAC, 'nud', 'stale', 'dev', 'eth0');
  assert.equal(bed.neighbour(VIP), WRONG_MAC);
  const wire = await WireProcess.holding(t, bed.node, [VIP]);
  // The counters come from behind the announcement, so no time has to pass here.
  wire.send({ kind: 'count' });
  const { counters } = await wire.line('counters');
  assert.ok((counters.announcementsByLink.eth0 ?? 0) >= 2);
  assert.equal(bed.neighbour(VIP), NODE_MAC);
});

test('a thousand addresses taken at once are all announced', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  const listener = bed.socket(t, bed.client);
  const addresses = Array.from({ length: 1000 }, (_, i) => `10.77.${1 + (i >> 8)}.${i & 255}`);
  await WireProcess.holding(t, bed.node, addresses);
  const seen = new Set<number>();
  await receiveUntil(listener, (frame) => seen.add(senderProtocol(frame)).size === addresses.length);
  assert.deepEqual([...seen].sort(), addresses.map(ipv4).sort());
});

test('answers go on while the main thread is blocked for two seconds', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.holding(t, bed.node, [VIP]);
  wire.command({ kind: 'block', milliseconds: 2000 });
  wire.send({ kind: 'count' });
  await wire.line('blocking');
  for (let i = 0; i < 5; i++) assert.deepEqual(bed.arping(VIP), [NODE_MAC]);
  assert.equal(wire.all('counters').length, 0, 'the main thread was blocked all the while');
  const { counters } = await wire.line('counters');
  assert.equal(counters.repliesByLink.eth0, 5);
});

test('a link that flaps answers again, and says so again to the client', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.holding(t, bed.node, [VIP]);
  bed.link(bed.node, 'down');
  await wire.until('link lost', () => wire.heldOn('eth0') === 0);
  run('ip', '-n', bed.client, 'neigh', 'replace', VIP, 'lladdr', WRONG_MAC, 'nud', 'stale', 'dev', 'eth0');
  bed.link(bed.node, 'up');
  await wire.until('link back', () => wire.heldOn('eth0') === 1);
  assert.deepEqual(bed.arping(VIP, 5), [NODE_MAC]);
  assert.equal(bed.neighbour(VIP), NODE_MAC);
});

test('a link that is deleted and made again answers again', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.holding(t, bed.node, [VIP]);
  run('ip', '-n', bed.node, 'link', 'del', 'eth0');
  await wire.until('link gone', () => wire.heldOn('eth0') === 0);
  bed.connect();
  run('ip', '-n', bed.client, 'addr', 'add', '10.77.255.254/16', 'dev', 'eth0');
  await wire.until('link back', () => wire.heldOn('eth0') === 1);
  assert.deepEqual(bed.arping(VIP, 5), [NODE_MAC]);
});

test('a changed MAC is answered with and announced', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  const wire = await WireProcess.holding(t, bed.node, [VIP]);
  assert.deepEqual(bed.arping(VIP), [NODE_MAC]);
  run('ip', '-n', bed.client, 'neigh', 'replace', VIP, 'lladdr', NODE_MAC, 'nud', 'stale', 'dev', 'eth0');
  bed.link(bed.node, 'address', WRONG_MAC);
  await wire.until(
    'MAC reported',
    () =>
      wire
        .all('links')
        .at(-1)
        ?.links.some(({ mac }) => mac === WRONG_MAC) ?? false,
  );
  assert.equal(bed.neighbour(VIP), WRONG_MAC);
  assert.deepEqual(bed.arping(VIP, 5), [WRONG_MAC]);
});
