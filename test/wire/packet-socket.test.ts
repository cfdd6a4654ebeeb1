// The packet socket against a real kernel: which frames it gives out, and what a link that flaps or goes does to it.
// The pitfalls that cost other programs their packets or a whole core are cases here.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { inNamespace } from '../../lab/netns.ts';
import type { LinkSocket } from '../../src/host/host.ts';
import { openArpSocket, openProbeSocket } from '../../src/host/linux/packet-socket.ts';
import { createPoller } from '../../src/host/linux/poller.ts';
import { requestFor } from '../fake/fake-wire.ts';
import { Bed, run, SKIP } from './bed.ts';
import { receiveAll, receiveUntil, senderProtocol } from './frames.ts';

const VIP = '10.77.0.50';
/** Ends a test of frames that must not come: sent last, received last. */
const LAST = '10.77.0.99';

interface Pair {
  readonly bed: Bed;
  readonly node: LinkSocket;
  readonly client: LinkSocket;
}

async function pairFor(t: TestContext): Promise<Pair> {
  const bed = new Bed(t);
  const pair = { bed, node: bed.socket(t, bed.node), client: bed.socket(t, bed.client) };
  // The link's queues are ready when the first frame has come through.
  const first = requestFor('10.77.9.9');
  const poller = createPoller();
  for (let attempt = 0; attempt < 500 && receiveAll(pair.node).length === 0; attempt++) {
    pair.client.transmit(first, first.length);
    poller.wait([pair.node.fd], 20);
  }
  receiveAll(pair.node);
  receiveAll(pair.client);
  return pair;
}

const targetOf = (frame: Uint8Array): number => new DataView(frame.buffer, frame.byteOffset).getUint32(38);

/** Sends frames from the client, then one that is let through; returns what the node's socket gave out before that. */
async function passed(pair: Pair, frames: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const given: Uint8Array[] = [];
  const last = requestFor(LAST);
  for (const frame of [...frames, last]) assert.equal(pair.client.transmit(frame, frame.length), 'Sent');
  await receiveUntil(pair.node, (frame) => {
    given.push(frame.slice());
    return targetOf(frame) === targetOf(last);
  });
  return given.slice(0, -1);
}

function changed(frame: Uint8Array, at: number, ...bytes: readonly number[]): Uint8Array {
  const copy = frame.slice();
  copy.set(bytes, at);
  return copy;
}

test('gives out ARP requests, whole', { skip: SKIP }, async (t) => {
  const pair = await pairFor(t);
  const frame = requestFor(VIP);
  assert.deepEqual(await passed(pair, [frame, frame]), [frame, frame]);
});

test('the filter keeps replies, other protocols and runts out', { skip: SKIP }, async (t) => {
  const pair = await pairFor(t);
  const request = requestFor(VIP);
  const reply = changed(request, 21, 2);
  const ipv4 = changed(request, 12, 8, 0);
  assert.deepEqual(await passed(pair, [reply, ipv4, request.slice(0, 16)]), []);
});

test('a socket for probes gives out replies too, and nothing but ARP', { skip: SKIP }, async (t) => {
  const { bed, ...pair } = await pairFor(t);
  const probes = inNamespace(bed.node, () => openProbeSocket(pair.node.link));
  t.after(() => probes.close());
  const request = requestFor(VIP);
  const reply = changed(request, 21, 2);
  const ipv4 = changed(request, 12, 8, 0);
  assert.deepEqual(await passed({ ...pair, bed, node: probes }, [reply, ipv4, request]), [reply, request]);
});

test('frames for another host are counted and not given out, on a promiscuous link too', {
  skip: SKIP,
}, async (t) => {
  const pair = await pairFor(t);
  pair.bed.link(pair.bed.node, 'promisc', 'on');
  const before = pair.node.foreignFrames;
  const other = changed(requestFor(VIP), 0, 2, 0, 0, 0, 0, 0x77);
  assert.deepEqual(await passed(pair, [other]), []);
  assert.equal(pair.node.foreignFrames - before, 1);
});

test('does not hear what this host itself sends', { skip: SKIP }, async (t) => {
  const pair = await pairFor(t);
  const sibling = pair.bed.socket(t, pair.bed.node);
  const frame = requestFor(VIP);
  assert.equal(sibling.transmit(frame, frame.length), 'Sent');
  await receiveUntil(pair.client, (each) => targetOf(each) === targetOf(frame));
  assert.deepEqual(receiveAll(pair.node), []);
});

test('a burst of many batches is received in order and without loss', { skip: SKIP }, async (t) => {
  const pair = await pairFor(t);
  const addresses = Array.from({ length: 1000 }, (_, i) => `10.77.${i >> 8}.${i & 255}`);
  for (const address of addresses) pair.client.queue(requestFor(address), 42);
  assert.equal(pair.client.flush(), 0);
  const seen: number[] = [];
  await receiveUntil(pair.node, (frame) => seen.push(targetOf(frame)) === addresses.length);
  assert.deepEqual(
    seen,
    addresses.map((address) => targetOf(requestFor(address))),
  );
});

