// Who is heard on a segment, in virtual time: proof, replays, many peers. What a peer's silence means is in
// silence.test.ts, what becomes of the claims in claims-sync.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimOf, FakeSegment, INTERVAL, type SegmentNode } from '../../test/fake/fake-segment.ts';
import { HeardList, MAX_HEARD } from '../protocol/heartbeat/heartbeat-frame.ts';
import { milliseconds } from '../time/duration.ts';
import { Membership } from './membership.ts';

/** As many nodes as are asked for, numbered from 1, that know each other. */
function segmentOf(
  count: number,
  settling = 2000,
): { readonly segment: FakeSegment; readonly nodes: readonly SegmentNode[] } {
  const segment = new FakeSegment();
  const nodes = Array.from({ length: count }, (_, i) => segment.start(i + 1));
  segment.pass(settling);
  for (const node of nodes) node.outputs.length = 0;
  return { segment, nodes };
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`nothing at ${index} of ${list.length}`);
  return found;
}

test('alone it says hello once a second, with others it beats every interval', () => {
  const segment = new FakeSegment();
  segment.start(1);
  segment.pass(5000);
  assert.equal(segment.wire.length, 6);
  segment.start(2);
  segment.pass(1000);
  segment.wire.length = 0;
  segment.pass(1000);
  assert.deepEqual(
    Object.values(Object.groupBy(segment.wire, ({ frame }) => `${frame.receiverSession}`)).map(
      (each) => each?.length,
    ),
    [2, 10, 10],
    'one hello to all, and ten beats to the other',
  );
});

test('who comes is greeted at once and proven within an interval, and drops have their names until then', () => {
  const segment = new FakeSegment();
  const first = segment.start(1);
  segment.pass(700);
  const second = segment.start(2);
  segment.pass(3);
  assert.deepEqual(second.heard(), ['1 Live']);
  segment.pass(100);
  assert.deepEqual([first.heard(), second.heard()], [['2 Live'], ['1 Live']]);
  assert.deepEqual([first.drops(), second.drops()], [{ 'unproven-session': 1 }, {}]);
});

test('that its main thread hangs is said at once and believed, and so is the opposite', () => {
  const { segment, nodes } = segmentOf(3);
  const [one, two] = [at(nodes, 0), at(nodes, 1)];
  segment.hang(one, true);
  segment.pass(1);
  assert.deepEqual(two.heard(), ['1 Live hangs']);
  segment.pass(500);
  segment.hang(one, false);
  segment.pass(1);
  assert.deepEqual(two.heard(), ['1 Live hangs', '1 Live']);
});

test('a frame that was heard before changes nothing, in whatever order', () => {
  const { segment, nodes } = segmentOf(2);
  const [one, two] = [at(nodes, 0), at(nodes, 1)];
  segment.hang(one, true);
  segment.pass(500);
  segment.hang(one, false);
  segment.pass(510);
  two.outputs.length = 0;
  const said = segment.wire.filter(({ from }) => from === one.id);
  for (const sent of [...said, ...said.toReversed()]) segment.replay(sent, two);
  assert.deepEqual(two.heard(), []);
  assert.deepEqual(two.drops(), { replayed: said.length * 2 });
});

test('frames that overtake each other: the later ones count, the earlier ones are replays', () => {
  const { segment, nodes } = segmentOf(2);
  const two = at(nodes, 1);
  segment.fate = (_, to) => (to === two && segment.now % 200 < 100 ? [1] : [150]);
  segment.pass(2000);
  assert.equal(at(two.seen(), 0).state, 'Live');
  assert.ok((two.drops().replayed ?? 0) >= 8);
});

test('the first frame of a new life decides, and those of the former life are replays', () => {
  const { segment, nodes } = segmentOf(2);
  const [one, two] = [at(nodes, 0), at(nodes, 1)];
  segment.claim(one, [claimOf(5)]);
  segment.hang(one, true);
  segment.pass(500);
  const former = segment.wire.filter(({ from }) => from === one.id);
  segment.stop(one);
  segment.start(1);
  two.outputs.length = 0;
  segment.pass(300);
  assert.deepEqual(two.heard(), ['1 gone 5', '1 Live'], 'what the former life claimed is not claimed');
  assert.equal(two.saw(one).claims.size, 0);
  two.outputs.length = 0;
  for (const sent of former) segment.replay(sent, two);
  assert.deepEqual([two.heard(), two.drops()], [[], { replayed: former.length }]);
});

test('after ten lives the frames of none of them count', () => {
  const { segment, nodes } = segmentOf(2);
  const two = at(nodes, 1);
  segment.stop(at(nodes, 0));
  for (let life = 0; life < 10; life++) {
    const one = segment.start(1);
    segment.pass(1500);
    segment.hang(one, true);
    segment.pass(500);
    segment.stop(one);
  }
  const former = segment.wire.filter(({ from }) => from === 1n);
  const one = segment.start(1);
  segment.pass(1000);
  two.outputs.length = 0;
  for (const sent of former) segment.replay(sent, two);
  assert.deepEqual(two.heard(), []);
  segment.pass(500);
  assert.equal(two.saw(one).state, 'Live', 'the present life is still the present one');
});

