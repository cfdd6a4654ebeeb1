// The heartbeats of a wire worker: their sockets as links come and go, their keys, what is counted, and that nothing that
// comes in makes the loop spin.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeLan, type LanNode } from '../../test/fake/fake-lan.ts';
import { FakeWire, linkOf } from '../../test/fake/fake-wire.ts';
import { formatMac } from '../net/mac.ts';
import { HEARTBEAT_PORT } from '../protocol/heartbeat/heartbeat-frame.ts';

/** Whether the worker of node2 hears that the main thread of node1 hangs. */
function isHeard(lan: FakeLan): boolean {
  const logs = () =>
    lan
      .node(2)
      .wire.all('log')
      .map(({ message }) => message);
  lan.node(1).isHung = true;
  lan.pass(2300);
  const isHung = logs().at(-1) === 'main thread of a peer hangs';
  lan.node(1).isHung = false;
  lan.pass(2300);
  return isHung;
}

/** How the counts of drops have grown meanwhile. */
function dropsDuring(node: LanNode, act: () => void): Readonly<Record<string, number>> {
  const before = node.drops();
  act();
  const grown = Object.entries(node.drops()).map(
    ([name, count]) => [name, count - (before[name] ?? 0)] as const,
  );
  return Object.fromEntries(grown.filter(([, count]) => count > 0));
}

const openOn = (node: LanNode): readonly string[] =>
  node.wire.host.heartbeatSockets
    .filter(({ isClosed }) => !isClosed)
    .map(({ link }) => `${link.index} ${link.name}`);

test('without keys there is no socket and no port; with them there is one on each link that has an address', () => {
  const wire = new FakeWire([linkOf(), linkOf({ index: 3, name: 'eth1', addresses: ['10.78.0.1/24'] })]);
  wire.pass(5000);
  assert.deepEqual([wire.host.heartbeatSockets.length, wire.host.reservedPorts.size], [0, 0]);
  const settings = { clusterUid: 'u', session: '1', activeKey: 1, intervalMs: 100, multiplier: 3 };
  wire.send({ kind: 'heartbeats', settings: { ...settings, keys: [{ id: 1, secret: new Uint8Array(32) }] } });
  assert.equal(wire.host.heartbeatSockets.length, 2);
  assert.deepEqual([...wire.host.reservedPorts], [HEARTBEAT_PORT]);
  wire.setLinks(linkOf({ addresses: [] }), linkOf({ index: 4, name: 'lo', isEthernet: false }));
  assert.ok(wire.host.heartbeatSockets.every(({ isClosed }) => isClosed));
  wire.setLinks(linkOf());
  wire.loop.close();
  assert.equal(wire.host.heartbeatSockets.length, 3);
  assert.ok(wire.host.heartbeatSockets.every(({ isClosed }) => isClosed));
  assert.equal(wire.host.reservedPorts.size, 0);
});

test('ten heartbeats a second are sent, received and counted', () => {
  const lan = new FakeLan(3);
  const { wire } = lan.node(1);
  const before = wire.counters().heartbeats;
  lan.pass(2000);
  const after = wire.counters().heartbeats;
  assert.deepEqual(
    [after.transmitted - before.transmitted, after.received - before.received, after.transmitErrors],
    // Each beat to each of the two, and once a second to all.
    [42, 44, 0],
  );
  assert.deepEqual(Object.keys(lan.node(1).drops()), ['unproven-session'], 'of the first moments');
});

/** Destination of each frame that left, with how many there were. */
function sentTo(node: LanNode, act: () => void): Readonly<Record<string, number>> {
  const [socket] = node.wire.host.heartbeatSockets;
  const before = socket?.sent.length ?? 0;
  act();
  const counts: Record<string, number> = {};
  for (const { bytes } of socket?.sent.slice(before) ?? []) {
    const to = formatMac(bytes.subarray(0, 6));
    counts[to] = (counts[to] ?? 0) + 1;
  }
  return counts;
}

const GROUP = '01:00:5e:00:00:fe';

test('each beat goes to the MAC of each peer, and to a new one as soon as it was heard from there', () => {
  const lan = new FakeLan(2);
  const [one, two] = [lan.node(1), lan.node(2)];
  const second = () => sentTo(one, () => lan.pass(1000));
  assert.deepEqual(second(), { [GROUP]: 1, '02:00:00:00:00:12': 10 });
  // As after its network card was replaced.
  two.mac = '02:00:00:00:00:99';
  two.wire.setLinks(two.link());
  lan.pass(3000);
  assert.deepEqual(second(), { [GROUP]: 1, '02:00:00:00:00:99': 10 });
  const told = one.wire.all('log').filter(({ message }) => message === 'peer is dead');
  assert.deepEqual(told, []);
});

