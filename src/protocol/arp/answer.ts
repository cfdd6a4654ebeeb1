// The answer to an ARP request (RFC 826) for a held IPv4 address, ARP Probes (RFC 5227 section 2.1.1) and unicast
// requests included. The hot path: one function over the frame's bytes, without any allocation. Offsets: arp-packet.ts.

import type { Mac } from '../../net/mac.ts';
import { ARP_FRAME_LENGTH } from './arp-packet.ts';

/** A receive buffer and how much of it is the frame. */
export interface ReceivedFrame {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** What is answered for on one link. */
export interface HeldIPv4 {
  /**
   * `value` is the address as an unsigned 32-bit number. Look it up as `value | 0`: above 2^31 it is no small integer
   * for V8, and as a key of a Map it would be allocated.
   */
  has(value: number): boolean;
  /** This link's hardware address. */
  readonly mac: Mac;
}

/** Why a frame was not answered; negative, so that they are told from a length. In the order of checking. */
export const ArpDrop = {
  TooShort: -1,
  NotArp: -2,
  NotEthernetIPv4: -3,
  NotARequest: -4,
  OwnFrame: -5,
  BadSender: -6,
  OtherDestination: -7,
  Announcement: -8,
  NotHeld: -9,
} as const;
export type ArpDrop = (typeof ArpDrop)[keyof typeof ArpDrop];

/** The names of the drops, for metrics and logs; also the order of checking. */
export const ARP_DROP_NAMES: Readonly<Record<number, string>> = {
  /** Shorter than an ARP frame. */
  [ArpDrop.TooShort]: 'too-short',
  /** EtherType is not 0x0806. */
  [ArpDrop.NotArp]: 'not-arp',
  /** ARP for another protocol or another kind of link. */
  [ArpDrop.NotEthernetIPv4]: 'not-ethernet-ipv4',
  /** A reply, or an operation that nobody answers. */
  [ArpDrop.NotARequest]: 'not-a-request',
  /** Our own frame came back to us. */
  [ArpDrop.OwnFrame]: 'own-frame',
  /** A group or all-zero hardware address as source: nobody to answer to. */
  [ArpDrop.BadSender]: 'bad-sender',
  /** Sent to another host, a promiscuous link shows it. */
  [ArpDrop.OtherDestination]: 'other-destination',
  /** An ARP Announcement tells, it does not ask (RFC 5227 section 2.3). */
  [ArpDrop.Announcement]: 'announcement',
  /** Asks for an address that this node does not hold. */
  [ArpDrop.NotHeld]: 'not-held',
};

/** Offsets of arp-packet.ts. */
const DESTINATION = 0;
const SOURCE = 6;
const ETHER_TYPE = 12;
const SENDER_HARDWARE = 22;
const SENDER_PROTOCOL = 28;
const TARGET_PROTOCOL = 38;

/**
 * Writes the reply to `frame` into `into`, which must be another buffer of at least 42 bytes, and returns its length,
 * 42. Returns a negative ArpDrop if there is nothing to answer; `into` is untouched then.
 */
export function answer(frame: ReceivedFrame, held: HeldIPv4, into: Uint8Array): number {
  if (frame.length < ARP_FRAME_LENGTH) return ArpDrop.TooShort;
  const bytes = frame.bytes;
  const drop = dropOf(bytes, held.mac);
  if (drop !== 0) return drop;
  if (!held.has(addressAt(bytes, TARGET_PROTOCOL))) return ArpDrop.NotHeld;
  writeReply(bytes, held.mac, into);
  return ARP_FRAME_LENGTH;
}

/** Everything but whether the address is held; 0 = may be answered. */
function dropOf(bytes: Uint8Array, mac: Mac): ArpDrop | 0 {
  if (wordAt(bytes, ETHER_TYPE) !== 0x0806) return ArpDrop.NotArp;
  // Hardware type 1, protocol type 0x0800, lengths 6 and 4.
  if (addressAt(bytes, 14) !== 0x0001_0800 || wordAt(bytes, 18) !== 0x0604) return ArpDrop.NotEthernetIPv4;
  if (wordAt(bytes, 20) !== 1) return ArpDrop.NotARequest;
  if (isMacAt(bytes, SENDER_HARDWARE, mac) || isMacAt(bytes, SOURCE, mac)) return ArpDrop.OwnFrame;
  if (!isStationAt(bytes, SENDER_HARDWARE) || !isStationAt(bytes, SOURCE)) return ArpDrop.BadSender;
  if (!isBroadcastAt(bytes, DESTINATION) && !isMacAt(bytes, DESTINATION, mac))
    return ArpDrop.OtherDestination;
  if (addressAt(bytes, SENDER_PROTOCOL) === addressAt(bytes, TARGET_PROTOCOL)) return ArpDrop.Announcement;
  return 0;
}

/**
 * RFC 826, packet reception: swap sender and target, put in our hardware address, send to the sender hardware address.
 * For a probe the sender protocol address is 0 and so is the reply's target protocol address.
 */
function writeReply(bytes: Uint8Array, mac: Mac, into: Uint8Array): void {
  for (let i = 0; i < 6; i++) {
    const asker = bytes[SENDER_HARDWARE + i] ?? 0;
    const mine = mac[i] ?? 0;
    into[i] = asker;
    into[6 + i] = mine;
    into[22 + i] = mine;
    into[32 + i] = asker;
  }
  for (let i = 12; i < 20; i++) into[i] = bytes[i] ?? 0;
  into[20] = 0;
  into[21] = 2;
  for (let i = 0; i < 4; i++) {
    into[28 + i] = bytes[TARGET_PROTOCOL + i] ?? 0;
    into[38 + i] = bytes[SENDER_PROTOCOL + i] ?? 0;
  }
}

const wordAt = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

const addressAt = (bytes: Uint8Array, at: number): number =>
  ((wordAt(bytes, at) << 16) | wordAt(bytes, at + 2)) >>> 0;

function isMacAt(bytes: Uint8Array, at: number, mac: Mac): boolean {
  for (let i = 0; i < 6; i++) if (bytes[at + i] !== mac[i]) return false;
  return true;
}

function isBroadcastAt(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 6; i++) if (bytes[at + i] !== 0xff) return false;
  return true;
}

/** A single station's address: neither a group address (IEEE 802 section 8.2, lowest bit of the first byte) nor all zero. */
function isStationAt(bytes: Uint8Array, at: number): boolean {
  if (((bytes[at] ?? 0) & 1) === 1) return false;
  for (let i = 0; i < 6; i++) if (bytes[at + i] !== 0) return true;
  return false;
}
