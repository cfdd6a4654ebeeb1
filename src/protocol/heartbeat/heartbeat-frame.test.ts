// The heartbeat codec: frames made by another program, the three byte laws, and every named drop.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { corruptions, EVERY_OTHER_BYTE, strictPrefixes, toHex } from '../../../test/arbitrary/byte-laws.ts';
import { authenticate, heartbeatFrame } from '../../../test/arbitrary/heartbeat.ts';
import { randomInputs } from '../../../test/arbitrary/random-bytes.ts';
import {
  CLUSTER_ID,
  EMPTY,
  FULL,
  FULL_DIGEST,
  NODE_1,
  NODE_2,
  NODE_3,
} from '../../../test/golden/heartbeat.ts';
import { milliseconds } from '../../time/duration.ts';
import {
  decodeHeartbeat,
  encodeHeartbeat,
  HEARTBEAT_DROPS,
  HeardList,
  type HeartbeatContext,
  type HeartbeatFrame,
  MAX_CLAIMS,
  MAX_HEARD,
  type PeerClaim,
  readdressHeartbeat,
} from './heartbeat-frame.ts';

const CONTEXT: HeartbeatContext = { clusterId: CLUSTER_ID, authenticate, hopLimit: 255 };

const NO_FLAGS = { isLeaving: false, isUnable: false, isHung: false, hasNoApi: false, isAlone: false };

const SIGN_OF_LIFE: HeartbeatFrame = {
  keyId: 1,
  flags: NO_FLAGS,
  clusterId: CLUSTER_ID,
  nodeId: NODE_1,
  session: 0x8000_0000_0000_0001n,
  sequence: 1n,
  receiverSession: 0n,
  interval: milliseconds(100),
  multiplier: 3,
  mainAge: milliseconds(0),
  claimsDigest: 0n,
  body: { heard: HeardList.EMPTY, isClaimsRequest: false, offers: [], revoked: [] },
};

const UID = 0x1111_1111_2222_2222n;
const CLAIMS: readonly PeerClaim[] = [
  { uid: UID, createdAt: 1_796_083_200, epoch: 4, state: 'Held', isRecorded: true, isAlone: false },
  {
    uid: 0xffff_ffff_0000_0001n,
    createdAt: 1_796_083_201,
    epoch: 5,
    state: 'Taking',
    isRecorded: false,
    isAlone: true,
  },
  { uid: 3n, createdAt: 0xffff_ffff, epoch: 0xffff_ffff, state: 'Leaving', isRecorded: true, isAlone: true },
];

const EVERYTHING: HeartbeatFrame = {
  ...SIGN_OF_LIFE,
  keyId: 2,
  flags: { isLeaving: true, isUnable: true, isHung: true, hasNoApi: true, isAlone: true },
  sequence: 0x1_0000_0002n,
  receiverSession: 0x9f3c_0a11_d2e4_7b60n,
  mainAge: milliseconds(1_234_567),
  claimsDigest: FULL_DIGEST,
  body: {
    heard: HeardList.of([
      { nodeId: NODE_2, session: 0x9f3c_0a11_d2e4_7b60n, sequence: 0xffff_fffe, age: milliseconds(7) },
      { nodeId: NODE_3, session: 1n, sequence: 0, age: milliseconds(65_535) },
    ]),
    claims: { page: 1, pages: 3, claims: CLAIMS },
    isClaimsRequest: true,
    offers: [
      { uid: UID, epoch: 4, to: NODE_2 },
      { uid: 3n, epoch: 0xffff_ffff, to: NODE_3 },
    ],
    revoked: [0x8000_0000_0000_0000n],
    unableReason: 7,
  },
};