test('who was silent for a minute is forgotten, and its old frames do not bring it back', () => {
  const { segment, nodes } = segmentOf(2);
  const [one, two] = [at(nodes, 0), at(nodes, 1)];
  segment.hang(one, true);
  segment.claim(one, [claimOf(5)]);
  segment.pass(500);
  segment.stop(one);
  two.outputs.length = 0;
  segment.pass(59_000);
  assert.deepEqual(two.heard(), ['1 Dead hangs']);
  assert.equal(two.saw(one).claims.size, 1, 'what a dead one claimed stays known');
  segment.pass(1200);
  assert.deepEqual(two.heard(), ['1 Dead hangs', '1 forgotten']);
  for (const sent of segment.wire) if (sent.from === one.id) segment.replay(sent, two);
  assert.deepEqual(two.seen(), []);
  // A life of its own again, which says nothing of hanging.
  segment.start(1);
  segment.pass(2500);
  assert.deepEqual(
    two.seen().map(({ state, isHung }) => [state, isHung]),
    [['Live', false]],
  );
});

test('a machine that begins anew under its session goes on: no frame of it is a replay', () => {
  const { segment, nodes } = segmentOf(3);
  const [one, two] = [at(nodes, 0), at(nodes, 1)];
  segment.renew(one);
  segment.hang(one, true);
  segment.pass(INTERVAL * 2);
  assert.deepEqual(two.heard(), ['1 Live hears me not', '1 Live hangs hears me not', '1 Live hangs']);
  assert.deepEqual(two.drops(), {});
  assert.equal(one.seen().length, 2, 'it has heard both of them again');
});

test('what was on the wire before a machine began proves nothing to it', () => {
  const { segment, nodes } = segmentOf(2);
  const [one, two] = [at(nodes, 0), at(nodes, 1)];
  segment.hang(one, true);
  segment.pass(300);
  segment.hang(one, false);
  segment.pass(10);
  const before = segment.wire.filter(({ from }) => from === one.id);
  segment.fate = () => [];
  segment.renew(two);
  two.outputs.length = 0;
  for (const sent of before) segment.replay(sent, two);
  assert.deepEqual([two.heard(), two.seen()], [[], []]);
  assert.deepEqual(Object.keys(two.drops()), ['unproven-session']);
});

test('two links of one node on one segment: the others hear both as one, it hears neither', () => {
  const segment = new FakeSegment();
  const other = segment.start(2);
  const first = segment.start(1, 77n);
  segment.pass(730);
  const second = segment.start(1, 77n);
  segment.pass(3000);
  for (const node of [first, second]) {
    assert.deepEqual(
      node.seen().map(({ nodeId, state }) => [nodeId, state]),
      [[2n, 'Live']],
    );
    assert.ok((node.drops()['unknown-sender'] ?? 0) >= 3, 'of the other one it hears what goes to all');
  }
  assert.equal(other.seen().length, 1);
  segment.stop(first);
  other.outputs.length = 0;
  segment.hang(second, true);
  segment.pass(1000);
  assert.deepEqual([other.heard(), other.drops()], [['1 Live hangs'], {}], 'one link alone goes on at once');
});

test('two nodes of one name: one of them counts, and nothing runs away', () => {
  const segment = new FakeSegment();
  const third = segment.start(3);
  segment.start(1);
  segment.pass(2000);
  segment.start(1);
  segment.pass(1000);
  segment.wire.length = 0;
  segment.pass(10_000);
  assert.equal(third.seen().length, 1);
  assert.ok(segment.wire.length <= 601, `${segment.wire.length} frames of three nodes in 10 s`);
});

test('a node that lists nobody is believed for ten seconds after it listed this one last', () => {
  const { segment, nodes } = segmentOf(3);
  const [one, deaf] = [at(nodes, 0), at(nodes, 2)];
  segment.fate = (_, to) => (to === deaf ? [] : [1]);
  segment.hang(deaf, true);
  segment.pass(9000);
  assert.deepEqual([one.saw(deaf).state, one.drops()], ['Live', {}]);
  segment.pass(12_000);
  assert.equal(one.saw(deaf).state, 'Dead');
  assert.ok((one.drops()['unproven-session'] ?? 0) > 0);
  segment.fate = () => [1];
  segment.pass(1500);
  for (const node of nodes)
    assert.deepEqual(
      node.seen().map(({ state, isDeaf }) => [state, isDeaf]),
      [
        ['Live', false],
        ['Live', false],
      ],
    );
});

