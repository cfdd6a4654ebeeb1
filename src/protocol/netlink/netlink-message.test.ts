// The rtnetlink codec: what a real kernel sent, and the three byte laws.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  corruptions,
  EVERY_OTHER_BYTE,
  fromHex,
  SOME_BITS,
  strictPrefixes,
  toHex,
} from '../../../test/arbitrary/byte-laws.ts';
import { encodedMessage } from '../../../test/arbitrary/netlink.ts';
import { randomInputs } from '../../../test/arbitrary/random-bytes.ts';
import * as golden from '../../../test/golden/rtnetlink.ts';
import { formatAddress } from '../../net/address.ts';
import { formatMac } from '../../net/mac.ts';
import {
  decodeNetlink,
  encodeAddressDump,
  encodeLinkDump,
  encodeRouteDump,
  type NetlinkMessage,
} from './netlink-message.ts';

const decode = (bytes: Uint8Array): readonly NetlinkMessage[] => decodeNetlink(bytes, bytes.length);

/** A message in one line. */
function line(message: NetlinkMessage): string {
  switch (message.kind) {
    case 'NEWLINK':
    case 'DELLINK': {
      const { index, name, mac, type, mtu, flags, operState, linkMode, carrierChanges } = message.link;
      const state = `flags ${flags.toString(16)} state ${operState} mode ${linkMode} changes ${carrierChanges}`;
      return `${message.kind} ${index} ${name} [${formatMac(mac)}] type ${type} mtu ${mtu} ${state}`;
    }
    case 'NEWADDR':
    case 'DELADDR': {
      const { index, address, prefixLength, flags } = message.address;
      return `${message.kind} ${index} ${formatAddress(address)}/${prefixLength} flags ${flags.toString(16)}`;
    }
    case 'NEWROUTE':
    case 'DELROUTE': {
      const gateways = message.gateways.map((one) => `${formatAddress(one.address)} on ${one.index}`);
      return [message.kind, ...gateways].join(' ');
    }
    case 'DONE':
    case 'ERROR':
      return `${message.kind} ${message.errno}`;
    case 'OTHER':
      return `OTHER ${message.type}`;
    case 'MALFORMED':
      return `MALFORMED ${message.error.reason} ${message.error.offset}`;
  }
}

const lines = (...datagrams: readonly Uint8Array[]): readonly string[] => datagrams.flatMap(decode).map(line);

test('a dump of links is read', () => {
  assert.deepEqual(lines(...golden.LINK_DUMP), [
    'NEWLINK 1 lo [00:00:00:00:00:00] type 772 mtu 65536 flags 10049 state 0 mode 0 changes 0',
    'NEWLINK 2 eth0 [02:00:00:00:00:0b] type 1 mtu 1500 flags 11043 state 6 mode 0 changes 2',
    'NEWLINK 3 br0 [02:00:00:00:00:0c] type 1 mtu 1500 flags 1002 state 2 mode 0 changes 1',
    'NEWLINK 4 tun9 [] type 65534 mtu 1500 flags 1091 state 2 mode 0 changes 1',
    'DONE 0',
  ]);
  assert.ok(
    golden.LINK_DUMP.flatMap(decode).every(({ sequence, isInterrupted }) => sequence === 7 && !isInterrupted),
  );
});

test('a dump of addresses is read; on a tunnel the own address, not the peer', () => {
  assert.deepEqual(lines(...golden.ADDRESS_DUMP), [
    'NEWADDR 1 127.0.0.1/8 flags 80',
    'NEWADDR 2 10.77.0.11/24 flags 80',
    'NEWADDR 4 10.99.0.1/32 flags 80',
    'NEWADDR 1 ::1/128 flags 80',
    'NEWADDR 2 fd77:0:0:1::b/64 flags 82',
    'NEWADDR 2 fe80::ff:fe00:b/64 flags 80',
    'DONE 0',
  ]);
});

test('of a dump of routes the default ones are read, with all their gateways', () => {
  const routes = lines(...golden.ROUTE_DUMP);
  assert.deepEqual(
    routes.filter((text) => text !== 'OTHER 24'),
    [
      'NEWROUTE 10.77.0.2 on 3 10.77.0.3 on 3',
      'NEWROUTE fd77:0:0:1::4 on 3',
      'NEWROUTE',
      'NEWROUTE',
      'NEWROUTE 10.77.0.1 on 3',
      'NEWROUTE fd77:0:0:1::2 on 3 fd77:0:0:1::3 on 3',
      'NEWROUTE fd77:0:0:1::1 on 3',
      'NEWROUTE fe80::1 on 3',
      'DONE 0',
    ],
  );
  assert.equal(routes.length, 23, 'the others are passed over');
});

test('a port that leaves its bridge is not a link that is gone', () => {
  assert.deepEqual(lines(golden.BRIDGE_PORT, golden.BRIDGE_PORT_GONE), ['OTHER 16', 'OTHER 17']);
});

