// Wire workers on one LAN in virtual time: holders that die, are cut off, leave, stand still or come back, and how long
// nobody, or two, answer. ELECTION.md section 12 says how long that may be.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeLan } from '../../test/fake/fake-lan.ts';
import { requestFor } from '../../test/fake/fake-wire.ts';

const VIP = '10.77.0.50';

/** Detection and one interval, and what the slices of the fake add. */
const BOUND = 300 + 100 + 20;

/** Node1 of three holds the address. */
function lanOf(count = 3): FakeLan {
  const lan = new FakeLan(count);
  lan.want(VIP);
  lan.pass(200);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node1'], 'node1 1']);
  return lan;
}

/** Milliseconds, of these, in which as many as `isSo` says held the address. */
function timeOf(lan: FakeLan, length: number, isSo: (holders: readonly string[]) => boolean): number {
  let slices = 0;
  lan.watch = () => {
    if (isSo(lan.holders(VIP))) slices++;
  };
  lan.pass(length);
  lan.watch = () => {};
  return slices * 5;
}

test('a holder that dies is followed by the first candidate that lives, within detection and an interval', () => {
  const lan = lanOf();
  lan.stop(lan.node(1));
  const silence = timeOf(lan, 2000, (holders) => holders.length === 0);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node2'], 'node2 2']);
  assert.ok(silence <= BOUND, `${silence} ms without an answer`);
});

test('who is left alone asks on the wire first, and the API then, and has taken it a quarter of a second later', () => {
  const lan = lanOf();
  for (const number of [1, 2]) lan.stop(lan.node(number));
  const silence = timeOf(lan, 2000, (holders) => holders.length === 0);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node3'], 'node3 2']);
  assert.equal(lan.node(3).wire.host.probeSockets.length, 1);
  assert.ok(silence <= BOUND + 250, `${silence} ms without an answer`);
});

test('the API away: taken over all the same, and recorded when it is back', () => {
  const lan = lanOf();
  lan.isApiAway = true;
  lan.stop(lan.node(1));
  lan.pass(1000);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node2'], 'node1 1']);
  lan.isApiAway = false;
  lan.pass(100);
  assert.equal(lan.record(VIP), 'node2 2');
});

test('a holder that is cut off from all is followed, and lets go when it is back, without a third change', () => {
  const lan = lanOf();
  lan.isApiAway = true;
  lan.isJoined = (from, to) => from.number !== 1 && to.number !== 1;
  lan.pass(3000);
  assert.deepEqual(lan.holders(VIP), ['node1', 'node2'], 'it answers on, where nobody hears it');
  lan.isJoined = () => true;
  const doubled = timeOf(lan, 3000, (holders) => holders.length > 1);
  assert.deepEqual(lan.holders(VIP), ['node2']);
  assert.ok(doubled <= 320, `both answered for ${doubled} ms`);
  lan.isApiAway = false;
  lan.pass(1000);
  assert.deepEqual(lan.record(VIP).split(' ')[0], 'node2');
});

test('a path between two nodes that a third one bridges moves nothing', () => {
  const lan = lanOf();
  lan.isJoined = (from, to) => !(from.number + to.number === 3);
  lan.pass(10_000);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node1'], 'node1 1']);
});

test('who leaves hands over without a moment of silence, and is done', () => {
  const lan = lanOf();
  const one = lan.node(1);
  one.wire.send({ kind: 'leave' });
  const silence = timeOf(lan, 500, (holders) => holders.length === 0);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP), silence], [['node2'], 'node2 2', 0]);
  assert.equal(one.wire.all('left').length, 1);
});

test('a holder that comes back takes nothing back, and the address stays where it is', () => {
  const lan = lanOf();
  lan.stop(lan.node(1));
  lan.pass(2000);
  lan.start(1).configure();
  lan.pass(10_000);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node2'], 'node2 2']);
});

test('a holder that restarts before it is missed: it or the next one has it, and it moves once', () => {
  const lan = lanOf();
  lan.stop(lan.node(1));
  lan.start(1).configure();
  lan.pass(3000);
  const [holder] = lan.holders(VIP);
  assert.deepEqual([lan.holders(VIP).length, lan.record(VIP)], [1, `${holder} 2`]);
});

test('all start together: each address has one holder, and it is never two for long', () => {
  const lan = new FakeLan(4);
  lan.want(VIP);
  const doubled = timeOf(lan, 3000, (holders) => holders.length > 1);
  assert.deepEqual([lan.holders(VIP), doubled], [['node1'], 0]);
});

test('who stood still while another took over answers nothing of what waited, and lets go', () => {
  const lan = lanOf();
  const one = lan.node(1);
  lan.asleep.add(one);
  lan.pass(2000);
  assert.deepEqual(lan.record(VIP), 'node2 2');
  const [socket] = one.wire.host.sockets;
  assert.ok(socket);
  const before = socket.sent.length;
  for (let i = 0; i < 100; i++) socket.deliver(requestFor(VIP));
  lan.wake(one);
  one.wire.loop.turn();
  socket.deliver(requestFor(VIP));
  lan.pass(1000);
  assert.deepEqual([lan.holders(VIP), socket.sent.length], [['node2'], before]);
  assert.ok((one.wire.counters().dropsByReason.stale ?? 0) >= 100);
});

test('who stood still and was not followed answers again after an interval', () => {
  const lan = lanOf(1);
  const one = lan.node(1);
  lan.asleep.add(one);
  lan.pass(5000);
  one.wire.host.now = (one.wire.host.now + 5000) as typeof one.wire.host.now;
  lan.asleep.delete(one);
  one.wire.loop.turn();
  lan.pass(90);
  assert.equal(one.wire.ask(VIP), undefined);
  lan.pass(200);
  assert.equal(one.wire.ask(VIP), '02:00:00:00:00:11');
});

/** Node1 holds the address and has no API, while the others have seen it deleted. */
function deletedElsewhere(): FakeLan {
  const lan = lanOf();
  lan.isApiAway = true;
  const uid = `uid-${VIP}`;
  for (const number of [2, 3]) {
    lan.node(number).wire.send({ kind: 'want', isWhole: false, addresses: [], dropped: [uid] });
    lan.node(number).wire.send({ kind: 'deleted', uids: [uid] });
  }
  return lan;
}

test('a holder that does not know of a deletion is told, asks its main thread, and is silent', () => {
  const lan = deletedElsewhere();
  lan.pass(50);
  const { wire } = lan.node(1);
  assert.deepEqual(wire.last('revoked'), { kind: 'revoked', uid: `uid-${VIP}`, name: VIP });
  assert.deepEqual(lan.holders(VIP), ['node1']);
  wire.send({ kind: 'judged', uid: `uid-${VIP}`, isListed: false });
  lan.pass(50);
  assert.deepEqual([lan.holders(VIP), wire.last('withdrawn').reason], [[], 'Revoked']);
});

test('also while its main thread hangs, a second later; and it goes on when the API lists the address', () => {
  const lan = deletedElsewhere();
  lan.pass(1100);
  assert.deepEqual(lan.holders(VIP), []);
  lan.node(1).wire.send({ kind: 'judged', uid: `uid-${VIP}`, isListed: true });
  lan.pass(50);
  assert.deepEqual(lan.holders(VIP), ['node1']);
});
