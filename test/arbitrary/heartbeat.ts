// Arbitrary heartbeats that fit into a frame, and the keys of the tests.

import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import {
  type Authenticate,
  type ClaimsPage,
  type Heard,
  HeardList,
  type HeartbeatBody,
  type HeartbeatFrame,
  type Offer,
  type PeerClaim,
} from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import { type Duration, milliseconds } from '../../src/time/duration.ts';
import { uint32 } from './net.ts';
import { record } from './record.ts';

/** Keys 1 and 2: bytes 0 to 31, and 32 to 63. */
const KEYS: Readonly<Record<number, Uint8Array>> = {
  1: Uint8Array.from({ length: 32 }, (_, i) => i),
  2: Uint8Array.from({ length: 32 }, (_, i) => 32 + i),
};

export const authenticate: Authenticate = (keyId, bytes) => {
  const key = KEYS[keyId];
  return key === undefined ? undefined : createHmac('sha256', key).update(bytes).digest().subarray(0, 16);
};

export const uint64 = (): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const duration = (min: number, max: number): fc.Arbitrary<Duration> =>
  fc.integer({ min, max }).map(milliseconds);

export const peerClaim = (): fc.Arbitrary<PeerClaim> =>
  record<PeerClaim>({
    uid: uint64(),
    createdAt: uint32(),
    epoch: uint32(),
    state: fc.constantFrom('Held', 'Taking', 'Leaving'),
    isRecorded: fc.boolean(),
    isAlone: fc.boolean(),
  });

export const heard = (): fc.Arbitrary<Heard> =>
  record<Heard>({ nodeId: uint64(), session: uint64(), sequence: uint32(), age: duration(0, 0xffff) });

const offer = (): fc.Arbitrary<Offer> => record<Offer>({ uid: uint64(), epoch: uint32(), to: uint64() });

const claimsPage = (): fc.Arbitrary<ClaimsPage> => {
  const place = fc
    .integer({ min: 0, max: 0xffff })
    .chain((pages) => fc.integer({ min: 0, max: Math.max(0, pages - 1) }).map((page) => ({ page, pages })));
  const claims = fc.array(peerClaim(), { maxLength: 20 });
  return fc.tuple(place, claims).map(([at, list]) => ({ ...at, claims: list }));
};

export const heartbeatBody = (): fc.Arbitrary<HeartbeatBody> =>
  fc.record(
    {
      heard: fc.array(heard(), { maxLength: 20 }).map(HeardList.of),
      claims: claimsPage(),
      isClaimsRequest: fc.boolean(),
      offers: fc.array(offer(), { maxLength: 10 }),
      revoked: fc.array(uint64(), { maxLength: 10 }),
      unableReason: fc.integer({ min: 0, max: 255 }),
    },
    { noNullPrototype: true, requiredKeys: ['heard', 'isClaimsRequest', 'offers', 'revoked'] },
  );

export const heartbeatFrame = (): fc.Arbitrary<HeartbeatFrame> =>
  record<HeartbeatFrame>({
    keyId: fc.constantFrom(1, 2),
    flags: record({
      isLeaving: fc.boolean(),
      isUnable: fc.boolean(),
      isHung: fc.boolean(),
      hasNoApi: fc.boolean(),
      isAlone: fc.boolean(),
    }),
    clusterId: uint64(),
    nodeId: uint64(),
    session: uint64(),
    sequence: uint64(),
    receiverSession: uint64(),
    interval: duration(1, 0xffff),
    multiplier: fc.integer({ min: 1, max: 255 }),
    mainAge: duration(0, 0xffff_ffff),
    claimsDigest: uint64(),
    body: heartbeatBody(),
  });