test('what is gone, and an error, are read', () => {
  assert.deepEqual(lines(golden.LINK_GONE, golden.ADDRESS_GONE, golden.ROUTE_GONE, golden.REFUSED_REQUEST), [
    'DELLINK 3 br0 [02:00:00:00:00:0c] type 1 mtu 1500 flags 1002 state 2 mode 0 changes 1',
    'DELADDR 2 10.77.0.11/24 flags 80',
    'DELROUTE 10.77.0.1 on 3',
    'ERROR 22',
  ]);
});

test('an interrupted dump says so', () => {
  const bytes = golden.ADDRESS_GONE.slice();
  bytes[6] = (bytes[6] ?? 0) | 0x10;
  assert.deepEqual(
    decode(bytes).map(({ isInterrupted }) => isInterrupted),
    [true],
  );
});

test('the requests are those that the kernel answered', () => {
  // Written by struct.pack('<IHHII', ...) and a body of zeros in the recording; answered with the dumps above.
  const zeros = (count: number): string => '00'.repeat(count);
  assert.equal(toHex(encodeLinkDump(7)), `20000000 1200 0103 07000000 ${zeros(20)}`.replaceAll(' ', ''));
  assert.equal(
    toHex(encodeAddressDump(0xfffffffe)),
    `18000000 1600 0103 feffffff ${zeros(12)}`.replaceAll(' ', ''),
  );
  assert.equal(toHex(encodeRouteDump(7)), `1c000000 1a00 0103 07000000 ${zeros(16)}`.replaceAll(' ', ''));
});

test('only the given length is read', () => {
  const buffer = new Uint8Array(4096).fill(0xee);
  buffer.set(golden.ADDRESS_GONE);
  assert.equal(decodeNetlink(buffer, golden.ADDRESS_GONE.length).length, 1);
  assert.deepEqual(decodeNetlink(buffer, 0), []);
});

test('decoding what was encoded gives the same messages, whatever else they carry: all are decoded', () => {
  fc.assert(
    fc.property(fc.array(encodedMessage(), { maxLength: 5 }), (messages) => {
      const datagram = Uint8Array.from(messages.flatMap(({ bytes }) => [...bytes]));
      const expected = messages.map(({ expected: value, sequence }) => ({
        ...value,
        sequence,
        isInterrupted: false,
      }));
      assert.deepEqual(decode(datagram), expected);
    }),
  );
});

test('one bad message does not cost the others', () => {
  const bad = golden.ADDRESS_GONE.slice();
  bad[17] = 33;
  const datagram = Uint8Array.of(...golden.ADDRESS_GONE, ...bad, ...golden.ADDRESS_GONE);
  assert.deepEqual(
    decode(datagram).map(({ kind }) => kind),
    ['DELADDR', 'MALFORMED', 'DELADDR'],
  );
  assert.match(lines(bad)[0] ?? '', /^MALFORMED bad-value/);
});

test('a wrong length ends the datagram', () => {
  for (const length of [0, 15, 81, 0xffff]) {
    const bad = golden.ADDRESS_GONE.slice();
    bad[0] = length & 0xff;
    bad[1] = length >>> 8;
    assert.deepEqual(lines(golden.ADDRESS_GONE, bad).slice(1), ['MALFORMED bad-length 4'], `${length}`);
  }
});

const MALFORMED: readonly (readonly [hex: string, expected: string, why: string])[] = [
  ['10000000 0300 0000 00000000 00000000', 'MALFORMED truncated 16', 'DONE without its errno'],
  ['10000000 1000 0000 00000000 00000000', 'MALFORMED truncated 16', 'NEWLINK without its body'],
  [`20000000 1000 0000 00000000 ${'00'.repeat(20)}`, 'MALFORMED bad-value 32', 'a link without a name'],
  [`18000000 1400 0000 00000000 00000000 02180000 01000000`, 'MALFORMED bad-value 24', 'no address'],
  [
    '20000000 1400 0000 00000000 00000000 02180000 01000000 06000200 0a4d0000',
    'MALFORMED bad-length 28',
    'a short address',
  ],
  [
    '20000000 1400 0000 00000000 00000000 02180000 01000000 03000200 0a4d0000',
    'MALFORMED bad-length 28',
    'a short attribute',
  ],
  [
    '20000000 1400 0000 00000000 00000000 02180000 01000000 09000200 0a4d0000',
    'MALFORMED bad-length 28',
    'a long attribute',
  ],
  [
    '18000000 1400 0000 00000000 00000000 1c000000 01000000',
    'OTHER 20',
    'an address of a family that we do not read',
  ],
  ['1c000000 1800 0000 00000000 00000000 02000000 fe030001 00000000', 'NEWROUTE', 'no gateway'],
  ['1c000000 1800 0000 00000000 00000000 02080000 fe030001 00000000', 'OTHER 24', 'a route to somewhere'],
  ['1c000000 1800 0000 00000000 00000000 80000000 fe030001 00000000', 'OTHER 24', 'of another family'],
  ['18000000 1800 0000 00000000 00000000 02000000 fe030001', 'MALFORMED truncated 24', 'without its flags'],
  [
    '22000000 1800 0000 00000000 00000000 02000000 fe030001 00000000 06000500 0a4d 0000',
    'MALFORMED bad-length 32',
    'a short gateway',
  ],
  [
    '28000000 1800 0000 00000000 00000000 02000000 fe030001 00000000 0c000900 07000000 03000000',
    'MALFORMED bad-length 40',
    'a next hop that is shorter than itself',
  ],
  [
    '28000000 1800 0000 00000000 00000000 02000000 fe030001 00000000 0c000900 09000000 03000000',
    'MALFORMED bad-length 40',
    'a next hop that is longer than its list',
  ],
  [
    '28000000 1800 0000 00000000 00000000 02000000 fe030001 00000000 0c001200 1c000a4d 00010000',
    'NEWROUTE',
    'a gateway of a family that we do not read',
  ],
];