test('a node that stood still for a minute believes nothing that waited for it', () => {
  const { segment, nodes } = segmentOf(2);
  const [one, two] = [at(nodes, 0), at(nodes, 1)];
  segment.stop(two);
  segment.hang(one, true);
  segment.pass(2000);
  segment.hang(one, false);
  const waiting = segment.wire.filter(({ at: time, from }) => from === one.id && time > segment.now - 2001);
  segment.pass(60_000);
  segment.nodes.push(two);
  for (const sent of waiting) segment.replay(sent, two);
  assert.ok(!two.heard().includes('1 Live hangs'), 'none of them');
  segment.pass(1500);
  assert.equal(at(two.seen(), 0).state, 'Live');
});

test('a frame for another session is none for this one', () => {
  const { segment, nodes } = segmentOf(2);
  const two = at(nodes, 1);
  const last = segment.wire.filter(({ from }) => from === 1n).at(-1);
  assert.ok(last);
  const session = 4711n;
  // Of a life that began later, and so has heard more of the other one.
  const heard = HeardList.of(
    Array.from(last.frame.body.heard, (each) => ({ ...each, sequence: each.sequence + 1 })),
  );
  const body = { ...last.frame.body, heard };
  const frame = { ...last.frame, body, session, sequence: last.frame.sequence + 1000n };
  const give = (receiverSession: bigint) =>
    segment.give(two, { kind: 'frame', frame: { ...frame, receiverSession } });
  give(two.session + 1n);
  assert.deepEqual(two.drops(), { 'unproven-session': 1 });
  frame.sequence++;
  give(two.session);
  assert.deepEqual(two.drops(), { 'unproven-session': 1 }, 'the second counts');
});

test('a peer that beats slowly lives as long as it says itself', () => {
  const { segment, nodes } = segmentOf(2);
  const [one, two] = [at(nodes, 0), at(nodes, 1)];
  const silent = segment.wire.filter(({ from }) => from === one.id).at(-1);
  assert.ok(silent);
  const slow = { interval: milliseconds(1000), sequence: silent.frame.sequence + 10n };
  two.machine.step(segment.now, { kind: 'frame', frame: { ...silent.frame, ...slow } });
  segment.stop(one);
  segment.pass(2999);
  assert.equal(two.saw(one).state, 'Live', 'three intervals');
  segment.pass(1);
  assert.equal(two.saw(one).state, 'Dead');
});

test('seventy peers prove each other, each listed in one of two frames', () => {
  const { segment, nodes } = segmentOf(70, 450);
  // Not a greeting for each of the others.
  assert.ok(segment.wire.length <= 70 * 7, `${segment.wire.length} frames`);
  for (const node of nodes) assert.equal(node.seen().filter(({ state }) => state === 'Live').length, 69);
  segment.wire.length = 0;
  segment.pass(300);
  const frames = segment.wire.filter(({ from }) => from === 1n).slice(0, 2);
  const listed = frames.map(({ frame }) => frame.body.heard.length);
  assert.deepEqual(listed, [MAX_HEARD, MAX_HEARD]);
  const ids = new Set(frames.flatMap(({ frame }) => Array.from(frame.body.heard, ({ nodeId }) => nodeId)));
  assert.equal(ids.size, 69, 'nobody is left out');
  for (const node of nodes) node.outputs.length = 0;
  segment.hang(at(nodes, 0), true);
  segment.pass(1);
  for (const node of nodes.slice(1)) assert.deepEqual(node.heard(), ['1 Live hangs'], 'listed or not');
});

test('beyond 1,024 peers further ones are unknown, until others are gone', () => {
  const { segment, nodes } = segmentOf(2);
  const [one, two] = [at(nodes, 0), at(nodes, 1)];
  const hello = segment.wire.find(({ from }) => from === two.id)?.frame;
  assert.ok(hello);
  const from = (id: number) => {
    one.outputs.length = 0;
    segment.give(one, { kind: 'frame', frame: { ...hello, nodeId: BigInt(id), session: 5n } });
    return one.drops();
  };
  for (let id = 3; id <= 1025; id++) assert.deepEqual(from(id), { 'unproven-session': 1 });
  assert.deepEqual(from(1026), { 'unknown-sender': 1 });
  segment.pass(61_000);
  assert.deepEqual(from(1026), { 'unproven-session': 1 });
  assert.equal(one.seen().length, 1);
});

test('its numbers come from the clock, and grow within a millisecond too', () => {
  const machine = new Membership({ nodeId: 1n, session: 2n, interval: INTERVAL, multiplier: 3 });
  const { now } = new FakeSegment();
  const numbers = [0, 0, 0.4, 1, 250].map((later) => {
    const [output] = machine.step((now + later) as typeof now, { kind: 'urgent' });
    assert.ok(output?.kind === 'transmit');
    return output.sequence - BigInt(now);
  });
  assert.deepEqual(numbers, [0n, 2n, 4n, 6n, 250n], 'even ones, because they go to all');
});
