// What a body may hold: frames that carry a right HMAC, so that only the format decides.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  corruptions,
  fromHex,
  SOME_BITS,
  strictPrefixes,
  tally,
  toHex,
} from '../../../test/arbitrary/byte-laws.ts';
import { authenticate, heartbeatFrame } from '../../../test/arbitrary/heartbeat.ts';
import { randomInputs } from '../../../test/arbitrary/random-bytes.ts';
import { CLUSTER_ID, EMPTY, FULL } from '../../../test/golden/heartbeat.ts';
import { decoding } from '../../bytes/decode-error.ts';
import { Reader } from '../../bytes/reader.ts';
import { bodyLength, readBody } from './heartbeat-body.ts';
import {
  type DecodedHeartbeat,
  decodeHeartbeat,
  encodeHeartbeat,
  HeardList,
  type HeartbeatBody,
} from './heartbeat-frame.ts';

/** A frame of another program with this body, and with `changes` of single bytes, under its right HMAC. */
function sealed(body: Uint8Array, changes: Readonly<Record<number, number>> = {}): Uint8Array {
  const bytes = Uint8Array.of(...EMPTY.subarray(0, 72), ...body);
  new DataView(bytes.buffer).setUint16(64, body.length);
  for (const [at, value] of Object.entries(changes)) bytes[Number(at)] = value;
  const hmac = authenticate(bytes[5] ?? 0, bytes);
  assert.ok(hmac);
  return Uint8Array.of(...bytes, ...hmac);
}

const decode = (bytes: Uint8Array): DecodedHeartbeat =>
  decodeHeartbeat(bytes, { clusterId: CLUSTER_ID, authenticate, hopLimit: 255 });

const bodyOf = (hex: string): HeartbeatBody | undefined => decode(sealed(fromHex(hex))).ok?.body;

const NOTHING: HeartbeatBody = { heard: HeardList.EMPTY, isClaimsRequest: false, offers: [], revoked: [] };
const CLAIM = '0000000000000001 00000002 00000003 01 01 0000';
const OFFER = '04000014 0000000000000001 00000002 0000000000000003';

test('the length that a sender reckons with is the length that is encoded', () => {
  fc.assert(
    fc.property(heartbeatFrame(), (frame) => {
      assert.equal(encodeHeartbeat(frame, authenticate).length, 88 + bodyLength(frame.body));
    }),
  );
});

const ACCEPTED: readonly (readonly [hex: string, expected: Partial<HeartbeatBody>, why: string])[] = [
  ['', {}, 'nothing'],
  ['07000000', {}, 'an unknown type without a value'],
  ['ff000003 010203', {}, 'an unknown type with a value'],
  ['07000000 07000001 aa 07000000', {}, 'an unknown type may come again'],
  ['00000000 03000000', { isClaimsRequest: true }, 'what comes after an unknown type is read'],
  ['03ee0000', { isClaimsRequest: true }, 'the reserved byte is ignored'],
  ['01000000', {}, 'nobody heard, said in so many words'],
  ['02000004 0000 0001', { claims: { page: 0, pages: 1, claims: [] } }, 'one page without claims'],
  ['02000004 0000 0000', { claims: { page: 0, pages: 0, claims: [] } }, 'no page, only changes'],
  ['02000004 fffe ffff', { claims: { page: 65_534, pages: 65_535, claims: [] } }, 'the last of all pages'],
  [`${OFFER} ${OFFER}`, { offers: Array(2).fill({ uid: 1n, epoch: 2, to: 3n }) }, 'an offer may come again'],
  ['05000008 0000000000000001 05000008 0000000000000001', { revoked: [1n, 1n] }, 'so may a refusal'],
  ['06000001 00', { unableReason: 0 }, 'reason 0'],
];

test('what the format allows is read', () => {
  for (const [hex, expected, why] of ACCEPTED)
    assert.deepEqual(bodyOf(hex), { ...NOTHING, ...expected }, why);
});

