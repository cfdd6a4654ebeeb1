// How claims get from one node to the others over a segment that loses, doubles and reorders frames: each ends with a
// right copy of what every other one claims.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { claimOf, FakeSegment, type SegmentNode } from '../../test/fake/fake-segment.ts';
import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';

/** Two nodes that know each other. */
function pair(): { readonly segment: FakeSegment; readonly one: SegmentNode; readonly two: SegmentNode } {
  const segment = new FakeSegment();
  const [one, two] = [segment.start(1), segment.start(2)];
  segment.pass(2000);
  segment.wire.length = 0;
  for (const { outputs } of [one, two]) outputs.length = 0;
  return { segment, one, two };
}

const sorted = (claims: readonly PeerClaim[]): readonly PeerClaim[] =>
  claims.toSorted((a, b) => Number(a.uid - b.uid));

/** What `of` claims, as `node` has told of it. */
const copyOf = (node: SegmentNode, of: SegmentNode): readonly PeerClaim[] =>
  sorted([...node.saw(of).claims.values()]);

const many = (count: number, epoch = 1): readonly PeerClaim[] =>
  Array.from({ length: count }, (_, i) => claimOf(i, epoch));

test('a new claim is told at once, and in the two frames after that', () => {
  const { segment, one, two } = pair();
  segment.pass(30);
  segment.wire.length = 0;
  segment.claim(one, [claimOf(5, 7)]);
  segment.pass(1);
  assert.deepEqual(two.heard(), ['1 claims 5@7']);
  segment.pass(398);
  const toTwo = segment.wire.filter(({ from, frame }) => from === 1n && frame.receiverSession !== 0n);
  const told = toTwo.map(({ frame }) => frame.body.claims);
  assert.deepEqual(
    told.map((page) => page?.claims.length),
    [1, 1, 1, undefined],
  );
  assert.deepEqual(copyOf(two, one), [claimOf(5, 7)]);
});

test('that a claim was recorded waits for the next heartbeat, however many they are', () => {
  const { segment, one, two } = pair();
  segment.claim(
    one,
    many(20).map((claim) => ({ ...claim, isRecorded: false })),
  );
  segment.pass(500);
  segment.wire.length = 0;
  for (let done = 1; done <= 20; done++)
    segment.claim(
      one,
      many(20).map((claim, i) => ({ ...claim, isRecorded: i < done })),
    );
  assert.equal(segment.wire.length, 0);
  segment.pass(101);
  assert.deepEqual(copyOf(two, one), many(20));
  assert.ok(segment.wire.every(({ frame }) => !frame.body.isClaimsRequest));
});

test('changes that follow each other all ride along: none takes the place of another', () => {
  const { segment, one, two } = pair();
  for (let count = 1; count <= 5; count++) segment.claim(one, many(count));
  segment.pass(1);
  segment.claim(one, many(5, 2));
  segment.pass(1);
  assert.deepEqual(copyOf(two, one), many(5, 2));
  assert.ok(segment.wire.every(({ frame }) => !frame.body.isClaimsRequest));
});

test('what is not claimed any more is told at once, and nobody asks for pages', () => {
  const { segment, one, two } = pair();
  segment.claim(one, many(130));
  segment.pass(500);
  segment.wire.length = 0;
  segment.claim(one, many(128));
  assert.equal(segment.wire.length, 1, 'somebody may be waiting for it');
  segment.pass(2);
  assert.deepEqual(copyOf(two, one), many(128));
  assert.ok(segment.wire.every(({ frame }) => !frame.body.isClaimsRequest));
});

test('what was lost three times is asked for in pages', () => {
  const { segment, one, two } = pair();
  segment.claim(one, many(3));
  segment.pass(500);
  segment.fate = () => [];
  segment.claim(one, many(2, 4));
  segment.pass(500);
  segment.fate = () => [1];
  segment.pass(250);
  assert.deepEqual(copyOf(two, one), many(2, 4));
  segment.claim(one, []);
  segment.pass(101);
  assert.deepEqual(copyOf(two, one), []);
});

test('what is not claimed any more is told no more as a claim', () => {
  const { segment, one, two } = pair();
  segment.claim(one, [claimOf(5)]);
  segment.claim(one, []);
  segment.pass(500);
  const told = segment.wire.flatMap(({ frame }) => frame.body.claims?.claims.map(({ epoch }) => epoch) ?? []);
  assert.deepEqual(told, [1, 0, 0, 0]);
  assert.deepEqual(two.heard(), ['1 claims 5@1', '1 gone 5']);
});

test('what a former life claimed is not claimed, also while the claims of the new one are not known', () => {
  const { segment, one, two } = pair();
  segment.claim(one, many(3));
  segment.pass(500);
  assert.equal(copyOf(two, one).length, 3);
  const last = segment.wire.filter(({ from }) => from === one.id).at(-1);
  assert.ok(last);
  const frame = { ...last.frame, session: 4711n, claimsDigest: 4711n };
  segment.give(two, { kind: 'frame', frame });
  assert.deepEqual([copyOf(two, one), two.saw(one).state], [[], 'Live']);
});

