// The ARP answer: what the kernel answers, byte for byte, and every named drop.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  corruptions,
  dirty,
  EVERY_OTHER_BYTE,
  fromHex,
  strictPrefixes,
  toHex,
} from '../../../test/arbitrary/byte-laws.ts';
import { stationMac, uint32 } from '../../../test/arbitrary/net.ts';
import { BROADCAST, parseMac } from '../../net/mac.ts';
import { ARP_DROP_NAMES, ArpDrop, answer, type HeldIPv4 } from './answer.ts';
import { type ArpPacket, decodeArpFrame, encodeArpFrame } from './arp-packet.ts';

const OURS = fromHex('02000000000b');
const THEIRS = fromHex('02000000000a');
const HELD = 0x0a4d000b;

const held: HeldIPv4 = { has: (value) => value === HELD, mac: OURS };

const REQUEST: ArpPacket = {
  destination: BROADCAST,
  source: THEIRS,
  operation: 1,
  senderHardware: THEIRS,
  senderProtocol: 0x0a4d000a,
  targetHardware: new Uint8Array(6),
  targetProtocol: HELD,
};

function frameOf(packet: ArpPacket): Uint8Array {
  const bytes = dirty(42);
  encodeArpFrame(packet, bytes);
  return bytes;
}

/** The reply as hex, or the name of the drop; `into` must be untouched then. */
function outcome(bytes: Uint8Array, from: HeldIPv4 = held): string {
  const into = dirty(64);
  const length = answer({ bytes, length: bytes.length }, from, into);
  if (length > 0) return toHex(into.subarray(0, length));
  assert.ok(
    into.every((byte) => byte === 0xa5),
    'a drop writes nothing',
  );
  return ARP_DROP_NAMES[length] ?? `no name for ${length}`;
}

// Request and reply of the Linux 6.18 kernel on a veth pair, recorded by an AF_PACKET socket; iputils 20221126.
const BY_THE_KERNEL = [
  {
    name: 'broadcast request of the kernel',
    request: 'ffffffffffff02000000000a0806000108000604000102000000000a0a4d000a0000000000000a4d000b',
    reply: '02000000000a02000000000b0806000108000604000202000000000b0a4d000b02000000000a0a4d000a',
  },
  {
    name: 'ARP Probe (RFC 5227) of arping -D',
    request: 'ffffffffffff02000000000a0806000108000604000102000000000a00000000ffffffffffff0a4d000b',
    reply: '02000000000a02000000000b0806000108000604000202000000000b0a4d000b02000000000a00000000',
  },
  {
    name: 'unicast request of arping',
    request: '02000000000b02000000000a0806000108000604000102000000000a0a4d000a02000000000b0a4d000b',
    reply: '02000000000a02000000000b0806000108000604000202000000000b0a4d000b02000000000a0a4d000a',
  },
] as const;

test('the answers are those of the kernel', () => {
  for (const { name, request, reply } of BY_THE_KERNEL) assert.equal(outcome(fromHex(request)), reply, name);
});

test('padding behind the packet does not matter, and is not sent back', () => {
  const padded = new Uint8Array(60).fill(0xee);
  padded.set(frameOf(REQUEST));
  assert.equal(outcome(padded).length, 84);
});

test('what the buffer holds beyond the frame is not read', () => {
  const bytes = frameOf(REQUEST);
  assert.equal(answer({ bytes, length: 41 }, held, dirty(64)), ArpDrop.TooShort);
});

const GROUP = fromHex('01005e000001');
const DROPS: readonly (readonly [expected: string, change: Partial<ArpPacket>, why: string])[] = [
  ['not-a-request', { operation: 2 }, 'a reply'],
  ['not-a-request', { operation: 3 }, 'RARP'],
  ['not-a-request', { operation: 0x0101 }, 'both bytes of the operation count'],
  ['own-frame', { source: OURS, senderHardware: OURS }, 'our own request came back'],
  ['own-frame', { senderHardware: OURS }, 'our hardware address in the packet only'],
  ['own-frame', { source: OURS }, 'our hardware address in the header only'],
  ['bad-sender', { senderHardware: GROUP }, 'a group as sender'],
  ['bad-sender', { senderHardware: BROADCAST }, 'broadcast as sender'],
  ['bad-sender', { senderHardware: new Uint8Array(6) }, 'zero as sender'],
  ['bad-sender', { source: GROUP }, 'a group as source of the frame'],
  ['bad-sender', { source: new Uint8Array(6) }, 'zero as source of the frame'],
  ['other-destination', { destination: fromHex('02000000000c') }, 'to another host'],
  ['other-destination', { destination: GROUP }, 'to a group'],
  ['announcement', { senderProtocol: HELD }, 'somebody announces a held address'],
  ['announcement', { senderProtocol: 7, targetProtocol: 7 }, 'somebody announces his own'],
  ['not-held', { targetProtocol: HELD + 1 }, 'another address'],
  ['not-held', { targetProtocol: 0x8a4d000b }, 'the highest bit counts'],
];

