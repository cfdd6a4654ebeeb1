// The wire worker's loop on a fake host in virtual time: what it says to the main thread, what it sends on the wire,
// and in which order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  describeFrame,
  FakeWire,
  known,
  linkOf,
  NODE,
  NODE_MAC,
  replyFrom,
  requestFor,
  wantedOf,
} from '../../test/fake/fake-wire.ts';
import { FakeWireHost, WAKER_FD } from '../../test/fake/fake-wire-host.ts';
import { parseAddress } from '../net/address.ts';
import { WireLoop } from './loop.ts';
import type { ToWorker } from './messages.ts';

const VIP = '10.77.0.50';

/** Announcements on eth0 as `ms text`, counted from `start`. */
function announcements(wire: FakeWire, start: number): readonly string[] {
  const { sent } = wire.host.socketOn('eth0');
  return sent.map(({ at, bytes }) => `${Math.round(at - start)} ${describeFrame(bytes).text}`);
}

test('says its links and that it is ready, links first', () => {
  const wire = new FakeWire();
  const [links, ready] = wire.messages.filter(({ kind }) => kind !== 'log');
  assert.deepEqual(links, {
    kind: 'links',
    links: [
      {
        index: 2,
        name: 'eth0',
        mac: NODE_MAC,
        state: 'Up',
        mtu: 1500,
        addresses: ['10.77.0.11/24'],
        gateways: [],
      },
    ],
  });
  assert.deepEqual(ready, { kind: 'ready' });
});

test('says the gateways of its links again when they change', () => {
  const wire = new FakeWire();
  const gateways = ['10.77.0.2', '10.77.0.1', 'fe80::1'].map((text) => known(parseAddress(text), text));
  wire.host.setGateways(2, gateways);
  wire.loop.turn();
  assert.deepEqual(wire.last('links').links[0]?.gateways, ['10.77.0.1', '10.77.0.2', 'fe80::1']);
  wire.host.setGateways(2, []);
  wire.loop.turn();
  assert.deepEqual(wire.last('links').links[0]?.gateways, []);
});

test('a wanted address is held, claimed, announced and answered', () => {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP));
  const uid = `uid-${VIP}`;
  const held = { uid, name: VIP, epoch: 1, link: 'eth0' };
  assert.deepEqual(wire.all('held'), [{ kind: 'held', isWhole: true, changed: [held], gone: [] }]);
  assert.deepEqual(wire.all('claim'), [
    { kind: 'claim', uid, name: VIP, epoch: 1, previous: 0, link: 'eth0' },
  ]);
  assert.equal(wire.ask(VIP), NODE_MAC);
  assert.equal(wire.ask('10.77.0.51'), undefined);
});

test('the held list is sent before the claim, so that the main thread knows what it writes', () => {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP));
  const order = wire.messages.map(({ kind }) => kind).filter((kind) => kind === 'held' || kind === 'claim');
  assert.deepEqual(order, ['held', 'claim']);
});

test('announces in both forms at 0, 0.1, 1.1, 2.2 and 3.3 s, then every 60 s', () => {
  const wire = new FakeWire();
  const start = wire.host.now;
  wire.want(wantedOf(VIP));
  wire.pass(64_000);
  const times = [0, 100, 1100, 2200, 3300, 63_300];
  const expected = times.flatMap((at) => [`${at} request ${VIP}`, `${at} reply ${VIP}`]);
  assert.deepEqual(announcements(wire, start), expected);
});

test('an address that is not wanted any more is withdrawn: silent first, then said', () => {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP));
  wire.messages.length = 0;
  wire.want();
  const told = wire.messages.filter(({ kind }) => kind !== 'links');
  assert.deepEqual(told, [
    { kind: 'held', isWhole: false, changed: [], gone: [`uid-${VIP}`] },
    { kind: 'withdrawn', uid: `uid-${VIP}`, name: VIP, reason: 'Released' },
  ]);
  const { sent } = wire.host.socketOn('eth0');
  const before = sent.length;
  assert.equal(wire.ask(VIP), undefined);
  wire.pass(120_000);
  assert.equal(sent.length, before, 'no announcement after the withdrawal');
});

test('what a change does not name stays, and is neither announced nor reported again', () => {
  const wire = new FakeWire();
  const other = '10.77.0.51';
  wire.want(wantedOf(VIP));
  const start = wire.host.now;
  wire.host.socketOn('eth0').sent.length = 0;
  wire.send({ kind: 'want', isWhole: false, addresses: [wantedOf(other)], dropped: [] });
  assert.deepEqual(announcements(wire, start), [`0 request ${other}`, `0 reply ${other}`]);
  assert.deepEqual(
    wire.last('held').changed.map(({ name }) => name),
    [other],
  );
  assert.deepEqual([wire.ask(VIP), wire.ask(other)], [NODE_MAC, NODE_MAC]);
  wire.send({ kind: 'want', isWhole: false, addresses: [], dropped: [`uid-${VIP}`] });
  assert.deepEqual(wire.last('held'), { kind: 'held', isWhole: false, changed: [], gone: [`uid-${VIP}`] });
  assert.deepEqual([wire.ask(VIP), wire.ask(other)], [undefined, NODE_MAC]);
  assert.equal(wire.last('withdrawn').name, VIP);
});