const MALFORMED: readonly (readonly [hex: string, why: string])[] = [
  ['03', 'a type alone'],
  ['030000', 'half of a length'],
  ['03000001', 'a value beyond the body'],
  ['0700ffff', 'an unknown type with a value beyond the body'],
  ['03000001 00', 'a request with a value'],
  [`01000015 ${'00'.repeat(21)}`, 'heard, a byte short'],
  [`01000017 ${'00'.repeat(23)}`, 'heard, a byte long'],
  [`01000${(61 * 22).toString(16)} ${'00'.repeat(61 * 22)}`, '61 heard'],
  ['02000000', 'claims without their page'],
  ['02000003 000000', 'claims with half of their pages'],
  ['02000004 0001 0001', 'the second page of one'],
  ['02000004 0001 0000', 'the second page of none'],
  [`02000017 00000001 ${CLAIM.slice(0, -2)}`, 'a claim, a byte short'],
  [`02000019 00000001 ${CLAIM} 00`, 'a claim, a byte long'],
  [`02000018 00000001 ${CLAIM.replace('01 01', '00 01')}`, 'state 0 of a claim'],
  [`02000018 00000001 ${CLAIM.replace('01 01', '04 01')}`, 'state 4 of a claim'],
  [`04000013 ${OFFER.slice(8, -2)}`, 'an offer, a byte short'],
  [`04000015 ${OFFER.slice(8)} 00`, 'an offer, a byte long'],
  ['05000000', 'a refusal of nothing'],
  [`05000010 ${'00'.repeat(16)}`, 'two refusals in one'],
  ['06000000', 'unable without its reason'],
  ['06000002 0000', 'unable with two reasons'],
  ['01000000 01000000', 'heard twice'],
  ['02000004 00000001 02000004 00000001', 'claims twice'],
  ['03000000 07000000 03000000', 'a request twice, with something in between'],
  ['06000001 01 06000001 01', 'unable twice, though they agree'],
];

test('every way of being malformed is one', () => {
  for (const [hex, why] of MALFORMED)
    assert.deepEqual(decode(sealed(fromHex(hex))), { drop: 'malformed-body' }, why);
});

test('an interval or a multiplier of 0 is malformed too', () => {
  const none = new Uint8Array(0);
  assert.deepEqual(decode(sealed(none, { 48: 0, 49: 0 })), { drop: 'malformed-body' });
  assert.deepEqual(decode(sealed(none, { 50: 0 })), { drop: 'malformed-body' });
  assert.equal(decode(sealed(none, { 48: 0, 49: 1, 50: 1 })).ok?.interval, 1);
});

test('a body length that is not that of the datagram puts the HMAC elsewhere', () => {
  const request = fromHex('03000000');
  assert.equal(decode(sealed(request)).ok?.body.isClaimsRequest, true);
  for (const length of [0, 3, 5, 20])
    assert.deepEqual(decode(sealed(request, { 65: length })), { drop: 'bad-hmac' });
});

test('unknown flags and reserved bytes are for a later version, and ignored', () => {
  const later = sealed(new Uint8Array(0), { 6: 0xff, 7: 0xe0, 51: 1, 66: 1, 71: 1 });
  assert.deepEqual(decode(later), decode(EMPTY));
  assert.notEqual(toHex(later), toHex(EMPTY));
  const claim = bodyOf(`02000018 00000001 ${CLAIM.replace('01 01 0000', '01 fd ffff')}`)?.claims?.claims[0];
  assert.deepEqual([claim?.isRecorded, claim?.isAlone], [true, false]);
});

/** How many bodies are read; the others must be malformed, and nothing else. */
function readable(bodies: Iterable<Uint8Array>): { readonly good: number; readonly all: number } {
  let good = 0;
  let all = 0;
  for (const body of bodies) {
    const { drop } = decode(sealed(body));
    assert.ok(drop === undefined || drop === 'malformed-body', drop);
    if (drop === undefined) good++;
    all++;
  }
  return { good, all };
}

const BODY = FULL.subarray(72, -16);

test('a truncated body is read between two TLVs only', () => {
  // Seven TLVs: nothing, or up to the end of each of the first six.
  assert.deepEqual(readable(strictPrefixes(BODY)), { good: 7, all: 185 });
});

test('a body with one corrupt byte is read or malformed', () => {
  const { good, all } = readable(corruptions(BODY, SOME_BITS));
  assert.equal(all, 185 * 4);
  // Ids, numbers, flags and reserved bytes may have any value; types, lengths, states and pages may not.
  assert.ok(good > 0.8 * all && good < 0.95 * all, `${good} of ${all}`);
});

test('of 100,000 random bodies few are read, and none breaks the decoder', () => {
  const read = (bytes: Uint8Array): unknown => decoding(() => readBody(new Reader(bytes, 'big')));
  const { values, errors } = tally(randomInputs(100_000, 120, 13), read);
  assert.equal(values + errors, 100_000);
  // About one of 121 is empty; an unknown type with a fitting length is rare.
  assert.ok(values > 500 && values < 3000, `${values} read, ${errors} malformed`);
});
