// UDP over IPv4: packets of the kernel, the three byte laws, and every named drop.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  corruptions,
  EVERY_OTHER_BYTE,
  fromHex,
  strictPrefixes,
  toHex,
} from '../../../test/arbitrary/byte-laws.ts';
import { uint32 } from '../../../test/arbitrary/net.ts';
import { randomInputs } from '../../../test/arbitrary/random-bytes.ts';
import { record } from '../../../test/arbitrary/record.ts';
import { addToSum, checksumOf } from '../../net/checksum.ts';
import { Dscp } from '../ipv4/ipv4-header.ts';
import { decodeUdpV4, encodeUdpV4, UDP_V4_DROPS, type UdpV4 } from './udp-v4.ts';

// Sent by the Linux 6.18 kernel from a socket bound to 10.77.0.11 port 7373, with IP_TOS 0xc0, TTL 255 and path MTU
// discovery, and read from a tun device, which leaves no checksum to be put in later.
const GOLDEN = {
  unicast: '45c0002500004000ff1166570a4d000b0a4d000c1ccd1ccd001199e5686561727462656174',
  'multicast, of odd length': '45c0001f00004000ff1190680a4d000be000004d1ccd1ccd000b08346f6464',
  empty: '45c0001c00004000ff1166600a4d000b0a4d000c1ccd1ccd0008b193',
} as const;
const WITH_OPTIONS =
  '46c0002c00004000ff11d14b0a4d000b0a4d000c940400001ccd1ccd00145ce377697468206f7074696f6e73';
const WITHOUT_CHECKSUM = '45c0002700004000ff1166550a4d000b0a4d000c1ccd1ccd001300006e6f20636865636b73756d';

const UNICAST: UdpV4 = {
  source: 0x0a4d000b,
  destination: 0x0a4d000c,
  ttl: 255,
  dscp: Dscp.CS6,
  identification: 0,
  sourcePort: 7373,
  destinationPort: 7373,
  payload: Uint8Array.from(Buffer.from('heartbeat')),
};

const text = (payload: string): Uint8Array => Uint8Array.from(Buffer.from(payload));

/** How often each outcome occurs; `ok` is a datagram. */
function outcomes(inputs: Iterable<Uint8Array>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const input of inputs) {
    const name = decodeUdpV4(input).drop ?? 'ok';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

test('packets of the kernel are decoded, and encoded as they were', () => {
  for (const [name, hex] of Object.entries(GOLDEN)) {
    const { ok } = decodeUdpV4(fromHex(hex));
    assert.ok(ok, name);
    assert.equal(toHex(encodeUdpV4(ok)), hex, name);
  }
  assert.deepEqual(decodeUdpV4(fromHex(GOLDEN.unicast)), { ok: UNICAST });
  const multicast = decodeUdpV4(fromHex(GOLDEN['multicast, of odd length'])).ok;
  assert.deepEqual([multicast?.destination, multicast?.payload], [0xe000004d, text('odd')]);
});

test('options are skipped, and a datagram may have no checksum', () => {
  assert.deepEqual(decodeUdpV4(fromHex(WITH_OPTIONS)), { ok: { ...UNICAST, payload: text('with options') } });
  assert.deepEqual(decodeUdpV4(fromHex(WITHOUT_CHECKSUM)), {
    ok: { ...UNICAST, payload: text('no checksum') },
  });
});

const u16 = (): fc.Arbitrary<number> => fc.integer({ min: 0, max: 0xffff });

const datagram = (): fc.Arbitrary<UdpV4> =>
  record<UdpV4>({
    source: uint32(),
    destination: uint32(),
    ttl: fc.integer({ min: 0, max: 255 }),
    dscp: fc.integer({ min: 0, max: 63 }),
    identification: u16(),
    sourcePort: u16(),
    destinationPort: u16(),
    payload: fc.uint8Array({ maxLength: 1472 }),
  });

test('decoding what was encoded gives the same datagram, padded or not: all of the valid corpus decodes', () => {
  const numRuns = 1000;
  let decoded = 0;
  fc.assert(
    fc.property(datagram(), fc.uint8Array({ maxLength: 18 }), (value, padding) => {
      const packet = encodeUdpV4(value);
      assert.deepEqual(decodeUdpV4(Uint8Array.of(...packet, ...padding)), { ok: value });
      decoded++;
    }),
    { numRuns },
  );
  assert.equal(decoded, numRuns);
});

test('a checksum that comes out as 0 is sent as 0xffff, and is verified', () => {
  // The payload's last word makes the sum come out as all ones.
  const checksumAt = 26;
  const plain = encodeUdpV4({ ...UNICAST, payload: Uint8Array.of(0, 0) });
  const payload = plain.slice(checksumAt, checksumAt + 2);
  const packet = encodeUdpV4({ ...UNICAST, payload });
  assert.deepEqual([...packet.subarray(checksumAt, checksumAt + 2)], [0xff, 0xff]);
  assert.ok(decodeUdpV4(packet).ok);
  packet[29] = (packet[29] ?? 0) ^ 1;
  assert.deepEqual(decodeUdpV4(packet), { drop: 'bad-udp-checksum' });
});

test('no strict prefix is a datagram', () => {
  for (const hex of [...Object.values(GOLDEN), WITHOUT_CHECKSUM]) {
    const bytes = fromHex(hex);
    assert.deepEqual(
      outcomes(strictPrefixes(bytes)),
      { 'too-short': 20, truncated: bytes.length - 20 },
      '0 % decode',
    );
  }
});

test('no change of one byte leaves a datagram that says something else', () => {
  for (const hex of [...Object.values(GOLDEN), WITH_OPTIONS]) {
    const bytes = fromHex(hex);
    const counts = outcomes(corruptions(bytes, EVERY_OTHER_BYTE));
    const header = ((bytes[0] ?? 0) & 0xf) * 4;
    assert.equal(counts.ok, undefined, '0 % decode');
    // The version is half of the first byte, and is looked at first; the length of a datagram is two bytes.
    assert.equal(counts['not-ipv4'], 240);
    assert.equal(
      (counts['bad-header-checksum'] ?? 0) + (counts['bad-header-length'] ?? 0),
      header * 255 - 240,
    );
    assert.equal(counts['bad-udp-length'], 2 * 255);
    assert.equal(counts['bad-udp-checksum'], (bytes.length - header - 2) * 255);
  }
});

test('a checksum of 0x00.. that loses its other byte is none, and the datagram the same', () => {
  const found = Array.from({ length: 0x1_0000 }, (_, identification) => {
    const payload = Uint8Array.of(identification >>> 8, identification & 0xff);
    return encodeUdpV4({ ...UNICAST, payload });
  }).find((packet) => packet[26] === 0 && packet[27] !== 0);
  assert.ok(found);
  const before = decodeUdpV4(found);
  assert.ok(before.ok);
  found[27] = 0;
  assert.deepEqual(decodeUdpV4(found), before);
});

test('of 100,000 random packets hardly any is a datagram, whatever they begin with', () => {
  assert.equal(outcomes(randomInputs(50_000, 120, 21)).ok, undefined, '0 % decode');
  const likely = outcomes(behindHeaders(randomInputs(50_000, 120, 22)));
  const { ok = 0, 'bad-udp-checksum': refused = 0 } = likely;
  assert.equal(ok + refused, 50_000, 'right headers and a right length leave the checksum');
  // One in 65,536 has the right checksum, another one none.
  assert.ok(ok < 10, `${ok} decode`);
});

/** Each input as ports, checksum and payload of a packet whose other fields are right. */
function* behindHeaders(inputs: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const input of inputs) {
    const random = Uint8Array.of(...input, 1, 2, 3, 4, 5, 6, 7, 8);
    const packet = patched(fromHex(GOLDEN.empty), { 3: 20 + random.length });
    random.set([0, random.length], 4);
    yield Uint8Array.of(...packet.subarray(0, 20), ...random);
  }
}

