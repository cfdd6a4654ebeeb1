// A set of claims that is changed bit by bit has the digest of the whole.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { peerClaim } from '../../test/arbitrary/heartbeat.ts';
import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { claimsDigest } from '../protocol/heartbeat/peer-claim.ts';
import { ClaimSet } from './claim-set.ts';

test('after any changes the digest is that of the claims that are there', () => {
  const uid = fc.bigInt({ min: 0n, max: 7n });
  const setting = fc.tuple(uid, peerClaim()).map(([of, claim]): PeerClaim => ({ ...claim, uid: of }));
  const changes = fc.array(fc.oneof(setting, uid), { maxLength: 40 });
  fc.assert(
    fc.property(changes, (all) => {
      const set = new ClaimSet();
      const expected = new Map<bigint, PeerClaim>();
      for (const change of all) {
        if (typeof change === 'bigint') {
          set.delete(change);
          expected.delete(change);
        } else {
          set.set(change);
          expected.set(change.uid, change);
        }
        assert.equal(set.digest, claimsDigest([...expected.values()]));
      }
      assert.deepEqual(new Map(set.all), expected);
      assert.equal(new ClaimSet(expected.values()).digest, set.digest);
    }),
  );
});
