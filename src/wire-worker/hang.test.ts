// Wire workers that hear each other: a main thread that hangs loses its addresses to one that does not, and no address is
// ever without somebody who answers for it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeLan, type LanNode } from '../../test/fake/fake-lan.ts';

const VIP = '10.77.0.50';

/** Node1 of `count` holds the address. Fails whenever nobody does. */
function lanOf(count: number): FakeLan {
  const lan = new FakeLan(count);
  lan.want(VIP);
  lan.pass(100);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node1'], 'node1 1']);
  lan.watch = () => assert.ok(lan.holders(VIP).length > 0, 'nobody answers');
  return lan;
}

/** For how long more than one node holds the address, while the time passes. */
function doubled(lan: FakeLan, pass: () => void): number {
  let slices = 0;
  const { watch } = lan;
  lan.watch = () => {
    watch();
    if (lan.holders(VIP).length > 1) slices++;
  };
  pass();
  lan.watch = watch;
  return slices * 5;
}

const logOf = (node: LanNode): readonly string[] => node.wire.all('log').map(({ message }) => message);

test('a holder that hangs for two seconds is succeeded, and falls silent when it has heard the claim', () => {
  const lan = lanOf(3);
  lan.node(1).isHung = true;
  lan.pass(1900);
  assert.deepEqual(lan.holders(VIP), ['node1']);
  const time = doubled(lan, () => lan.pass(500));
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node2'], 'node2 2']);
  assert.ok(time <= 10, `both answered for ${time} ms`);
  assert.deepEqual(logOf(lan.node(1)).slice(-1), ['main thread hangs']);
  assert.ok(logOf(lan.node(2)).includes('main thread of a peer hangs'));
  lan.node(1).isHung = false;
  lan.pass(10_000);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node2'], 'node2 2'], 'nothing is taken back');
});

test('when all hang, and move again one after the other, nothing moves', () => {
  const lan = lanOf(3);
  for (const node of lan.nodes) node.isHung = true;
  lan.pass(20_000);
  assert.deepEqual(lan.holders(VIP), ['node1']);
  for (const number of [3, 2, 1]) {
    lan.node(number).isHung = false;
    lan.pass(600);
  }
  lan.pass(5000);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node1'], 'node1 1']);
});

test('with the API away one takes it, and the others let it go on; the record follows when the API is back', () => {
  const lan = lanOf(4);
  lan.isApiAway = true;
  lan.node(1).isHung = true;
  const time = doubled(lan, () => lan.pass(60_000));
  assert.deepEqual(lan.holders(VIP), ['node2']);
  assert.ok(time <= 10, `two answered for ${time} ms`);
  lan.node(1).isHung = false;
  assert.equal(
    doubled(lan, () => lan.pass(20_000)),
    0,
  );
  lan.isApiAway = false;
  lan.pass(1000);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node2'], 'node2 2']);
});

test('one that moves again just as another takes over leaves it to that one, also without the API', () => {
  const lan = lanOf(2);
  lan.node(1).isHung = true;
  let hasClaimed = false;
  lan.watch = () => {
    assert.ok(lan.holders(VIP).length > 0);
    if (hasClaimed || lan.node(2).wire.all('claim').length === 0) return;
    hasClaimed = true;
    lan.isApiAway = true;
    lan.node(1).isHung = false;
  };
  lan.pass(4000);
  assert.ok(hasClaimed);
  assert.deepEqual(lan.holders(VIP), ['node2']);
});

test('of two that hang with claims of one epoch that nobody recorded, one stays', () => {
  const lan = new FakeLan(2);
  lan.isJoined = () => false;
  lan.want(VIP);
  lan.pass(5);
  lan.isApiAway = true;
  const [one, two] = [lan.node(1), lan.node(2)];
  two.wire.send({ kind: 'liveness', alive: ['node2'] });
  // Then they are dead for each other.
  lan.pass(700);
  assert.deepEqual(
    lan.nodes.map(({ wire }) => wire.all('claim').at(-1)?.epoch),
    [1, 1],
  );
  for (const node of [one, two]) node.isHung = true;
  lan.pass(2500);
  assert.deepEqual(lan.holders(VIP), ['node1', 'node2']);
  lan.isJoined = () => true;
  lan.pass(1500);
  assert.deepEqual(lan.holders(VIP), ['node2'], 'for this address the tie-break says so');
});