test('every refusal has its name', () => {
  for (const [expected, change, why] of DROPS)
    assert.equal(outcome(frameOf({ ...REQUEST, ...change })), expected, why);
});

const CORRUPT: readonly (readonly [expected: string, at: number, value: number, why: string])[] = [
  ['not-arp', 12, 0x86, 'EtherType, high byte'],
  ['not-arp', 13, 0x00, 'IPv4'],
  ['not-ethernet-ipv4', 15, 6, 'IEEE 802 hardware type'],
  ['not-ethernet-ipv4', 16, 0x86, 'protocol type'],
  ['not-ethernet-ipv4', 18, 8, 'hardware address length'],
  ['not-ethernet-ipv4', 19, 16, 'protocol address length'],
];

test('what is not ARP for IPv4 over Ethernet is dropped by name', () => {
  for (const [expected, at, value, why] of CORRUPT) {
    const bytes = frameOf(REQUEST);
    bytes[at] = value;
    assert.equal(outcome(bytes), expected, why);
  }
  for (const prefix of strictPrefixes(frameOf(REQUEST))) assert.equal(outcome(prefix), 'too-short');
});

test('every drop is named once, and the tables above reach all of them', () => {
  const names = Object.values(ARP_DROP_NAMES);
  assert.equal(new Set(names).size, Object.keys(ArpDrop).length);
  const reached = new Set(['too-short', ...[...DROPS, ...CORRUPT].map(([expected]) => expected)]);
  assert.deepEqual([...reached].sort(), [...names].sort());
});

test('a value that is negative as a signed number is looked up unsigned', () => {
  const address = 0xc0a80001;
  const asked: number[] = [];
  const from: HeldIPv4 = { mac: OURS, has: (value) => asked.push(value) > 0 };
  assert.equal(outcome(frameOf({ ...REQUEST, targetProtocol: address }), from).length, 84);
  assert.deepEqual(asked, [address]);
});

test('one corrupt byte gives a well-formed reply or a named drop', () => {
  let replies = 0;
  let drops = 0;
  for (const corrupted of corruptions(frameOf(REQUEST), EVERY_OTHER_BYTE)) {
    const result = outcome(corrupted);
    if (result.length < 84) {
      assert.ok(Object.values(ARP_DROP_NAMES).includes(result), result);
      drops++;
      continue;
    }
    const reply = decodeArpFrame(fromHex(result));
    assert.ok(!(reply instanceof Error) && reply.operation === 2 && reply.senderProtocol === HELD);
    replies++;
  }
  assert.equal(replies + drops, 42 * 255);
  // Only the asker's addresses and the ignored target hardware address may change: 22 bytes, save what makes them bad.
  assert.ok(replies > 5000 && drops > 5000, `${replies} replies, ${drops} drops`);
});

test('a reply goes to who asked, from the held address at our hardware address', () => {
  const unicast = fc.boolean();
  fc.assert(
    fc.property(stationMac(), uint32(), unicast, (asker, address, isUnicast) => {
      fc.pre(address !== HELD && toHex(asker) !== toHex(OURS));
      const destination = isUnicast ? OURS : BROADCAST;
      const request = {
        ...REQUEST,
        destination,
        source: asker,
        senderHardware: asker,
        senderProtocol: address,
      };
      assert.deepEqual(decodeArpFrame(fromHex(outcome(frameOf(request)))), {
        destination: asker,
        source: OURS,
        operation: 2,
        senderHardware: OURS,
        senderProtocol: HELD,
        targetHardware: asker,
        targetProtocol: address,
      });
    }),
  );
});

test('a sender behind another station is answered at its own hardware address', () => {
  const source = parseMac('02:00:00:00:00:cc');
  assert.ok(source);
  assert.equal(outcome(frameOf({ ...REQUEST, source })).slice(0, 12), '02000000000a');
});