/** `bytes` with changes, and its header checksum put right again. */
function patched(bytes: Uint8Array, changes: Readonly<Record<number, number>>): Uint8Array {
  const packet = bytes.slice();
  for (const [at, value] of Object.entries(changes)) packet[Number(at)] = value;
  const header = packet.subarray(0, ((packet[0] ?? 0) & 0xf) * 4);
  header.fill(0, 10, 12);
  new DataView(packet.buffer).setUint16(10, checksumOf(addToSum(0, header)));
  return packet;
}

const PACKET = fromHex(GOLDEN.unicast);
const DROPS: readonly (readonly [expected: string, bytes: Uint8Array, why: string])[] = [
  ['too-short', PACKET.subarray(0, 19), 'half a header'],
  ['not-ipv4', patched(PACKET, { 0: 0x65 }), 'IPv6'],
  ['bad-header-length', patched(PACKET, { 0: 0x44 }), 'a header of four words'],
  ['bad-header-length', PACKET.map((byte, at) => (at === 0 ? 0x4f : byte)), 'a header beyond the packet'],
  ['bad-header-checksum', PACKET.map((byte, at) => (at === 8 ? 254 : byte)), 'a TTL that was counted down'],
  ['bad-total-length', patched(PACKET, { 3: 19 }), 'a packet shorter than its header'],
  ['truncated', PACKET.subarray(0, 36), 'the last byte is missing'],
  ['fragment', patched(PACKET, { 6: 0x20 }), 'a first fragment'],
  ['fragment', patched(PACKET, { 7: 0x01 }), 'a last fragment'],
  ['not-udp', patched(PACKET, { 9: 6 }), 'TCP'],
  ['bad-udp-length', patched(PACKET, { 3: 27 }), 'no room for a UDP header'],
  ['bad-udp-length', patched(PACKET, { 3: 20 }), 'nothing behind the header'],
  ['bad-udp-length', patched(PACKET, { 25: 0x10 }), 'bytes behind the datagram'],
  ['bad-udp-length', patched(PACKET, { 25: 0x12 }), 'a datagram beyond its packet'],
  ['bad-udp-checksum', patched(PACKET, { 36: 0 }), 'another payload'],
  ['bad-udp-checksum', patched(PACKET, { 15: 0x0d }), 'another source, in the pseudo header only'],
];

test('every refusal has its name, and the table reaches all of them', () => {
  for (const [expected, bytes, why] of DROPS) assert.deepEqual(decodeUdpV4(bytes), { drop: expected }, why);
  assert.deepEqual(new Set(DROPS.map(([expected]) => expected)), new Set(UDP_V4_DROPS));
});

test('flags that do not make a packet a fragment do not matter', () => {
  for (const flags of [0x00, 0x40, 0x80])
    assert.deepEqual(decodeUdpV4(patched(PACKET, { 6: flags })), { ok: UNICAST });
});

test('the longest payload is 65,507 bytes', () => {
  const payload = new Uint8Array(65_507).fill(0xff);
  assert.deepEqual(decodeUdpV4(encodeUdpV4({ ...UNICAST, payload })).ok?.payload, payload);
  assert.throws(() => encodeUdpV4({ ...UNICAST, payload: new Uint8Array(65_508) }), RangeError);
});