test('a node that is heard from two MACs is spoken to at both', () => {
  const lan = new FakeLan(2);
  const [one, two] = [lan.node(1), lan.node(2)];
  two.wire.setLinks(two.link(), two.link({ index: 3, name: 'eth1', mac: '02:00:00:00:00:77' }));
  const [, socket] = two.wire.host.heartbeatSockets;
  assert.ok(socket);
  socket.onSent = (frame) => {
    for (const each of one.wire.host.heartbeatSockets) each.deliver(frame);
  };
  lan.pass(2000);
  const sent = sentTo(one, () => lan.pass(1000));
  assert.deepEqual(Object.keys(sent).sort(), [GROUP, '02:00:00:00:00:12', '02:00:00:00:00:77']);
  assert.deepEqual([sent['02:00:00:00:00:12'], sent['02:00:00:00:00:77']], [10, 10]);
});

test('another key, another cluster and an unknown key are counted for what they are', () => {
  const lan = new FakeLan(2);
  const two = lan.node(2);
  two.configure(1, [[1, 8]]);
  assert.deepEqual(Object.keys(dropsDuring(two, () => assert.ok(!isHeard(lan)))), ['bad-hmac']);
  two.configure(2, [[2, 7]]);
  assert.deepEqual(Object.keys(dropsDuring(two, () => assert.ok(!isHeard(lan)))), ['unknown-key']);
  two.configure(1, [[1, 7]], 'uid-of-another-cluster');
  assert.deepEqual(Object.keys(dropsDuring(two, () => assert.ok(!isHeard(lan)))), ['other-cluster']);
  two.configure();
  lan.pass(500);
  assert.deepEqual(
    dropsDuring(two, () => assert.ok(isHeard(lan))),
    {},
  );
});

test('keys are rotated without a frame that does not count', () => {
  const lan = new FakeLan(3);
  const steps: readonly (readonly [active: number, ids: readonly number[]])[] = [
    [1, [1, 2]],
    [2, [1, 2]],
    [2, [2]],
  ];
  for (const [active, ids] of steps)
    for (const node of lan.nodes) {
      const drops = dropsDuring(lan.node(2), () => {
        node.configure(
          active,
          ids.map((id) => [id, 6 + id]),
        );
        lan.pass(70);
      });
      assert.deepEqual(drops, {});
    }
  assert.equal(lan.node(1).wire.host.heartbeatSockets.length, 1, 'no socket was opened again');
  assert.ok(isHeard(lan));
});

test('a link that goes down and up, or has another name or MAC, goes on as it was', () => {
  const lan = new FakeLan(2);
  const [one, two] = [lan.node(1), lan.node(2)];
  for (const changes of [{ state: 'Down' }, {}, { name: 'lan0' }, {}] as const) {
    one.wire.setLinks(one.link(changes));
    lan.pass(700);
  }
  assert.equal(openOn(one).length, 1);
  lan.pass(1000);
  assert.deepEqual(
    dropsDuring(two, () => assert.ok(isHeard(lan))),
    {},
  );
  assert.equal(one.wire.counters().heartbeats.transmitErrors, 0, 'nothing is sent while it is down');
});

test('a link that was deleted and comes back is heard again at once', () => {
  const lan = new FakeLan(2);
  const [one, two] = [lan.node(1), lan.node(2)];
  for (const index of [2, 7]) {
    one.wire.setLinks();
    lan.pass(1000);
    assert.deepEqual(openOn(one), []);
    const drops = dropsDuring(two, () => {
      one.wire.setLinks(one.link({ index }));
      lan.pass(300);
    });
    assert.deepEqual([openOn(one), drops.replayed], [[`${index} eth0`], undefined]);
  }
  assert.ok(isHeard(lan));
  assert.equal(one.wire.host.heartbeatSockets.length, 3);
});

test('that the main thread hangs, or moves again, does not wait for the next heartbeat', () => {
  const lan = new FakeLan(2);
  const [socket] = lan.node(1).wire.host.heartbeatSockets;
  assert.ok(socket);
  // So that it does not happen just when a heartbeat is due.
  lan.pass(35);
  const before = socket.sent.length;
  lan.node(1).isHung = true;
  lan.pass(2525);
  lan.node(1).isHung = false;
  lan.pass(1000);
  const toOne = socket.sent.slice(before - 1).filter(({ bytes }) => ((bytes[0] ?? 0) & 1) === 0);
  const times = toOne.map(({ at }) => at);
  const gaps = times.slice(1).map((at, i) => Math.round(at - (times[i] ?? 0)));
  assert.equal(gaps.filter((gap) => gap < 100).length, 2, gaps.join(' '));
});

