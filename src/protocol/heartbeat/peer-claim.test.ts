// The claims digest: the published values of FNV-1a, another program's digest, and what it depends on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { authenticate, peerClaim } from '../../../test/arbitrary/heartbeat.ts';
import { CLUSTER_ID, FULL, FULL_DIGEST } from '../../../test/golden/heartbeat.ts';
import { decodeHeartbeat } from './heartbeat-frame.ts';
import { claimsDigest, fnv1a64, type PeerClaim } from './peer-claim.ts';

test('FNV-1a has its published values', () => {
  // draft-eastlake-fnv, appendix C: "", "a", "foobar" without their terminating zeros.
  const of = (text: string): bigint => fnv1a64(new TextEncoder().encode(text));
  assert.equal(of(''), 0xcbf2_9ce4_8422_2325n);
  assert.equal(of('a'), 0xaf63_dc4c_8601_ec8cn);
  assert.equal(of('foobar'), 0x8594_4171_f739_67e8n);
});

test('FNV-1a agrees with its definition in whole numbers', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const step = (hash: bigint, byte: number): bigint =>
        BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
      assert.equal(fnv1a64(bytes), bytes.reduce(step, 0xcbf2_9ce4_8422_2325n));
    }),
  );
});

test('the digest of no claims is 0, that of another program is ours', () => {
  assert.equal(claimsDigest([]), 0n);
  const { ok } = decodeHeartbeat(FULL, { clusterId: CLUSTER_ID, authenticate, hopLimit: 255 });
  assert.ok(ok?.body.claims);
  assert.equal(claimsDigest(ok.body.claims.claims), FULL_DIGEST);
});

const claims = (): fc.Arbitrary<readonly PeerClaim[]> =>
  fc.uniqueArray(peerClaim(), { minLength: 1, maxLength: 8, selector: ({ uid }) => uid });

test('the digest does not depend on the order, and on everything else', () => {
  const shuffled = claims().chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray([...list], { minLength: list.length }), fc.nat()),
  );
  fc.assert(
    fc.property(shuffled, ([list, other, pick]) => {
      const digest = claimsDigest(list);
      assert.notEqual(digest, 0n);
      assert.equal(claimsDigest(other), digest);
      assert.notEqual(claimsDigest(list.slice(1)), digest);
      const at = pick % list.length;
      const changes: readonly ((claim: PeerClaim) => PeerClaim)[] = [
        (claim) => ({ ...claim, createdAt: claim.createdAt ^ 1 }),
        (claim) => ({ ...claim, epoch: claim.epoch ^ 1 }),
        (claim) => ({ ...claim, state: claim.state === 'Held' ? 'Taking' : 'Held' }),
        (claim) => ({ ...claim, isRecorded: !claim.isRecorded }),
        (claim) => ({ ...claim, isAlone: !claim.isAlone }),
      ];
      for (const change of changes)
        assert.notEqual(claimsDigest(list.map((claim, i) => (i === at ? change(claim) : claim))), digest);
    }),
  );
});

test('two claims that change places in one field are other claims', () => {
  const lists = fc.uniqueArray(peerClaim(), { minLength: 2, maxLength: 2, selector: ({ uid }) => uid });
  const fields = fc.constantFrom<keyof PeerClaim>('createdAt', 'epoch', 'state', 'isRecorded', 'isAlone');
  fc.assert(
    fc.property(lists, fields, ([a, b], field) => {
      fc.pre(a !== undefined && b !== undefined && a[field] !== b[field]);
      const swapped = [
        { ...a, [field]: b[field] },
        { ...b, [field]: a[field] },
      ];
      assert.notEqual(claimsDigest(swapped), claimsDigest([a, b]));
    }),
    { numRuns: 500 },
  );
});