test('an address under another uid takes the place of the old one in one change', () => {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP));
  const addresses = [wantedOf(VIP, { uid: 'uid-new' })];
  wire.send({ kind: 'want', isWhole: false, addresses, dropped: [`uid-${VIP}`] });
  assert.deepEqual(wire.held(), [{ uid: 'uid-new', name: VIP, epoch: 1, link: 'eth0' }]);
  assert.equal(wire.last('withdrawn').uid, `uid-${VIP}`);
  assert.equal(wire.ask(VIP), NODE_MAC);
});

test('a held address whose text is no IPv4 address any more is withdrawn', () => {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP));
  const addresses = [wantedOf(VIP, { address: 'fd77::50' })];
  wire.send({ kind: 'want', isWhole: false, addresses, dropped: [] });
  assert.equal(wire.last('withdrawn').name, VIP);
  assert.deepEqual([wire.held(), wire.ask(VIP)], [[], undefined]);
});

test('a frame that arrives with the withdrawal is not answered', () => {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP));
  const socket = wire.host.socketOn('eth0');
  const before = socket.sent.length;
  // One turn of the loop sees both the message and the frame.
  socket.deliver(requestFor(VIP));
  wire.want();
  assert.equal(socket.sent.length, before);
  assert.ok(!socket.isReadable);
});

test('a refused claim is withdrawn as a lost election', () => {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP));
  wire.send({ kind: 'refused', uid: `uid-${VIP}`, epoch: 1 });
  assert.equal(wire.last('withdrawn').reason, 'LostElection');
  assert.deepEqual(wire.held(), []);
  assert.equal(wire.ask(VIP), undefined);
});

test('a record of another holder with a higher epoch takes the address away', () => {
  const wire = new FakeWire();
  const candidates = [NODE, 'node2'];
  wire.want(wantedOf(VIP, { candidates }));
  wire.want(wantedOf(VIP, { candidates, record: { holder: 'node2', epoch: 2 } }));
  assert.equal(wire.last('withdrawn').reason, 'TakenOver');
  assert.equal(wire.ask(VIP), undefined);
});

test('without heartbeats: takes over when the Lease of the holder has expired, after its rank, from a silent wire', () => {
  const wire = new FakeWire();
  const candidates = ['node2', 'node3', NODE];
  wire.send({ kind: 'liveness', alive: [NODE, 'node2', 'node3'] });
  wire.want(wantedOf(VIP, { candidates, record: { holder: 'node2', epoch: 7 } }));
  assert.equal(wire.ask(VIP), undefined);
  wire.send({ kind: 'liveness', alive: [NODE, 'node3'] });
  const start = wire.host.now;
  wire.pass(49);
  assert.deepEqual([wire.all('claim'), wire.host.probeSockets.length], [[], 0]);
  wire.pass(1000);
  assert.deepEqual([wire.ask(VIP), wire.last('claim').epoch], [NODE_MAC, 8]);
  const [probes] = wire.host.probeSockets;
  const probed = probes?.sent.map(
    ({ at, bytes }) => `${Math.round(at - start)} ${describeFrame(bytes).text}`,
  );
  assert.deepEqual(probed, ['50 request 0.0.0.0', '90 request 0.0.0.0']);
  assert.ok(probes?.isClosed, 'open only while something is asked');
});

test('without heartbeats: an address that somebody answers for is not taken, nor recorded, and is asked for again', () => {
  const wire = new FakeWire();
  const mac = '02:00:00:00:00:77';
  wire.host.onArp = (link, frame) => {
    if (describeFrame(frame).text === 'request 0.0.0.0') wire.host.deliverArp(link, replyFrom(VIP, mac));
  };
  const candidates = [NODE, 'node2'];
  wire.send({ kind: 'liveness', alive: [NODE] });
  wire.want(wantedOf(VIP, { candidates, record: { holder: 'node2', epoch: 7 } }));
  wire.pass(5000);
  assert.equal(wire.ask(VIP), undefined);
  const asked = wire.host.probeSockets.flatMap(({ sent }) => sent).length;
  assert.ok(asked >= 6 && asked <= 12, `${asked} probes in 5 s`);
  wire.host.onArp = () => {};
  wire.pass(3000);
  assert.equal(wire.ask(VIP), NODE_MAC);
});