test('a node that stood still judges by the last of the frames that waited for it', () => {
  const lan = lanOf(2);
  const [one, two] = [lan.node(1), lan.node(2)];
  lan.asleep.add(two);
  one.isHung = true;
  lan.pass(7000);
  one.isHung = false;
  lan.pass(1000);
  lan.wake(two);
  lan.pass(1000);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node1'], 'node1 1']);
  assert.deepEqual(two.wire.all('claim'), []);
});

test('who is not heard by a holder that hangs takes nothing from it, until it is', () => {
  const lan = lanOf(2);
  lan.isApiAway = true;
  lan.isJoined = (from) => from.number === 1;
  lan.pass(500);
  lan.node(1).isHung = true;
  assert.equal(
    doubled(lan, () => lan.pass(5000)),
    0,
  );
  assert.deepEqual(lan.holders(VIP), ['node1'], 'it would not hear the claim, and both would answer');
  lan.isJoined = () => true;
  lan.pass(500);
  assert.deepEqual(lan.holders(VIP), ['node2']);
});

test('a claimant that dies before its claim is recorded is succeeded by the next, or by who had left it to it', () => {
  for (const count of [3, 2]) {
    const lan = lanOf(count);
    lan.isApiAway = true;
    lan.node(1).isHung = true;
    lan.pass(2300);
    assert.deepEqual(lan.holders(VIP), ['node2']);
    lan.watch = () => {};
    lan.stop(lan.node(2));
    lan.isApiAway = false;
    lan.node(1).isHung = count === 3;
    lan.pass(6000);
    const expected = count === 3 ? 'node3' : 'node1';
    assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [[expected], `${expected} 3`]);
  }
});

test('who hangs, dies and comes back hangs no more', () => {
  const lan = lanOf(2);
  lan.node(1).isHung = true;
  lan.pass(2300);
  lan.stop(lan.node(1));
  lan.live(['node2']);
  lan.pass(20_000);
  assert.equal(logOf(lan.node(2)).at(-1), 'peer is dead');
  const again = lan.start(1);
  again.configure();
  lan.pass(2000);
  lan.node(2).isHung = true;
  lan.pass(2500);
  assert.deepEqual([lan.holders(VIP), lan.record(VIP)], [['node1'], 'node1 3']);
});

test('who hangs and comes back at once hangs no more from its first frame on', () => {
  const lan = lanOf(2);
  lan.node(1).isHung = true;
  lan.pass(2300);
  lan.stop(lan.node(1));
  lan.start(1).configure();
  lan.pass(300);
  assert.equal(logOf(lan.node(2)).at(-1), 'peer lives');
});

test('a thousand addresses go over together, by pages', () => {
  const lan = new FakeLan(2);
  const addresses = Array.from({ length: 1000 }, (_, i) => `10.77.${i >> 8}.${i & 255}`);
  lan.want(...addresses);
  lan.pass(300);
  assert.deepEqual(
    lan.nodes.map((node) => node.held().length),
    [1000, 0],
  );
  lan.watch = () => {
    const held = new Set(lan.nodes.flatMap((node) => node.held()));
    assert.equal(held.size, 1000, 'somebody answers for each');
  };
  const one = lan.node(1);
  const lists = one.wire.all('held').length;
  one.isHung = true;
  lan.pass(2600);
  assert.deepEqual(
    lan.nodes.map((node) => node.held().length),
    [0, 1000],
  );
  assert.ok(one.wire.all('held').length - lists <= 20, 'as many lists as pages, not as addresses');
});
