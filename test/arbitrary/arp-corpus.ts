// ARP frames as they should be, and everything that can be broken about them; with a second responder, written from
// RFC 826 and the table of drops over hexadecimal text, that says what must come of each.

import { corruptions, EVERY_OTHER_BYTE, fromHex, strictPrefixes, toHex } from './byte-laws.ts';
import { behind, randomInputs, randomNumbers } from './random-bytes.ts';

/** Who answers, for which address: node1 of the tests, and 10.77.0.50. */
export const RESPONDER_MAC = '02000000000b';
export const RESPONDER_ADDRESS = '0a4d0032';

const ASKER = '0200000000c1';
const ETHERNET_IPV4 = '000108000604';
const ANYONE = '0a4d00c8';

const BROADCAST = 'ffffffffffff';
const NOBODY = '000000000000';

/** A frame of the asker: destination, then the packet behind its own hardware address. */
const frame = (to: string, operation: string, addresses: string): Uint8Array =>
  fromHex(`${to} ${ASKER} 0806 ${ETHERNET_IPV4} ${operation} ${ASKER} ${addresses}`);

/** The kinds of frames that a responder meets; the first three are answered. */
export const ARP_FRAMES: Readonly<Record<string, Uint8Array>> = {
  request: frame(BROADCAST, '0001', ANYONE + NOBODY + RESPONDER_ADDRESS),
  'unicast request': frame(RESPONDER_MAC, '0001', ANYONE + RESPONDER_MAC + RESPONDER_ADDRESS),
  'ARP Probe': frame(BROADCAST, '0001', `00000000${NOBODY}${RESPONDER_ADDRESS}`),
  'ARP Announcement of another host': frame(
    BROADCAST,
    '0001',
    RESPONDER_ADDRESS + NOBODY + RESPONDER_ADDRESS,
  ),
  reply: frame(RESPONDER_MAC, '0002', ANYONE + RESPONDER_MAC + RESPONDER_ADDRESS),
};

/** The kinds, each as it is and padded to the shortest Ethernet frame. */
export const validArpFrames = (): readonly Uint8Array[] =>
  Object.values(ARP_FRAMES).flatMap((bytes) => [bytes, Uint8Array.of(...bytes, ...new Uint8Array(18))]);

/** Every truncation of every kind. */
export function* truncatedArpFrames(): Generator<Uint8Array> {
  for (const bytes of Object.values(ARP_FRAMES)) yield* strictPrefixes(bytes);
}

/** Every change of one byte of every kind. */
export function* corruptArpFrames(): Generator<Uint8Array> {
  for (const bytes of Object.values(ARP_FRAMES)) yield* corruptions(bytes, EVERY_OTHER_BYTE);
}

/**
 * Random frames: a third of random bytes, a third that are random behind the header of an ARP request for IPv4 over
 * Ethernet, and a third that are requests with one to four random changes.
 */
export function* randomArpFrames(count: number, seed: number): Generator<Uint8Array> {
  const head = fromHex(`${BROADCAST} ${ASKER} 0806 ${ETHERNET_IPV4} 0001`);
  const request = ARP_FRAMES.request ?? head;
  const next = randomNumbers(seed);
  const third = Math.floor(count / 3);
  for (const bytes of randomInputs(third, 60, seed)) yield bytes.slice();
  yield* behind(head, randomInputs(third, 40, seed + 1));
  for (let i = 2 * third; i < count; i++) yield mutated(request, next);
}

function mutated(bytes: Uint8Array, next: () => number): Uint8Array {
  const copy = bytes.slice();
  for (let changes = 1 + (next() % 4); changes > 0; changes--) copy[next() % copy.length] = next();
  return copy;
}

/** What must come of a frame: the reply as hex, or the name of the drop. */
export function expectedAnswer(bytes: Uint8Array): string {
  if (bytes.length < 42) return 'too-short';
  const hex = toHex(bytes);
  const field = (at: number, length: number): string => hex.slice(at * 2, (at + length) * 2);
  const [destination, source, asker] = [field(0, 6), field(6, 6), field(22, 6)];
  const [senderProtocol, targetProtocol] = [field(28, 4), field(38, 4)];
  if (field(12, 2) !== '0806') return 'not-arp';
  if (field(14, 6) !== ETHERNET_IPV4) return 'not-ethernet-ipv4';
  if (field(20, 2) !== '0001') return 'not-a-request';
  if ([source, asker].includes(RESPONDER_MAC)) return 'own-frame';
  if ([source, asker].some((mac) => mac === NOBODY || isGroup(mac))) return 'bad-sender';
  if (![BROADCAST, RESPONDER_MAC].includes(destination)) return 'other-destination';
  if (senderProtocol === targetProtocol) return 'announcement';
  if (targetProtocol !== RESPONDER_ADDRESS) return 'not-held';
  const from = RESPONDER_MAC + RESPONDER_ADDRESS;
  return `${asker}${RESPONDER_MAC}0806${ETHERNET_IPV4}0002${from}${asker}${senderProtocol}`;
}

/** Whether a hardware address in hex is a group's: the lowest bit of its first byte. */
export const isGroup = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;

/** Whether an expectation or outcome is a reply. */
export const isReply = (outcome: string): boolean => outcome.length === 84;