test('a thousand claims at once are there after two intervals, as 17 pages for each peer', () => {
  const { segment, one, two } = pair();
  const others = [two, segment.start(3), segment.start(4), segment.start(5)];
  segment.pass(2000);
  for (const { outputs } of others) outputs.length = 0;
  segment.wire.length = 0;
  segment.claim(one, many(1000));
  segment.pass(220);
  for (const other of others) assert.equal(copyOf(other, one).length, 1000);
  const pages = segment.wire.filter(({ frame }) => (frame.body.claims?.pages ?? 0) > 0);
  assert.equal(new Set(pages.map(({ frame }) => frame.sequence)).size, 17);
  assert.equal(pages.length, 4 * 17);
  segment.pass(1000);
  assert.equal(segment.wire.filter(({ frame }) => frame.body.isClaimsRequest).length, 4);
});

test('who comes later asks for what is claimed already', () => {
  const { segment, one } = pair();
  segment.claim(one, many(130));
  segment.pass(500);
  const late = segment.start(3);
  segment.pass(500);
  assert.deepEqual(copyOf(late, one), many(130));
});

test('pages that are lost, doubled and out of order are asked for until all are there', () => {
  const { segment, one, two } = pair();
  // A linear congruential generator (Numerical Recipes): in a fixed pattern the same page might be lost each time.
  let state = 20_261;
  const fates = [[1], [1], [], [9, 1], [30]];
  segment.fate = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return fates[(state >>> 16) % fates.length] ?? [];
  };
  segment.claim(one, many(300));
  segment.pass(1000);
  segment.claim(one, many(250, 2));
  segment.pass(3000);
  assert.deepEqual(copyOf(two, one), many(250, 2));
});

test('who falls silent is not asked for ever', () => {
  const { segment, one, two } = pair();
  segment.fate = (from) => (from === two ? [] : [1]);
  segment.claim(one, many(100));
  segment.pass(50);
  segment.stop(one);
  segment.pass(12_000);
  const requests = segment.wire.filter(({ frame }) => frame.body.isClaimsRequest);
  assert.ok(requests.length > 0 && requests.length <= 11, `${requests.length} requests`);
});

/** What can happen on a segment, as data. */
type Event =
  | readonly ['claim', node: number, claims: readonly PeerClaim[]]
  | readonly ['hang', node: number, isHung: boolean]
  | readonly ['restart' | 'renew', node: number]
  | readonly ['replay', frame: number, node: number]
  | readonly ['pass', length: number];

const node = fc.nat(3);
const claims = fc.uniqueArray(
  fc.record({ uid: fc.nat(200), epoch: fc.integer({ min: 1, max: 3 }), isRecorded: fc.boolean() }),
  { selector: ({ uid }) => uid, maxLength: 90 },
);
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.tuple(
    fc.constant('claim' as const),
    node,
    claims.map((list) => list.map(({ uid, epoch, isRecorded }) => claimOf(uid, epoch, { isRecorded }))),
  ),
  fc.tuple(fc.constant('hang' as const), node, fc.boolean()),
  fc.tuple(fc.constantFrom('restart' as const, 'renew' as const), node),
  fc.tuple(fc.constant('replay' as const), fc.nat(), node),
  { weight: 4, arbitrary: fc.tuple(fc.constant('pass' as const), fc.integer({ min: 1, max: 400 })) },
);

function act(segment: FakeSegment, [kind, ...rest]: Event): void {
  const [first, second] = rest as readonly [number, unknown];
  const subject = segment.nodes[kind === 'replay' ? Number(second) : first];
  if (kind === 'pass') segment.pass(first);
  if (subject === undefined) return;
  const former = segment.wire[first % segment.wire.length];
  if (kind === 'claim') segment.claim(subject, second as readonly PeerClaim[]);
  else if (kind === 'hang') segment.hang(subject, Boolean(second));
  else if (kind === 'renew') segment.renew(subject);
  else if (kind === 'replay' && former !== undefined && former.from !== subject.id)
    segment.replay(former, subject);
  else if (kind === 'restart') {
    segment.stop(subject);
    segment.start(Number(subject.id));
  }
}

test('whatever was lost, late, doubled and replayed, everybody ends with the truth about everybody', () => {
  let fates = 0;
  const fate = fc.array(fc.integer({ min: 0, max: 250 }), { maxLength: 2 });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), fc.array(fate, { minLength: 7 }), (events, delays) => {
      const segment = new FakeSegment();
      for (const id of [1, 2, 3, 4]) segment.start(id);
      segment.fate = () => delays[fates++ % delays.length] ?? [];
      for (const each of events) act(segment, each);
      segment.pass(300);
      segment.fate = () => [1];
      segment.pass(2500);
      for (const each of segment.nodes)
        for (const other of segment.nodes.filter((one) => one !== each)) {
          const { state, isHung, isDeaf, hearsMe, hasAllClaims } = each.saw(other);
          assert.deepEqual([state, isHung, isDeaf], ['Live', other.isHung, false]);
          assert.deepEqual([hearsMe, hasAllClaims], [true, true]);
          assert.deepEqual(copyOf(each, other), sorted(other.claims));
        }
    }),
    { numRuns: 60 },
  );
});
