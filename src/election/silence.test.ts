// What the silence of a peer means, in virtual time: dead, only not heard by this node, or deaf itself. ELECTION.md
// section 2.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimOf, FakeSegment, INTERVAL, type SegmentNode } from '../../test/fake/fake-segment.ts';

interface Bed {
  readonly segment: FakeSegment;
  readonly nodes: readonly [SegmentNode, SegmentNode, SegmentNode];
}

/** Three nodes that know each other. */
function three(): Bed {
  const segment = new FakeSegment();
  const nodes = [segment.start(1), segment.start(2), segment.start(3)] as const;
  segment.pass(2000);
  for (const { outputs } of nodes) outputs.length = 0;
  return { segment, nodes: [...nodes] };
}

/** When it last transmitted. */
const lastOf = ({ wire }: FakeSegment, { id }: SegmentNode): number =>
  wire.findLast(({ from }) => from === id)?.at ?? 0;

test('who has been silent for three intervals is dead for all, one interval later at most', () => {
  const { segment, nodes } = three();
  const [dead, ...others] = nodes;
  segment.stop(dead);
  const last = lastOf(segment, dead);
  segment.pass(last + 300 - segment.now);
  for (const node of others) assert.deepEqual(node.heard(), []);
  segment.pass(INTERVAL + 1);
  for (const node of others) assert.deepEqual(node.heard(), ['1 Dead']);
});

test('of two nodes the one that is left takes the other for dead in time', () => {
  const segment = new FakeSegment();
  const [one, two] = [segment.start(1), segment.start(2)];
  segment.pass(2000);
  two.outputs.length = 0;
  segment.stop(one);
  segment.pass(lastOf(segment, one) + 300 - segment.now);
  assert.deepEqual(two.heard(), []);
  segment.pass(1);
  assert.deepEqual(two.heard(), ['1 Dead']);
});

test('two frames of three lost change nothing', () => {
  const { segment, nodes } = three();
  let frames = 0;
  segment.fate = (from) => (from === nodes[0] && ++frames % 6 >= 2 ? [] : [1]);
  segment.pass(20_000);
  for (const node of nodes.slice(1)) assert.deepEqual(node.heard(), []);
});

test('who is heard by another peer is not dead but out of reach, until that one does not hear it either', () => {
  const { segment, nodes } = three();
  const [one, two, three_] = nodes;
  segment.fate = (from, to) => (from === one && to === two ? [] : [1]);
  segment.pass(5000);
  assert.deepEqual(two.heard().slice(-1), ['1 PathLost']);
  assert.equal(two.saw(one).state, 'PathLost');
  assert.ok(one.saw(two).state === 'Live' && !one.saw(two).hearsMe, 'it is told that it is not heard');
  segment.stop(one);
  segment.pass(700);
  assert.deepEqual([two.saw(one).state, three_.saw(one).state], ['Dead', 'Dead']);
});

test('a path that stays lost changes nothing, however long', () => {
  const { segment, nodes } = three();
  const [one, two] = nodes;
  segment.claim(one, [claimOf(5)]);
  segment.fate = (from, to) => (from.id + to.id === 3n ? [] : [1]);
  segment.pass(100_000);
  assert.deepEqual(two.heard(), ['1 claims 5@1', '1 PathLost']);
  assert.equal(two.saw(one).claims.size, 1);
  segment.stop(one);
  segment.pass(61_000);
  assert.deepEqual(two.heard().slice(2), ['1 Dead', '1 forgotten']);
});

test('a path that heals: live again with the next frame', () => {
  const { segment, nodes } = three();
  const [one, two] = nodes;
  segment.fate = (from, to) => (from === one && to === two ? [] : [1]);
  segment.pass(3000);
  segment.fate = () => [1];
  segment.pass(INTERVAL + 1);
  assert.equal(two.saw(one).state, 'Live');
  segment.pass(INTERVAL + 1);
  assert.equal(one.saw(two).hearsMe, true);
});

test('who hears nobody while the others hear each other is deaf, and hears again', () => {
  const { segment, nodes } = three();
  const [deaf, ...others] = nodes;
  segment.fate = (_, to) => (to === deaf ? [] : [1]);
  segment.pass(1000);
  for (const node of others)
    assert.deepEqual(node.saw(deaf), { ...node.saw(deaf), state: 'Live', isDeaf: true });
  for (const { state } of deaf.seen()) assert.equal(state, 'Dead');
  segment.fate = () => [1];
  segment.pass(300);
  for (const node of nodes)
    for (const { isDeaf, state } of node.seen()) assert.deepEqual([isDeaf, state], [false, 'Live']);
});

test('of two nodes neither can say that the other is deaf', () => {
  const segment = new FakeSegment();
  const [one, two] = [segment.start(1), segment.start(2)];
  segment.pass(2000);
  segment.fate = (_, to) => (to === one ? [] : [1]);
  segment.pass(2000);
  const { state, isDeaf, hearsMe } = two.saw(one);
  assert.deepEqual([state, isDeaf, hearsMe], ['Live', false, false]);
});

