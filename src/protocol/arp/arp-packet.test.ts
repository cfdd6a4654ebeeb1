// The ARP codec: golden bytes of the kernel and of arping, and the three byte laws.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arpPacket } from '../../../test/arbitrary/arp.ts';
import { validArpFrames } from '../../../test/arbitrary/arp-corpus.ts';
import {
  corruptions,
  dirty,
  EVERY_OTHER_BYTE,
  fromHex,
  SOME_BITS,
  strictPrefixes,
  tally,
  toHex,
} from '../../../test/arbitrary/byte-laws.ts';
import { behind, randomInputs } from '../../../test/arbitrary/random-bytes.ts';
import { DecodeError } from '../../bytes/decode-error.ts';
import { formatMac } from '../../net/mac.ts';
import {
  ARP_FRAME_LENGTH,
  type ArpPacket,
  decodeArpFrame,
  encodeArpFrame,
  writeAnnouncement,
} from './arp-packet.ts';

// All recorded by an AF_PACKET socket on a veth pair of two network namespaces, Linux 6.18, iputils 20221126. Node A has
// 02:00:00:00:00:0a and 10.77.0.10 (0x0a4d000a), node B 02:00:00:00:00:0b and 10.77.0.11.
const GOLDEN = {
  'request of the kernel':
    'ffffffffffff02000000000a0806000108000604000102000000000a0a4d000a0000000000000a4d000b',
  'unicast request of the kernel':
    '02000000000a02000000000b0806000108000604000102000000000b0a4d000b0000000000000a4d000a',
  'reply of the kernel':
    '02000000000a02000000000b0806000108000604000202000000000b0a4d000b02000000000a0a4d000a',
  'announcement of the kernel (arp_notify)':
    'ffffffffffff02000000000a0806000108000604000102000000000a0a4d000a0000000000000a4d000a',
  'probe of arping -D':
    'ffffffffffff02000000000a0806000108000604000102000000000a00000000ffffffffffff0a4d000b',
  'announcement of arping -U':
    'ffffffffffff02000000000a0806000108000604000102000000000a0a4d000affffffffffff0a4d000a',
  'announcement of arping -A':
    'ffffffffffff02000000000a0806000108000604000202000000000a0a4d000a02000000000a0a4d000a',
} as const;

const A = fromHex('02000000000a');

function decoded(bytes: Uint8Array): ArpPacket {
  const packet = decodeArpFrame(bytes);
  assert.ok(!(packet instanceof DecodeError), String(packet));
  return packet;
}

test('frames of other implementations are encoded as they were', () => {
  for (const [name, hex] of Object.entries(GOLDEN)) {
    const into = dirty(64);
    assert.equal(encodeArpFrame(decoded(fromHex(hex)), into), ARP_FRAME_LENGTH, name);
    assert.equal(toHex(into.subarray(0, 42)), hex, name);
    assert.ok(
      into.subarray(42).every((byte) => byte === 0xa5),
      'nothing behind it is touched',
    );
  }
});

test('the fields of a reply are where RFC 826 puts them', () => {
  const { operation, senderHardware, senderProtocol, targetHardware, targetProtocol } = decoded(
    fromHex(GOLDEN['reply of the kernel']),
  );
  assert.equal(operation, 2);
  assert.deepEqual([formatMac(senderHardware), senderProtocol], ['02:00:00:00:00:0b', 0x0a4d000b]);
  assert.deepEqual([formatMac(targetHardware), targetProtocol], ['02:00:00:00:00:0a', 0x0a4d000a]);
});

test('our announcements are those of the kernel and of arping', () => {
  const into = dirty(ARP_FRAME_LENGTH);
  assert.equal(writeAnnouncement({ form: 'Request', address: 0x0a4d000a }, A, into), 42);
  assert.equal(toHex(into), GOLDEN['announcement of the kernel (arp_notify)']);
  assert.equal(writeAnnouncement({ form: 'Reply', address: 0x0a4d000a }, A, into), 42);
  assert.equal(toHex(into), GOLDEN['announcement of arping -A']);
});

test('decoding what was encoded gives the same packet, padded or not: all of the valid corpus decodes', () => {
  const known = Object.values(GOLDEN).map(fromHex);
  assert.deepEqual(tally([...known, ...validArpFrames()], decodeArpFrame), { values: 7 + 10, errors: 0 });
  const padding = fc.uint8Array({ maxLength: 18 });
  fc.assert(
    fc.property(arpPacket(), padding, (packet, tail) => {
      const into = dirty(ARP_FRAME_LENGTH + tail.length);
      encodeArpFrame(packet, into);
      into.set(tail, ARP_FRAME_LENGTH);
      assert.deepEqual(decodeArpFrame(into), packet);
    }),
  );
});

test('no strict prefix is a packet', () => {
  for (const [name, hex] of Object.entries(GOLDEN)) {
    assert.deepEqual(tally(strictPrefixes(fromHex(hex)), decodeArpFrame), { values: 0, errors: 42 }, name);
  }
});

test('one corrupt byte leaves a packet, unless it is one of the eight that say what it is', () => {
  // EtherType, hardware type, protocol type, two lengths.
  for (const [name, hex] of Object.entries(GOLDEN)) {
    const masks = name === 'reply of the kernel' ? EVERY_OTHER_BYTE : SOME_BITS;
    const counted = tally(corruptions(fromHex(hex), masks), decodeArpFrame);
    assert.deepEqual(counted, { values: 34 * masks.length, errors: 8 * masks.length }, name);
  }
});

test('of 100,000 random frames those are packets that say so and are long enough', () => {
  const random = tally(randomInputs(50_000, 60, 7), decodeArpFrame);
  assert.deepEqual(random, { values: 0, errors: 50_000 }, '0 % decode');
  const head = fromHex('ffffffffffff02000000000a080600010800060400');
  let whole = 0;
  const { values, errors } = tally(behind(head, randomInputs(50_000, 39, 8)), (bytes) => {
    if (bytes.length >= ARP_FRAME_LENGTH) whole++;
    return decodeArpFrame(bytes);
  });
  assert.deepEqual([values, errors], [whole, 50_000 - whole]);
  // Lengths 21 to 60 are equally likely, and 19 of these 40 are whole frames: 47.5 %.
  assert.ok(values > 0.46 * 50_000 && values < 0.49 * 50_000, `${values} of 50,000 decode`);
});

test('too small a buffer is a bug', () => {
  const packet = decoded(fromHex(GOLDEN['reply of the kernel']));
  assert.throws(() => encodeArpFrame(packet, new Uint8Array(41)), RangeError);
});
