// To whom heartbeats go: by unicast to each peer that is reached by it, and to all where somebody may be missed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimOf, FakeSegment, type SegmentNode } from '../../test/fake/fake-segment.ts';
import { UNICAST_LIMIT } from './audience.ts';

function segmentOf(count: number): { segment: FakeSegment; nodes: readonly SegmentNode[] } {
  const segment = new FakeSegment();
  const nodes = Array.from({ length: count }, (_, i) => segment.start(i + 1));
  segment.pass(3000);
  segment.wire.length = 0;
  for (const { outputs } of nodes) outputs.length = 0;
  return { segment, nodes };
}

/** How many frames a node has sent to all, and to one. */
function sentBy(
  segment: FakeSegment,
  node: SegmentNode | undefined,
): readonly [toAll: number, toOne: number] {
  const frames = segment.wire.filter(({ from }) => from === node?.id);
  const toAll = frames.filter(({ frame }) => frame.receiverSession === 0n).length;
  return [toAll, frames.length - toAll];
}

/** Frames to all do not come from this node, and those to one do, or the opposite. */
function cut(segment: FakeSegment, from: SegmentNode | undefined, what: 'toAll' | 'toOne'): void {
  segment.fate = (sender, _, frame) =>
    sender === from && (frame.receiverSession === 0n) === (what === 'toAll') ? [] : [1];
}

test('each peer is told alone, under one number an interval, and once a second all are', () => {
  const { segment, nodes } = segmentOf(5);
  segment.pass(10_000);
  for (const node of nodes) assert.deepEqual(sentBy(segment, node), [10, 400]);
  const toOne = segment.wire.filter(({ from, frame }) => from === 1n && frame.receiverSession !== 0n);
  assert.equal(new Set(toOne.map(({ frame }) => frame.sequence)).size, 100);
  for (const node of nodes) assert.deepEqual(node.outputs, []);
});

for (const [count, expected] of [
  [UNICAST_LIMIT + 1, [2, 20 * UNICAST_LIMIT]],
  [UNICAST_LIMIT + 2, [20, 0]],
] as const)
  test(`with ${count - 1} peers a node sends ${expected} frames to all and to one in two seconds`, () => {
    const { segment, nodes } = segmentOf(count);
    segment.pass(2000);
    assert.deepEqual(sentBy(segment, nodes[0]), expected);
  });

test('where nothing that goes to all arrives any more, nobody is lost', () => {
  const { segment, nodes } = segmentOf(4);
  cut(segment, nodes[0], 'toAll');
  segment.pass(60_000);
  for (const node of nodes) assert.deepEqual(node.outputs, []);
});

test('frames to all that are kept back for 400 ms are late, and neither news nor replays', () => {
  const { segment, nodes } = segmentOf(3);
  segment.fate = (_, __, frame) => (frame.receiverSession === 0n ? [400] : [1]);
  segment.pass(60_000);
  for (const node of nodes) assert.deepEqual(node.outputs, []);
  const [one, two] = nodes as [SegmentNode, SegmentNode];
  segment.claim(one, [claimOf(5)]);
  segment.pass(1000);
  assert.deepEqual(two.heard(), ['1 claims 5@1']);
});

test('a thousand claims get through while frames to all are kept back', () => {
  const { segment, nodes } = segmentOf(3);
  segment.fate = (_, __, frame) => (frame.receiverSession === 0n ? [250] : [1]);
  const [one, two] = nodes as [SegmentNode, SegmentNode];
  segment.pass(1000);
  segment.claim(
    one,
    Array.from({ length: 1000 }, (_, i) => claimOf(i)),
  );
  segment.pass(500);
  assert.equal(two.saw(one).claims.size, 1000);
});

test('where nothing that goes to one arrives, it goes to all within the detection time, until that heals', () => {
  const { segment, nodes } = segmentOf(3);
  cut(segment, nodes[0], 'toOne');
  segment.pass(1000);
  segment.wire.length = 0;
  for (const { outputs } of nodes) outputs.length = 0;
  segment.pass(10_000);
  assert.deepEqual(sentBy(segment, nodes[0]), [100, 200]);
  for (const node of nodes) assert.deepEqual(node.outputs, [], 'nobody is lost');
  segment.fate = () => [1];
  segment.pass(1000);
  segment.wire.length = 0;
  segment.pass(10_000);
  assert.deepEqual(sentBy(segment, nodes[0]), [10, 200]);
});

test('a peer that does not hear this node, or is silent, is spoken to by way of all', () => {
  const { segment, nodes } = segmentOf(3);
  const [one, two, three] = nodes as [SegmentNode, SegmentNode, SegmentNode];
  segment.fate = (from, to) => (from === two && to === one ? [] : [1]);
  segment.pass(1000);
  segment.wire.length = 0;
  two.outputs.length = 0;
  segment.pass(5000);
  assert.deepEqual(sentBy(segment, one), [50, 50]);
  assert.equal(two.saw(one).state, 'Live', 'one way is enough to be heard');
  assert.deepEqual([two.heard(), one.saw(two).state, three.saw(two).state], [[], 'PathLost', 'Live']);
});

test('who restarts, under whatever session, is heard again within an interval', () => {
  const { segment, nodes } = segmentOf(3);
  const [one, two, three] = nodes as [SegmentNode, SegmentNode, SegmentNode];
  segment.stop(one);
  segment.pass(130);
  const anew = segment.start(1);
  segment.pass(105);
  assert.deepEqual([anew.saw(two).state, anew.saw(three).state], ['Live', 'Live']);
  for (const other of [two, three]) {
    assert.equal(other.saw(anew).state, 'Live');
    assert.ok(!other.heard().includes('1 Dead'), 'it was away for less than the detection time');
  }
});