test('who can not hear any more takes nobody for dead before it does all of them', () => {
  const { segment, nodes } = three();
  const deaf = nodes[2];
  segment.pass(35);
  segment.fate = (_, to) => (to === deaf ? [] : [1]);
  const seen = new Set<string>();
  for (let slice = 0; slice < 500; slice++) {
    segment.pass(1);
    seen.add(
      deaf
        .seen()
        .map(({ state }) => state)
        .join(' '),
    );
  }
  assert.deepEqual([...seen], ['Live Live', 'Dead Dead']);
});

test('a gap of its own excuses the silence of that time, and that of who is dead already does not begin anew', () => {
  const { segment, nodes } = three();
  const [one, two, gone] = nodes;
  segment.stop(gone);
  segment.pass(1000);
  two.outputs.length = 0;
  segment.stop(two);
  segment.stop(one);
  segment.pass(5000);
  segment.nodes.push(two);
  segment.give(two, { kind: 'gap' });
  assert.deepEqual(two.heard(), []);
  segment.pass(299);
  assert.deepEqual(two.heard(), []);
  segment.pass(1);
  assert.deepEqual(two.heard(), ['1 Dead']);
});

test('a worker that was late asks for more patience, and gets it', () => {
  const { segment, nodes } = three();
  const [late, two] = nodes;
  segment.stop(late);
  segment.pass(160);
  segment.nodes.push(late);
  segment.pass(1);
  assert.ok((segment.wire.findLast(({ from }) => from === 1n)?.frame.multiplier ?? 0) > 3);
  segment.pass(50);
  segment.stop(late);
  two.outputs.length = 0;
  segment.pass(350);
  assert.deepEqual(two.heard(), [], 'it would be dead');
  segment.pass(1000);
  assert.deepEqual(two.heard(), ['1 Dead']);
});

test('what a dead peer claimed is kept, and is what it claims when it is heard again', () => {
  const { segment, nodes } = three();
  const [one, two] = nodes;
  segment.claim(one, [claimOf(5, 7)]);
  segment.pass(500);
  segment.stop(one);
  segment.pass(2000);
  assert.deepEqual([two.saw(one).state, two.saw(one).claims.size], ['Dead', 1]);
  two.outputs.length = 0;
  segment.nodes.push(one);
  segment.pass(300);
  assert.deepEqual(
    [two.saw(one).state, two.saw(one).hasAllClaims, two.saw(one).claims.size],
    ['Live', true, 1],
  );
});

test('what a peer says of itself is believed', () => {
  const { segment, nodes } = three();
  const [one, two] = nodes;
  one.flags = { isLeaving: true, isUnable: true };
  segment.pass(INTERVAL + 1);
  assert.deepEqual(two.heard(), ['1 Live leaves unable']);
});

test('an offer is told to who it is for, at once and alone', () => {
  const { segment, nodes } = three();
  const [one, two, third] = nodes;
  const offers = Array.from({ length: 45 }, (_, i) => ({ uid: BigInt(i), epoch: 1, to: i === 44 ? 3n : 2n }));
  segment.give(one, { kind: 'offers', offers });
  segment.pass(1);
  const counts = [two, third].map(({ outputs }) =>
    outputs.reduce((sum, output) => sum + (output.kind === 'offered' ? output.offers.length : 0), 0),
  );
  assert.deepEqual(counts, [44, 1]);
  for (const node of [two, third])
    assert.equal(node.saw(one).hearsMe, true, 'it lists nobody, and says nothing by that');
});

test('what is revoked is told to all at once, and in each heartbeat until something else is said', () => {
  const { segment, nodes } = three();
  const [one, two, third] = nodes;
  for (const node of [two, third]) node.outputs.length = 0;
  segment.give(one, { kind: 'revoke', uids: [5n, 6n] });
  segment.pass(2);
  for (const node of [two, third]) assert.deepEqual(node.heard(), ['1 revokes 5 6']);
  segment.pass(300);
  assert.deepEqual(two.heard(), new Array(4).fill('1 revokes 5 6'));
  two.outputs.length = 0;
  segment.give(one, { kind: 'revoke', uids: [] });
  segment.pass(300);
  assert.deepEqual(two.heard(), []);
  assert.equal(two.saw(one).hearsMe, true);
});

test('what is revoked goes into one frame with as many news as fit beside peers', () => {
  const { segment, nodes } = three();
  const [one, two] = nodes;
  for (let id = 10; id < 40; id++) segment.start(id);
  segment.pass(300);
  segment.give(one, { kind: 'revoke', uids: Array.from({ length: 10 }, (_, i) => BigInt(i)) });
  segment.claim(
    one,
    Array.from({ length: 40 }, (_, i) => claimOf(100 + i, 1)),
  );
  segment.pass(200);
  assert.equal(two.saw(one).claims.size, 40);
  assert.ok(two.heard().includes('1 revokes 0 1 2 3 4 5 6 7 8 9'));
});
