// The Ethernet header codec: golden bytes and the three byte laws.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  corruptions,
  dirty,
  EVERY_OTHER_BYTE,
  fromHex,
  strictPrefixes,
  tally,
} from '../../../test/arbitrary/byte-laws.ts';
import { mac } from '../../../test/arbitrary/net.ts';
import { randomInputs } from '../../../test/arbitrary/random-bytes.ts';
import { record } from '../../../test/arbitrary/record.ts';
import { DecodeError } from '../../bytes/decode-error.ts';
import {
  decodeEthernetHeader,
  ETHERNET_HEADER_LENGTH,
  EtherType,
  encodeEthernetHeader,
  FIRST_ETHER_TYPE,
} from './ethernet-header.ts';

/** From a frame of the Linux 6.18 kernel on a veth pair (arp_notify), recorded by an AF_PACKET socket. */
const GOLDEN = fromHex('ffffffffffff 02000000000a 0806');

test('a frame of the kernel is decoded, and encoded as it was', () => {
  const header = decodeEthernetHeader(GOLDEN);
  assert.ok(!(header instanceof DecodeError));
  assert.deepEqual(header, {
    destination: fromHex('ffffffffffff'),
    source: fromHex('02000000000a'),
    etherType: EtherType.ARP,
  });
  const into = dirty(16);
  assert.equal(encodeEthernetHeader(header, into), ETHERNET_HEADER_LENGTH);
  assert.deepEqual(into.subarray(0, 14), GOLDEN);
  assert.deepEqual([...into.subarray(14)], [0xa5, 0xa5], 'nothing behind it is touched');
});

test('decoding what was encoded gives the same header: all of the valid corpus decodes', () => {
  const header = record({
    destination: mac(),
    source: mac(),
    etherType: fc.integer({ min: FIRST_ETHER_TYPE, max: 0xffff }),
  });
  fc.assert(
    fc.property(header, (value) => {
      const into = dirty(ETHERNET_HEADER_LENGTH);
      encodeEthernetHeader(value, into);
      assert.deepEqual(decodeEthernetHeader(into), value);
    }),
  );
});

test('an IEEE 802.3 length in the place of the type is another format', () => {
  const error = decodeEthernetHeader(fromHex('ffffffffffff 02000000000a 05ff'));
  assert.ok(error instanceof DecodeError);
  assert.deepEqual([error.reason, error.offset], ['wrong-type', 12]);
});

test('no strict prefix is a header', () => {
  assert.deepEqual(tally(strictPrefixes(GOLDEN), decodeEthernetHeader), { values: 0, errors: 14 });
});

test('one corrupt byte leaves a header, unless it makes the type a length', () => {
  // 0x0806 becomes a length when its high byte is below 6: six of the 255 other values of that byte.
  const counted = tally(corruptions(GOLDEN, EVERY_OTHER_BYTE), decodeEthernetHeader);
  assert.deepEqual(counted, { values: 14 * 255 - 6, errors: 6 });
});

test('of 100,000 random frames 74 % have a header', () => {
  // Lengths 0 to 56 are equally likely, 43 of these 57 are long enough, and six types of 256 are lengths.
  const { values, errors } = tally(randomInputs(100_000, 56, 51), decodeEthernetHeader);
  assert.equal(values + errors, 100_000);
  assert.ok(values > 73_000 && values < 75_000, `${values}`);
});