test('leaving with nothing held is over at once; with something held, when another has it', () => {
  const idle = new FakeWire();
  idle.send({ kind: 'leave' });
  assert.equal(idle.all('left').length, 1);

  const wire = new FakeWire();
  const candidates = [NODE, 'node2'];
  wire.want(wantedOf(VIP, { candidates }));
  wire.send({ kind: 'leave' });
  assert.equal(wire.all('left').length, 0);
  assert.equal(wire.ask(VIP), NODE_MAC, 'answers until somebody else has claimed');
  wire.want(wantedOf(VIP, { candidates, record: { holder: 'node2', epoch: 2 } }));
  assert.equal(wire.all('left').length, 1);
  assert.equal(wire.ask(VIP), undefined);
});

test('a thousand addresses taken at once are all announced at once, and one held list is sent', () => {
  const wire = new FakeWire();
  const start = wire.host.now;
  const addresses = Array.from({ length: 1000 }, (_, i) => `10.77.${i >> 8}.${i & 255}`);
  wire.setLinks(linkOf({ addresses: ['10.77.0.11/16'] }));
  wire.want(...addresses.map((address) => wantedOf(address)));
  const first = announcements(wire, start).filter((text) => text.startsWith('0 request'));
  assert.deepEqual(
    first,
    addresses.map((address) => `0 request ${address}`),
  );
  assert.equal(wire.all('held').length, 1);
  assert.equal(wire.all('claim').length, 1000);
});

test('frames are counted by what became of them', () => {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP));
  wire.ask(VIP);
  wire.ask('10.77.0.99');
  const socket = wire.host.socketOn('eth0');
  socket.foreignFrames = 4;
  socket.deliver(new Uint8Array(20));
  wire.loop.turn();
  const counters = wire.counters();
  assert.deepEqual(counters.repliesByLink, { eth0: 1 });
  assert.deepEqual(counters.announcementsByLink, { eth0: 2 });
  const dropped = Object.entries(counters.dropsByReason).filter(([, count]) => count > 0);
  assert.deepEqual(dropped, [
    ['too-short', 1],
    ['not-held', 1],
    ['other-host', 4],
  ]);
  assert.ok(counters.turns > 0);
});

test('a flood does not keep messages from being handled', () => {
  const wire = new FakeWire();
  wire.want(wantedOf(VIP));
  const socket = wire.host.socketOn('eth0');
  for (let i = 0; i < 1000; i++) socket.deliver(new Uint8Array(42));
  wire.loop.turn();
  assert.ok(socket.isReadable, 'one turn does not empty the socket');
  wire.want();
  assert.ok(socket.isReadable);
  assert.equal(wire.all('withdrawn').length, 1);
});

test('frames that a turn left over are taken in the next', () => {
  const wire = new FakeWire();
  const socket = wire.host.socketOn('eth0');
  for (let i = 0; i < 3 * 48; i++) socket.deliver(new Uint8Array(42));
  const left = [96, 48, 0];
  for (const expected of left) {
    wire.loop.turn();
    assert.equal(socket.waiting, expected);
  }
});

test('every link has its turn while one is flooded', () => {
  const wire = new FakeWire([linkOf(), linkOf({ index: 3, name: 'eth1', addresses: ['10.78.0.11/24'] })]);
  wire.want(wantedOf('10.78.0.50'));
  const [flooded, other] = [wire.host.socketOn('eth0'), wire.host.socketOn('eth1')];
  for (let i = 0; i < 1000; i++) flooded.deliver(requestFor('10.77.0.99'));
  assert.equal(wire.ask('10.78.0.50', other), NODE_MAC);
  assert.ok(flooded.isReadable);
});

test('an IPv6 address is refused with a line in the log, once, and the others are held', () => {
  const wire = new FakeWire();
  wire.want(wantedOf('fd77::50'), wantedOf(VIP));
  wire.want(wantedOf('fd77::50'), wantedOf(VIP));
  assert.deepEqual(
    wire.held().map(({ name }) => name),
    [VIP],
  );
  const warnings = wire.all('log').filter(({ level }) => level === 'warn');
  assert.equal(warnings.length, 1);
});

test('ends at a stop message that was there before it started, without waiting for another', () => {
  const host = new FakeWireHost();
  const inbox: ToWorker[] = [{ kind: 'stop' }];
  const receive = (): ToWorker | undefined => inbox.shift();
  new WireLoop({ host, node: NODE, wakerFd: WAKER_FD, receive, post: () => {} }).run();
  assert.equal(host.waits, 0);
});

test('ends at a stop message, without looking at the messages behind it, and closes its sockets', () => {
  const wire = new FakeWire();
  assert.equal(wire.send({ kind: 'stop' }), false);
  wire.loop.close();
  assert.ok(wire.host.sockets.every(({ isClosed }) => isClosed));
});