test('the error of a flap is consumed: poll does not return for it again', { skip: SKIP }, async (t) => {
  const { bed, node } = await pairFor(t);
  const poller = createPoller();
  bed.link(bed.node, 'down');
  assert.deepEqual(poller.wait([node.fd], 1000), [node.fd], 'the flap is reported');
  assert.deepEqual(receiveAll(node), []);
  assert.deepEqual(poller.wait([node.fd], 0), [], 'and was consumed');
});

test('the socket goes on after a flap by itself, in both directions', { skip: SKIP }, async (t) => {
  const pair = await pairFor(t);
  pair.bed.link(pair.bed.node, 'down');
  const frame = requestFor(VIP);
  assert.equal(pair.node.transmit(frame, frame.length), 'Down');
  pair.node.queue(frame, frame.length);
  pair.node.queue(frame, frame.length);
  assert.equal(pair.node.flush(), 2, 'both frames of the batch are lost, and it says so');
  assert.equal(pair.node.flush(), 0, 'once');
  pair.bed.link(pair.bed.node, 'up');
  await whenSent(pair.client);
  receiveAll(pair.node);
  assert.deepEqual(await passed(pair, [frame]), [frame]);
  assert.equal(pair.node.transmit(frame, frame.length), 'Sent');
  await receiveUntil(pair.client, (each) => senderProtocol(each) === senderProtocol(frame));
});

/** Transmits until the link takes frames again. */
async function whenSent(socket: LinkSocket): Promise<void> {
  const frame = requestFor('10.77.9.9');
  for (let attempt = 0; attempt < 500; attempt++) {
    if (socket.transmit(frame, frame.length) === 'Sent') return;
    createPoller().wait([], 20);
  }
  throw new Error('transmit after flap: the link takes no frames');
}

for (const how of ['transmit', 'flush'] as const)
  test(`an error that is pending since a flap does not lose the first frame of ${how}`, {
    skip: SKIP,
  }, async (t) => {
    const { bed, node, client } = await pairFor(t);
    bed.link(bed.node, 'down');
    bed.link(bed.node, 'up');
    await whenSent(client);
    const frame = requestFor(VIP);
    if (how === 'transmit') assert.equal(node.transmit(frame, frame.length), 'Sent');
    else {
      node.queue(frame, frame.length);
      assert.equal(node.flush(), 0);
    }
  });

test('opens on a link that is down and works when it is up', { skip: SKIP }, async (t) => {
  const bed = new Bed(t);
  bed.link(bed.node, 'down');
  const pair = { bed, node: bed.socket(t, bed.node), client: bed.socket(t, bed.client) };
  assert.deepEqual(receiveAll(pair.node), []);
  bed.link(bed.node, 'up');
  await whenSent(pair.client);
  assert.deepEqual((await passed(pair, [requestFor(VIP)])).at(-1), requestFor(VIP));
});

test('knows that its link is gone, even when another has its index and name', { skip: SKIP }, async (t) => {
  const { bed, node } = await pairFor(t);
  assert.equal(node.isBound(), true);
  bed.link(bed.node, 'down');
  assert.equal(node.isBound(), true, 'a flap does not unbind');
  bed.link(bed.node, 'name', 'lan0');
  assert.equal(node.isBound(), true, 'nor does another name');
  run('ip', '-n', bed.node, 'link', 'del', 'lan0');
  bed.connect({ index: node.link.index });
  assert.equal(bed.index(), node.link.index);
  assert.equal(node.isBound(), false);
  assert.deepEqual(receiveAll(node), []);
  const frame = requestFor(VIP);
  assert.equal(node.transmit(frame, frame.length), 'Down');
});

test('a link that does not exist is refused with its code, and no descriptor is left', {
  skip: SKIP,
}, async (t) => {
  const { node } = await pairFor(t);
  for (let i = 0; i < 3; i++)
    assert.throws(() => openArpSocket({ index: 999_999, name: 'none' }), {
      name: 'SystemError',
      code: 'ENODEV',
    });
  const next = inNamespace(new Bed(t).node, () => openArpSocket({ index: 1, name: 'lo' }));
  t.after(() => next.close());
  assert.ok(next.fd < node.fd + 10);
});

test('a link whose queue is full says so for each frame that did not leave', { skip: SKIP }, async (t) => {
  const { bed, node } = await pairFor(t);
  bed.throttle(true);
  const frame = requestFor(VIP);
  for (let i = 0; i < 10; i++) node.transmit(frame, frame.length);
  assert.equal(node.transmit(frame, frame.length), 'Full');
  for (let i = 0; i < 100; i++) node.queue(frame, frame.length);
  assert.equal(node.flush(), 100);
  bed.throttle(false);
  assert.equal(node.transmit(frame, frame.length), 'Sent');
});

test('what did not fit into the receive queue is told once, and the rest is given out', {
  skip: SKIP,
}, async (t) => {
  const { node, client } = await pairFor(t);
  assert.equal(node.takeDrops(), 0);
  const frame = requestFor(VIP);
  const sent = 40_000;
  for (let i = 0; i < sent; i++) client.queue(frame, frame.length);
  assert.equal(client.flush(), 0);
  const drops = node.takeDrops();
  assert.ok(drops > 0);
  assert.equal(receiveAll(node).length, sent - drops);
  assert.equal(node.takeDrops(), 0);
});