/** How often each outcome occurs; `ok` is a frame. */
function outcomes(inputs: Iterable<Uint8Array>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const input of inputs) {
    const name = decodeHeartbeat(input, CONTEXT).drop ?? 'ok';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

test('frames of another program are decoded, and encoded as they were', () => {
  assert.deepEqual(decodeHeartbeat(EMPTY, CONTEXT), { ok: SIGN_OF_LIFE });
  assert.deepEqual(decodeHeartbeat(FULL, CONTEXT), { ok: EVERYTHING });
  assert.equal(toHex(encodeHeartbeat(SIGN_OF_LIFE, authenticate)), toHex(EMPTY));
  assert.equal(toHex(encodeHeartbeat(EVERYTHING, authenticate)), toHex(FULL));
});

test('each flag is a bit of its own', () => {
  const names = ['isLeaving', 'isUnable', 'isHung', 'hasNoApi', 'isAlone'] as const;
  for (const [bit, name] of names.entries()) {
    const bytes = encodeHeartbeat({ ...SIGN_OF_LIFE, flags: { ...NO_FLAGS, [name]: true } }, authenticate);
    assert.deepEqual([...bytes.subarray(6, 8)], [0, 1 << bit], name);
  }
});

test('decoding what was encoded gives the same frame: all of the valid corpus decodes', () => {
  let decoded = 0;
  const numRuns = 1000;
  fc.assert(
    fc.property(heartbeatFrame(), (frame) => {
      const bytes = encodeHeartbeat(frame, authenticate);
      assert.deepEqual(decodeHeartbeat(bytes, { ...CONTEXT, clusterId: frame.clusterId }), { ok: frame });
      decoded++;
    }),
    { numRuns },
  );
  assert.equal(decoded, numRuns);
});

test('a frame for another receiver is the one that is encoded for it, whatever it was made for', () => {
  fc.assert(
    fc.property(heartbeatFrame(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (frame, receiverSession) => {
      const bytes = encodeHeartbeat(frame, authenticate);
      readdressHeartbeat(bytes, receiverSession, authenticate);
      assert.deepEqual(bytes, encodeHeartbeat({ ...frame, receiverSession }, authenticate));
    }),
  );
});

test('a view into a larger buffer is decoded, and what was decoded outlives the buffer', () => {
  const buffer = new Uint8Array(FULL.length + 40).fill(0xee);
  buffer.set(FULL, 20);
  const decoded = decodeHeartbeat(buffer.subarray(20, 20 + FULL.length), CONTEXT);
  buffer.fill(0);
  assert.deepEqual(decoded, { ok: EVERYTHING });
});

test('no truncation and no extension of a frame is a frame', () => {
  for (const bytes of [EMPTY, FULL]) {
    const beyond = bytes.length - 88;
    const expected = { 'too-short': 88, ...(beyond > 0 ? { 'bad-hmac': beyond } : {}) };
    assert.deepEqual(outcomes(strictPrefixes(bytes)), expected, '0 % decode');
    assert.deepEqual(outcomes([Uint8Array.of(...bytes, 0)]), { 'bad-hmac': 1 });
  }
});

test('no change of one byte leaves a frame, and each is dropped for what it broke', () => {
  for (const bytes of [EMPTY, FULL]) {
    assert.deepEqual(
      outcomes(corruptions(bytes, EVERY_OTHER_BYTE)),
      {
        'bad-magic': 4 * 255,
        version: 255,
        // One of the other ids is a key too, with which the HMAC is another one.
        'unknown-key': 254,
        'other-cluster': 8 * 255,
        'bad-hmac': (bytes.length - 14) * 255 + 1,
      },
      '0 % decode',
    );
  }
});

function* beginningAs(head: Uint8Array, inputs: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const input of inputs) {
    input.set(head.subarray(0, input.length));
    yield input;
  }
}

test('of 100,000 random datagrams none is a frame', () => {
  const counts = outcomes(randomInputs(50_000, 300, 11));
  assert.deepEqual(Object.keys(counts).sort(), ['bad-magic', 'too-short']);
  const likely = outcomes(beginningAs(FULL.subarray(0, 16), randomInputs(50_000, 300, 12)));
  assert.deepEqual(Object.keys(likely).sort(), ['bad-hmac', 'too-short'], 'they begin like frames');
  const total = [counts, likely].flatMap((each) => Object.values(each)).reduce((sum, count) => sum + count);
  assert.equal(total, 100_000);
  assert.ok((likely['bad-hmac'] ?? 0) > 30_000);
});

test('drops are checked in their order: of two reasons the first is given', () => {
  // Each step breaks one thing more, from the last reason to the first.
  const bytes = FULL.slice();
  const context = { ...CONTEXT };
  const seen: (string | undefined)[] = [];
  const look = (change: () => void): void => {
    change();
    seen.push(decodeHeartbeat(bytes, context).drop);
  };
  look(() => bytes.fill(0, 72));
  look(() => bytes.fill(9, 5, 6));
  look(() => bytes.fill(9, 8, 9));
  look(() => Object.assign(context, { hopLimit: 254 }));
  look(() => bytes.fill(2, 4, 5));
  look(() => bytes.fill(0, 0, 1));
  seen.push(decodeHeartbeat(bytes.subarray(0, 87), context).drop);
  const expected = HEARTBEAT_DROPS.filter((name) => name !== 'malformed-body');
  assert.deepEqual(seen.reverse(), expected);
});

test('the key is asked for after the cluster, and other versions are not understood', () => {
  const asked: number[] = [];
  const watching: HeartbeatContext = {
    clusterId: CLUSTER_ID,
    hopLimit: 255,
    authenticate: (keyId, bytes) => {
      asked.push(keyId, bytes.length);
      return authenticate(keyId, bytes);
    },
  };
  assert.deepEqual(decodeHeartbeat(FULL, { ...watching, clusterId: 1n }), { drop: 'other-cluster' });
  assert.deepEqual(asked, [], 'no HMAC is computed for another cluster');
  decodeHeartbeat(FULL, watching);
  assert.deepEqual(asked, [2, FULL.length - 16]);
  for (const version of [0, 2, 255]) {
    const bytes = FULL.slice();
    bytes[4] = version;
    assert.deepEqual(decodeHeartbeat(bytes, CONTEXT), { drop: 'version' });
  }
});

test('an HMAC of another length is none, whatever the bytes are', () => {
  const short: HeartbeatContext = { ...CONTEXT, authenticate: () => FULL.slice(-16, -1) };
  assert.deepEqual(decodeHeartbeat(FULL, short), { drop: 'bad-hmac' });
  const long: HeartbeatContext = { ...CONTEXT, authenticate: () => Uint8Array.of(...FULL.slice(-16), 0) };
  assert.deepEqual(decodeHeartbeat(FULL, long), { drop: 'bad-hmac' });
  const zeros = FULL.slice().fill(0, -16);
  const empty: HeartbeatContext = { ...CONTEXT, authenticate: () => new Uint8Array(0) };
  assert.deepEqual(decodeHeartbeat(zeros, empty), { drop: 'bad-hmac' });
});

test('ages beyond their field are the longest that it holds, fractions are rounded', () => {
  const OLD = { nodeId: 1n, session: 2n, sequence: 3, age: milliseconds(1e9) };
  const frame: HeartbeatFrame = {
    ...EVERYTHING,
    interval: milliseconds(99.6),
    mainAge: milliseconds(2 ** 40),
    body: { ...EVERYTHING.body, heard: HeardList.of([OLD]) },
  };
  const { ok } = decodeHeartbeat(encodeHeartbeat(frame, authenticate), CONTEXT);
  assert.deepEqual([ok?.interval, ok?.mainAge, ok?.body.heard.youngest()], [100, 0xffff_ffff, 0xffff]);
});

test('a frame is filled up to its bound and no further', () => {
  const [heard] = EVERYTHING.body.heard;
  const [claim] = CLAIMS;
  assert.ok(heard && claim);
  const of = (heardCount: number, claimCount: number): HeartbeatFrame => ({
    ...SIGN_OF_LIFE,
    body: {
      ...SIGN_OF_LIFE.body,
      heard: HeardList.of(Array(heardCount).fill(heard)),
      claims: { page: 0, pages: 1, claims: Array(claimCount).fill(claim) },
    },
  });
  assert.deepEqual([MAX_HEARD, MAX_CLAIMS], [59, 65]);
  const { claims: _, ...heardOnly } = of(MAX_HEARD, 0).body;
  for (const frame of [{ ...SIGN_OF_LIFE, body: heardOnly }, of(0, MAX_CLAIMS)]) {
    const bytes = encodeHeartbeat(frame, authenticate);
    assert.ok(bytes.length > 1380 && bytes.length <= 1400, `${bytes.length}`);
    assert.deepEqual(decodeHeartbeat(bytes, CONTEXT), { ok: frame });
  }
  const more = { ...SIGN_OF_LIFE.body, heard: of(MAX_HEARD + 1, 0).body.heard };
  assert.throws(() => encodeHeartbeat({ ...SIGN_OF_LIFE, body: more }, authenticate), RangeError);
  assert.throws(() => encodeHeartbeat(of(0, MAX_CLAIMS + 1), authenticate), RangeError);
});

test('what no frame can hold is a bug', () => {
  const BUGS: readonly (readonly [change: Partial<HeartbeatFrame>, why: string])[] = [
    [{ interval: milliseconds(0.4) }, 'an interval of no millisecond'],
    [{ interval: milliseconds(65_536) }, 'an interval beyond its field'],
    [{ interval: milliseconds(Number.NaN) }, 'no interval'],
    [{ multiplier: 0 }, 'no multiplier'],
    [{ multiplier: 256 }, 'a multiplier beyond its field'],
    [{ keyId: 3 }, 'an unknown key'],
    [{ body: { ...SIGN_OF_LIFE.body, claims: { page: 3, pages: 3, claims: [] } } }, 'page 3 of 0 to 2'],
  ];
  for (const [change, why] of BUGS)
    assert.throws(
      () => encodeHeartbeat({ ...SIGN_OF_LIFE, ...change }, authenticate),
      /^(Range)?Error: encode/,
      why,
    );
  assert.throws(() => encodeHeartbeat(SIGN_OF_LIFE, () => new Uint8Array(32)), RangeError);
});
