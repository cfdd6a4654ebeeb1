// The order of claims: total, and the same at both ends. ELECTION.md section 5.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { uint64 } from '../../test/arbitrary/heartbeat.ts';
import { record } from '../../test/arbitrary/record.ts';
import { beats, type RankedClaim } from './claim-order.ts';

const UID = 5n;
const A: RankedClaim = {
  ...{ node: 1n, epoch: 3, isRecorded: true },
  ...{ isDoubtful: false, isLeaving: false, isAlone: false },
};

/** Few different values, so that claims are often equal in part. */
const claim = (): fc.Arbitrary<RankedClaim> =>
  record<RankedClaim>({
    node: fc.bigInt({ min: 1n, max: 4n }),
    epoch: fc.integer({ min: 1, max: 3 }),
    isDoubtful: fc.boolean(),
    isLeaving: fc.boolean(),
    isAlone: fc.boolean(),
    isRecorded: fc.boolean(),
  });

test('each of these decides before all that stand behind it', () => {
  const weaker: readonly Partial<RankedClaim>[] = [
    { isDoubtful: true },
    { isLeaving: true },
    { isAlone: true },
    { isRecorded: false },
    { epoch: 2 },
  ];
  for (const [index, changes] of weaker.entries()) {
    // Better in all that is looked at later.
    const behind = [
      {},
      { isDoubtful: false },
      { isLeaving: false },
      { isAlone: false },
      { isRecorded: true },
      { epoch: 9 },
    ].slice(index + 2);
    const other = Object.assign({ ...A, node: 2n }, ...behind, changes) as RankedClaim;
    const mine = { ...A, isLeaving: index === 0, isAlone: index <= 1, isRecorded: index > 2 };
    assert.ok(beats(UID, mine, other), JSON.stringify(changes));
    assert.ok(!beats(UID, other, mine), JSON.stringify(changes));
  }
});

test('of two different nodes exactly one beats the other', () => {
  fc.assert(
    fc.property(uint64(), claim(), claim(), (uid, a, b) => {
      fc.pre(a.node !== b.node);
      assert.notEqual(beats(uid, a, b), beats(uid, b, a));
    }),
  );
});

test('it is an order: what beats a claim also beats what that one beats', () => {
  fc.assert(
    fc.property(uint64(), claim(), claim(), claim(), (uid, a, b, c) => {
      fc.pre(new Set([a.node, b.node, c.node]).size === 3);
      fc.pre(beats(uid, a, b) && beats(uid, b, c));
      assert.ok(beats(uid, a, c));
    }),
    { numRuns: 500 },
  );
});

test('ties go to another node for each address: of two nodes each wins about half', () => {
  const wins = Array.from({ length: 1000 }, (_, uid) => beats(BigInt(uid), A, { ...A, node: 2n }));
  const count = wins.filter(Boolean).length;
  assert.ok(count > 400 && count < 600, `${count} of 1000`);
});
