// Links that come, go, flap, are renamed and change their MAC, under a loop on a fake host in virtual time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFrame, FakeWire, known, linkOf, NODE_MAC, wantedOf } from '../../test/fake/fake-wire.ts';

const VIP = '10.77.0.50';
const OTHER_MAC = '02:00:00:00:00:99';
const DOWN = linkOf({ state: 'Down' });

const linkOfHeld = (wire: FakeWire): string | undefined => known(wire.held()[0], 'held address').link;

/** How often the address has been announced, in request form, on one socket. */
function announced(wire: FakeWire, socket = wire.host.socketOn('eth0')): number {
  return socket.sent.filter(({ bytes }) => describeFrame(bytes).text === `request ${VIP}`).length;
}

function holding(): FakeWire {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP));
  wire.send({ kind: 'recorded', uid: `uid-${VIP}`, epoch: 1 });
  wire.pass(10_000);
  return wire;
}

test('an address without a fitting link is not taken, and announced as soon as the link appears', () => {
  const wire = new FakeWire([]);
  wire.want(wantedOf(VIP));
  wire.pass(10_000);
  assert.deepEqual([wire.held(), wire.all('claim')], [[], []]);
  wire.setLinks(linkOf());
  assert.equal(linkOfHeld(wire), 'eth0');
  assert.equal(announced(wire), 1);
  assert.equal(wire.ask(VIP), NODE_MAC);
});

test('a link gets its socket with its first IPv4 address and loses it with the last', () => {
  const wire = new FakeWire([linkOf({ addresses: ['fd77::b/64'] })]);
  assert.equal(wire.host.sockets.length, 0);
  wire.setLinks(linkOf());
  const socket = wire.host.socketOn('eth0');
  wire.setLinks(linkOf({ addresses: [] }));
  assert.ok(socket.isClosed);
});

test('links that are not Ethernet get no socket', () => {
  const wire = new FakeWire([linkOf({ name: 'lo', isEthernet: false }), linkOf({ index: 3, name: 'eth0' })]);
  assert.deepEqual(
    wire.host.sockets.map(({ link }) => link.name),
    ['eth0'],
  );
});

test('a flap keeps the socket, and the address is announced again when the link is up', () => {
  const wire = holding();
  const socket = wire.host.socketOn('eth0');
  const before = announced(wire);
  wire.setLinks(DOWN);
  assert.equal(linkOfHeld(wire), undefined);
  wire.pass(5000);
  assert.equal(announced(wire), before, 'nothing is announced on a link that is down');
  wire.setLinks(linkOf());
  assert.equal(wire.host.socketOn('eth0'), socket);
  assert.equal(announced(wire), before + 1);
  wire.pass(4000);
  assert.equal(announced(wire), before + 5);
  assert.equal(wire.ask(VIP), NODE_MAC);
});

test('a flap that is over before it is looked at is announced too', () => {
  const wire = holding();
  const before = announced(wire);
  wire.host.setLinks([DOWN]);
  wire.setLinks(linkOf());
  assert.equal(announced(wire), before + 1);
});

test('after lost notifications any link may have flapped', () => {
  const wire = holding();
  const before = announced(wire);
  wire.host.loseNotifications();
  wire.loop.turn();
  assert.equal(announced(wire), before + 1);
});

test('a change that concerns only the MTU or an address announces nothing', () => {
  const wire = holding();
  const before = announced(wire);
  wire.setLinks(linkOf({ addresses: ['10.77.0.11/24', 'fd77::b/64'] }));
  assert.equal(announced(wire), before);
});

test('a link that is down does not make the loop spin', () => {
  const wire = holding();
  wire.setLinks(DOWN);
  assert.ok(wire.pass(60_000) <= 3, 'a minute of a dead link takes a few turns');
});

test('another MAC is announced and answered with at once', () => {
  const wire = holding();
  const before = announced(wire);
  wire.setLinks(linkOf({ mac: OTHER_MAC }));
  assert.equal(announced(wire), before + 1);
  const last = known(wire.host.socketOn('eth0').sent.at(-1), 'frame');
  assert.equal(describeFrame(last.bytes).sender, OTHER_MAC);
  assert.equal(wire.ask(VIP), OTHER_MAC);
});

test('a deleted link loses its socket; made again it gets another', () => {
  const wire = holding();
  const socket = wire.host.socketOn('eth0');
  wire.setLinks();
  assert.ok(socket.isClosed);
  assert.equal(linkOfHeld(wire), undefined);
  wire.setLinks(linkOf({ index: 7 }));
  assert.equal(wire.host.socketOn('eth0').link.index, 7);
  assert.equal(wire.ask(VIP), NODE_MAC);
});

test('a link made again under its old index, unnoticed, gets another socket', () => {
  const wire = holding();
  const socket = wire.host.socketOn('eth0');
  wire.host.setLinks([]);
  wire.setLinks(linkOf());
  assert.ok(socket.isClosed);
  assert.equal(wire.ask(VIP), NODE_MAC);
  assert.equal(announced(wire), 1);
});

test('a renamed link keeps its socket and follows the patterns by its new name', () => {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP, { interfaces: ['eth*'] }));
  wire.send({ kind: 'recorded', uid: `uid-${VIP}`, epoch: 1 });
  const socket = wire.host.socketOn('eth0');
  wire.setLinks(linkOf({ name: 'lan' }));
  assert.ok(!socket.isClosed);
  assert.equal(wire.ask(VIP, socket), undefined);
  assert.equal(linkOfHeld(wire), undefined);
  wire.want(wantedOf(VIP, { interfaces: ['lan'] }));
  assert.equal(wire.ask(VIP, socket), NODE_MAC);
  assert.equal(wire.counters().repliesByLink.lan, 1);
});

test('an address moves to the better link: silent here, announced there', () => {
  const wire = holding();
  const better = linkOf({ index: 3, name: 'eth1', mac: OTHER_MAC, addresses: ['10.77.0.12/25'] });
  wire.setLinks(linkOf(), better);
  assert.equal(linkOfHeld(wire), 'eth1');
  assert.equal(wire.ask(VIP), undefined);
  assert.equal(wire.ask(VIP, wire.host.socketOn('eth1')), OTHER_MAC);
  wire.setLinks(linkOf(), { ...better, state: 'Down' });
  assert.equal(linkOfHeld(wire), 'eth0');
  assert.equal(wire.ask(VIP), NODE_MAC);
});

test('a socket that can not be opened is tried again after a second, and the loop goes on', () => {
  const wire = new FakeWire([]);
  wire.host.refusing.add('eth0');
  wire.setLinks(linkOf());
  wire.want(wantedOf(VIP));
  assert.equal(wire.last('log').message, 'open packet socket failed');
  assert.equal(linkOfHeld(wire), undefined);
  wire.pass(500);
  wire.host.refusing.delete('eth0');
  wire.pass(1000);
  assert.equal(linkOfHeld(wire), 'eth0');
  assert.equal(wire.ask(VIP), NODE_MAC);
});

test('frames that do not leave are counted', () => {
  const wire = holding();
  const socket = wire.host.socketOn('eth0');
  // The wire is dead before its notification arrives.
  socket.setUp(false, true);
  wire.loop.turn();
  wire.want(wantedOf(VIP), wantedOf('10.77.0.51'));
  assert.equal(wire.counters().transmitErrors, 2);
});

test('the counts of a link go on after it was deleted and made again', () => {
  const wire = holding();
  wire.ask(VIP);
  wire.setLinks();
  wire.setLinks(linkOf({ index: 7 }));
  wire.ask(VIP);
  assert.equal(wire.counters().repliesByLink.eth0, 2);
});