test('the flag bits of an attribute type are not its type', () => {
  const hex = '20000000 1400 0000 00000000 00000000 02180000 01000000 08000240 0a4d0001';
  assert.deepEqual(lines(fromHex(hex)), ['NEWADDR 1 10.77.0.1/24 flags 0']);
});

test('every way of being malformed has its reason', () => {
  for (const [hex, expected, why] of MALFORMED) assert.deepEqual(lines(fromHex(hex)), [expected], why);
});

/** How many of the inputs are read without anything malformed; each must give at least one message, and no exception. */
function wellFormed(inputs: Iterable<Uint8Array>): { readonly good: number; readonly all: number } {
  let good = 0;
  let all = 0;
  for (const input of inputs) {
    const messages = decode(input);
    assert.equal(messages.length > 0, input.length > 0);
    all++;
    if (messages.every(({ kind }) => kind !== 'MALFORMED')) good++;
  }
  return { good, all };
}

const SINGLE = [golden.ADDRESS_GONE, golden.BRIDGE_PORT_GONE, golden.ROUTE_GONE, golden.REFUSED_REQUEST];

test('all that a kernel sent is well-formed', () => {
  const { LINK_DUMP, ADDRESS_DUMP, ROUTE_DUMP, LINK_GONE, BRIDGE_PORT } = golden;
  const sent = [...LINK_DUMP, ...ADDRESS_DUMP, ...ROUTE_DUMP, ...SINGLE, LINK_GONE, BRIDGE_PORT];
  assert.deepEqual(wellFormed(sent), { good: 13, all: 13 }, '100 % decode');
});

test('a strict prefix of a message is never well-formed', () => {
  for (const bytes of [...SINGLE, golden.LINK_GONE]) {
    assert.deepEqual(wellFormed(strictPrefixes(bytes)), { good: 1, all: bytes.length }, 'only the empty one');
  }
});

test('a prefix of a datagram is well-formed between two messages only', () => {
  const dump = golden.ADDRESS_DUMP[0] ?? new Uint8Array(0);
  // Six messages: nothing, or up to the end of each of the first five.
  assert.deepEqual(wellFormed(strictPrefixes(dump)), { good: 6, all: 468 });
});

test('one corrupt byte gives messages, malformed or not', () => {
  for (const bytes of SINGLE) {
    const { good, all } = wellFormed(corruptions(bytes, EVERY_OTHER_BYTE));
    assert.equal(all, bytes.length * 255);
    assert.ok(good > all / 2 && good < all, `${good} of ${all}`);
  }
  for (const bytes of [...golden.LINK_DUMP, ...golden.ADDRESS_DUMP, ...golden.ROUTE_DUMP]) {
    const { good, all } = wellFormed(corruptions(bytes, SOME_BITS));
    assert.ok(good > all / 2 && good < all, `${good} of ${all}`);
  }
});

test('of 100,000 random datagrams hardly any is well-formed, unless its length is right', () => {
  const random = wellFormed(randomInputs(50_000, 80, 41));
  // Only the empty one of 81 lengths is: four random bytes are hardly ever the length of what follows.
  assert.ok(random.good > 400 && random.good < 900, `${random.good} of ${random.all}`);
  const { good, all } = wellFormed(framed(randomInputs(50_000, 80, 42)));
  assert.equal(all, 50_000);
  // Of addresses, links, ends and errors with random bodies: those of families that are not read, and any number.
  assert.ok(good > 0.8 * all && good < 0.95 * all, `${good} of ${all}`);
});

/** Each input as the body of a message of a known type, with its length. */
function* framed(inputs: Iterable<Uint8Array>): Generator<Uint8Array> {
  const types = [2, 3, 16, 17, 20, 21, 24, 25];
  let count = 0;
  for (const body of inputs) {
    const bytes = new Uint8Array(16 + body.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bytes.length, true);
    view.setUint16(4, types[count++ % types.length] ?? 0, true);
    bytes.set(body, 16);
    yield bytes;
  }
}