/** What the log says of peers, by link. */
const newsOf = (node: LanNode): readonly string[] =>
  node.wire
    .all('log')
    .filter(({ message }) => message.includes('peer'))
    .map(({ message, values }) => `${values.link} ${values.node} ${message}`);

test('with two links a peer lives or is dead on each of them, and it is told by name', () => {
  const lan = new FakeLan(2);
  for (const node of lan.nodes)
    node.wire.setLinks(
      node.link(),
      node.link({ index: 3, name: 'eth1', addresses: [`10.78.0.${node.number}/24`] }),
    );
  lan.pass(1000);
  assert.deepEqual(newsOf(lan.node(2)), ['eth0 node1 peer lives', 'eth1 node1 peer lives']);
  lan.isJoined = (_from, _to, link) => link === 'eth0';
  lan.pass(1000);
  assert.deepEqual(newsOf(lan.node(2)).slice(2), ['eth1 node1 peer is dead']);
  lan.node(1).isHung = true;
  lan.pass(2300);
  assert.deepEqual(newsOf(lan.node(2)).slice(3), ['eth0 node1 main thread of a peer hangs']);
});

test('who was heard on a link that went is told of again when it is back', () => {
  const lan = new FakeLan(2);
  const two = lan.node(2);
  two.wire.setLinks();
  lan.pass(100);
  two.wire.setLinks(two.link());
  lan.pass(300);
  assert.deepEqual(newsOf(two), ['eth0 node1 peer lives', 'eth0 node1 peer lives']);
});

test('a socket that can not be opened is tried again every second, and told of once', () => {
  const lan = new FakeLan(1);
  const { wire, ...node } = lan.node(1);
  const eth1 = linkOf({ index: 9, name: 'eth1', addresses: ['10.78.0.1/24'] });
  wire.host.refusing.add('eth1');
  wire.setLinks(lan.node(node.number).link(), eth1);
  const turns = wire.pass(10_000);
  assert.ok(turns < 150, `${turns} turns in 10 s`);
  const failures = wire.all('log').filter(({ message }) => message === 'open heartbeat socket failed');
  assert.deepEqual([...new Set(failures.slice(1).map(({ level }) => level))], ['debug']);
  assert.equal(failures[0]?.level, 'warn');
  wire.host.refusing.clear();
  wire.pass(1100);
  assert.equal(openOn(lan.node(1)).length, 2);
});

test('a port that somebody else has is no reason to be silent', () => {
  const lan = new FakeLan(1);
  const other = lan.start(2);
  other.wire.host.reservePort = () => {
    throw new Error('bind UDP port 7373: EADDRINUSE');
  };
  other.configure();
  lan.pass(2500);
  assert.ok(other.wire.all('log').some(({ message }) => message === 'heartbeat port is not reserved'));
  assert.ok(isHeard(lan));
  other.wire.loop.close();
});

/** What an attacker without the key can send: noise, and what it has seen. */
function* noise(lan: FakeLan): Generator<Uint8Array> {
  const seen = lan.node(1).wire.host.heartbeatSockets[0]?.sent.map(({ bytes }) => bytes) ?? [];
  for (let i = 0; i < 3000; i++) {
    const frame = (seen[i % seen.length] ?? new Uint8Array(60)).slice();
    // Without a UDP checksum, which would tell.
    if (i % 3 === 0) frame.fill(0, 40, 42).fill(i, frame.length - 1 - (i % 16));
    // A packet socket gives out no empty frame.
    yield i % 3 === 1 ? frame.subarray(0, 1 + (i % (frame.length - 1))) : frame;
  }
}

test('a flood is taken a part at a time, counted, and changes nothing', () => {
  const lan = new FakeLan(2);
  const { wire } = lan.node(2);
  const [socket] = wire.host.heartbeatSockets;
  assert.ok(socket);
  for (const frame of noise(lan)) socket.deliver(frame);
  const before = wire.counters().turns;
  wire.send({ kind: 'count' });
  assert.ok(socket.waiting > 2000, 'a message has its turn between');
  const drops = dropsDuring(lan.node(2), () => lan.pass(500));
  assert.equal(socket.waiting, 0);
  const { turns } = wire.counters();
  assert.ok(turns - before < 200, `${turns - before} turns`);
  const names = Object.keys(drops).sort();
  assert.deepEqual(names, ['bad-hmac', 'malformed-packet', 'replayed']);
  assert.ok(isHeard(lan));
});
