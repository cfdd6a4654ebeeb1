// Frames of strangers on the link: however many there are, the peers are heard, and few of the others are looked at.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeLan, type LanNode } from '../../test/fake/fake-lan.ts';

/** A heartbeat that was heard before, from another MAC. */
function foreignFrame(of: LanNode): Uint8Array {
  const sent = of.wire.host.heartbeatSockets[0]?.sent.at(-1)?.bytes;
  assert.ok(sent);
  const frame = sent.slice();
  frame.set([2, 0, 0, 0, 9, 9], 6);
  // Without a UDP checksum, and with another HMAC.
  frame.set([0, 0], 40);
  frame[frame.length - 1] = (frame.at(-1) ?? 0) ^ 1;
  return frame;
}

/** Of what its worker has said of peers since a number of messages, everything. */
const newsSince = (node: LanNode, count: number): readonly string[] =>
  node.wire
    .all('log')
    .slice(count)
    .map(({ message }) => message);

test('a flood of forged frames loses no peer, and is read in small parts', () => {
  const lan = new FakeLan(3);
  lan.want('10.77.0.50');
  lan.pass(500);
  const flooded = lan.node(1);
  const [strangers] = flooded.wire.host.strangerSockets;
  assert.ok(strangers);
  const forged = foreignFrame(lan.node(2));
  lan.watch = () => {
    for (let i = 0; i < 500; i++) flooded.wire.host.deliverHeartbeat('eth0', forged);
  };
  const before = { logs: flooded.wire.all('log').length, ...flooded.wire.counters() };
  lan.pass(2000);
  const after = flooded.wire.counters();
  assert.deepEqual(
    newsSince(flooded, before.logs),
    ['heartbeats dropped'],
    'one line a minute for the sender',
  );
  assert.deepEqual(lan.holders('10.77.0.50'), ['node1']);
  // Of two peers in two seconds, ten a second and a hello.
  assert.equal(after.heartbeats.received - before.heartbeats.received, 44);
  const read =
    (after.heartbeats.dropsByReason['bad-hmac'] ?? 0) - (before.heartbeats.dropsByReason['bad-hmac'] ?? 0);
  // A batch of the fake socket has 48 frames; of 200,000 there were.
  assert.ok(read > 0 && read <= (48 * 2000) / 8 + 48, `${read} frames were looked at`);
  assert.ok(strangers.waiting > 100_000);
  assert.ok(after.turns - before.turns < 1500, `${after.turns - before.turns} turns`);
});

test('who is new is heard through the strangers, and has room of its own from then on', () => {
  const lan = new FakeLan(2);
  const three = lan.start(3);
  three.configure();
  lan.pass(1500);
  assert.equal(three.wire.counters().heartbeats.received > 0, true);
  const [strangers] = lan.node(1).wire.host.strangerSockets;
  assert.ok(strangers);
  let offered = 0;
  const deliver = strangers.deliver.bind(strangers);
  strangers.deliver = (frame) => {
    offered++;
    deliver(frame);
  };
  lan.pass(1000);
  assert.equal(offered, 0);
  // A bond has gone over to its other link: the same peer has another MAC.
  three.wire.setLinks(three.link({ mac: '02:00:00:00:01:13' }));
  const logs = lan.node(1).wire.all('log').length;
  lan.pass(1000);
  assert.ok(offered > 0 && offered <= 3, `${offered} frames from a MAC that was not known`);
  assert.deepEqual(newsSince(lan.node(1), logs), []);
});

test('who is forgotten is a stranger again', () => {
  const lan = new FakeLan(2);
  const two = lan.node(2);
  const frame = two.wire.host.heartbeatSockets[0]?.sent.at(-1)?.bytes;
  assert.ok(frame);
  lan.stop(two);
  const { host } = lan.node(1).wire;
  const isStranger = (): boolean => {
    const [strangers] = host.strangerSockets;
    assert.ok(strangers);
    const before = strangers.waiting;
    host.deliverHeartbeat('eth0', frame);
    return strangers.waiting > before;
  };
  assert.ok(!isStranger());
  lan.pass(75_000);
  assert.ok(isStranger());
});
