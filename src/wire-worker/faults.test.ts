// What the kernel does to sockets under load, on a fake host in virtual time: full queues, errors that are pending,
// answers that it can not give. Nothing of it may stop the loop, make it spin, or go uncounted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFrame, FakeWire, known, linkOf, NODE_MAC, wantedOf } from '../../test/fake/fake-wire.ts';

const VIP = '10.77.0.50';
const OTHER_MAC = '02:00:00:00:00:99';
const LAN = linkOf({ index: 3, name: 'lan', mac: OTHER_MAC, addresses: ['10.78.0.11/24'] });

function holding(): FakeWire {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP));
  wire.pass(10_000);
  return wire;
}

test('a link that takes no frames (ENOBUFS) costs those, counted, and no turns', () => {
  const wire = holding();
  const socket = wire.host.socketOn('eth0');
  socket.isFull = true;
  assert.equal(wire.ask(VIP), undefined);
  assert.equal(wire.counters().transmitErrors, 1);
  assert.ok(wire.pass(50_000) <= 2, 'nobody waits for room');
  socket.isFull = false;
  assert.equal(wire.ask(VIP), NODE_MAC);
});

test('announcements that found the link full are repeated', () => {
  const wire = new FakeWire();
  const socket = wire.host.socketOn('eth0');
  socket.isFull = true;
  wire.want(wantedOf(VIP));
  assert.equal(wire.counters().transmitErrors, 2);
  socket.isFull = false;
  wire.pass(100);
  const texts = socket.sent.map(({ bytes }) => describeFrame(bytes).text);
  assert.deepEqual(texts, [`request ${VIP}`, `reply ${VIP}`]);
});

test('an error that is pending on a socket (POLLERR) is consumed by one turn', () => {
  const wire = holding();
  const socket = wire.host.socketOn('eth0');
  socket.setUp(false, true);
  socket.setUp(true, true);
  assert.ok(socket.isReadable);
  assert.ok(wire.pass(10_000) <= 2);
  assert.equal(wire.ask(VIP), NODE_MAC);
});

test('frames that the kernel dropped are counted, also those of a link that is gone', () => {
  const wire = new FakeWire([linkOf(), LAN]);
  wire.host.socketOn('eth0').kernelDrops = 5;
  wire.host.socketOn('lan').kernelDrops = 7;
  assert.equal(wire.counters().kernelDrops, 12);
  assert.equal(wire.counters().kernelDrops, 12);
  wire.host.socketOn('lan').kernelDrops = 1;
  wire.setLinks(linkOf());
  assert.equal(wire.counters().kernelDrops, 13);
});

test('links that can not be read stay as they are, and are asked for again after a second', () => {
  const wire = holding();
  wire.host.isDumpFailing = true;
  wire.setLinks(linkOf({ mac: OTHER_MAC }));
  assert.equal(wire.last('log').message, 'links could not be read');
  assert.equal(wire.ask(VIP), NODE_MAC);
  assert.ok(wire.pass(5000) <= 12, 'a failure a second');
  wire.host.isDumpFailing = false;
  wire.pass(1000);
  assert.equal(wire.ask(VIP), OTHER_MAC);
  assert.ok(wire.pass(50_000) <= 20);
});

test('a flap during which the links could not be read is announced when they can', () => {
  const wire = holding();
  const { sent } = wire.host.socketOn('eth0');
  wire.host.isDumpFailing = true;
  wire.host.setLinks([linkOf({ state: 'Down' })]);
  wire.setLinks(linkOf());
  const before = sent.length;
  wire.host.isDumpFailing = false;
  wire.pass(1000);
  assert.ok(sent.length >= before + 2);
  assert.equal(describeFrame(known(sent.at(before), 'frame').bytes).text, `request ${VIP}`);
});

test('a link that changes while requests wait is answered for as it is, not as it was', () => {
  const wire = holding();
  const socket = wire.host.socketOn('eth0');
  // Poll reports the request alone; the MAC changes before the loop has taken it.
  socket.onFill = () => wire.host.setLinks([linkOf({ mac: OTHER_MAC })]);
  const before = socket.sent.length;
  wire.ask(VIP);
  const senders = socket.sent.slice(before).map(({ bytes }) => describeFrame(bytes).sender);
  assert.ok(senders.length > 0);
  assert.deepEqual([...new Set(senders)], [OTHER_MAC]);
});

test('a change that takes an address off a link does not announce it there once more', () => {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP, { interfaces: ['eth*'] }));
  const socket = wire.host.socketOn('eth0');
  const before = socket.sent.length;
  // Renamed, and with another MAC: the second would be announced, the first takes the address away.
  wire.setLinks(linkOf({ name: 'lan', mac: OTHER_MAC }));
  assert.equal(socket.sent.length, before);
});

test('links that come and go under ever new names leave no counts behind, but for the last that had some', () => {
  const wire = new FakeWire();
  for (let i = 0; i < 500; i++) wire.setLinks(linkOf(), linkOf({ index: 10 + i, name: `pod${i}` }));
  assert.deepEqual(Object.keys(wire.counters().repliesByLink), ['eth0', 'pod499']);
  wire.want(wantedOf('10.78.0.50'));
  for (let i = 0; i < 500; i++) wire.setLinks(linkOf(), { ...LAN, index: 1000 + i, name: `lan${i}` });
  const names = Object.keys(wire.counters().announcementsByLink);
  assert.ok(names.includes('eth0') && names.includes('lan499') && names.includes('lan498'));
  assert.ok(names.length <= 66, `${names.length} links are counted`);
});
