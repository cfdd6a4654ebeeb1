// The ARP answer: what the kernel answers, byte for byte, and every named drop.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  corruptArpFrames,
  expectedAnswer,
  isReply,
  RESPONDER_ADDRESS,
  RESPONDER_MAC,
  randomArpFrames,
  truncatedArpFrames,
  validArpFrames,
} from '../../../test/arbitrary/arp-corpus.ts';
import { dirty, fromHex, strictPrefixes, toHex } from '../../../test/arbitrary/byte-laws.ts';
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

const RESPONDER: HeldIPv4 = {
  has: (value) => value === Number.parseInt(RESPONDER_ADDRESS, 16),
  mac: fromHex(RESPONDER_MAC),
};

/** Answers each frame as the second responder does; returns how many there were, and how many were answered. */
function agreement(frames: Iterable<Uint8Array>): { readonly all: number; readonly answered: number } {
  let all = 0;
  let answered = 0;
  for (const bytes of frames) {
    const expected = expectedAnswer(bytes);
    assert.equal(outcome(bytes, RESPONDER), expected, toHex(bytes));
    all++;
    if (isReply(expected)) answered++;
  }
  return { all, answered };
}

test('of the five kinds of frames three are answered, padded or not', () => {
  assert.deepEqual(agreement(validArpFrames()), { all: 10, answered: 6 });
});

test('no truncation of a frame is answered, each is dropped as too short', () => {
  assert.deepEqual(agreement(truncatedArpFrames()), { all: 5 * 42, answered: 0 });
});

test('one corrupt byte gives the reply that is right for it, or the right drop', () => {
  // In the three requests: source and sender hardware address, 2 * 6 * 255, less 128 groups and our own each; the sender
  // protocol address, 4 * 255, less the one that makes two of them announcements; the target hardware address, 6 * 255,
  // which is ignored. The announcement is a request with another sender protocol address, 4 * 255, and one change of
  // the reply's operation makes it one too.
  const answered = 3 * (2 * (6 * 255 - 129) + 4 * 255 + 6 * 255) - 2 + 4 * 255 + 1;
  assert.deepEqual(agreement(corruptArpFrames()), { all: 5 * 42 * 255, answered }, '32 % are answered');
});

test('of 100,000 random frames those are answered that should be', () => {
  const { all, answered } = agreement(randomArpFrames(100_000, 31));
  assert.equal(all, 100_000);
  // A third are requests with up to four changes; a quarter of those are still requests for the held address.
  assert.ok(answered > 0.07 * all && answered < 0.1 * all, `${answered} of ${all} are answered`);
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
