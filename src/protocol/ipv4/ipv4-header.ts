// The IPv4 header (RFC 791 section 3.1) of packets that are never fragmented (RFC 6864 section 4.1). A codec without a
// machine.
//
//   off len
//     0  1  version = 4, IHL: header length in words of 4 bytes, 5 .. 15
//     1  1  DSCP (6 bits, RFC 2474), ECN (2 bits, RFC 3168)
//     2  2  total length, header included
//     4  2  identification
//     6  2  flags: 0x4000 don't fragment, 0x2000 more fragments; 13 bits of fragment offset
//     8  1  time to live
//     9  1  protocol
//    10  2  header checksum
//    12  4  source
//    16  4  destination
//    20  n  options, skipped

import { Reader } from '../../bytes/reader.ts';
import { Writer } from '../../bytes/writer.ts';
import { addToSum, checksumOf } from '../../net/checksum.ts';

/** Length of the header without options, as all are written here. */
export const IPV4_HEADER_LENGTH = 20;

/** An incomplete list. */
export const IpProtocol = { UDP: 17 } as const;

/** The six bits of RFC 2474; an incomplete list. CS6 is for the traffic that keeps the network running. */
export const Dscp = { Default: 0, CS6: 48 } as const;

const VERSION = 4;
const DONT_FRAGMENT = 0x4000;
/** More fragments, or an offset. */
const FRAGMENT = 0x3fff;
const CHECKSUM_OFFSET = 10;
const MAX_TOTAL_LENGTH = 0xffff;

export interface IPv4Header {
  /** Addresses are unsigned 32-bit numbers here. */
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  /** Time to live, 0 .. 255. */
  readonly ttl: number;
  /** 0 .. 63. */
  readonly dscp: number;
  readonly identification: number;
}

/** Why bytes are no IPv4 packet that is read here, in the order of checking. */
export const IPV4_DROPS = [
  /** Shorter than a header without options. */
  'too-short',
  /** Another version of IP, or no IP. */
  'not-ipv4',
  /** IHL below 5, or more than there is. */
  'bad-header-length',
  'bad-header-checksum',
  /** Total length below the header's. */
  'bad-total-length',
  /** The packet is longer than what was received of it. */
  'truncated',
  /** A part of a packet; nothing is put together here. */
  'fragment',
] as const;
export type IPv4Drop = (typeof IPV4_DROPS)[number];

export interface IPv4Packet {
  readonly header: IPv4Header;
  /** A view of the given bytes, without the padding that Ethernet may have put behind the packet. */
  readonly payload: Uint8Array;
}

/** Writes the header to the start of `into`; returns its length, 20. Throws RangeError if the payload is too long. */
export function writeIPv4Header(header: IPv4Header, payloadLength: number, into: Uint8Array): number {
  const totalLength = IPV4_HEADER_LENGTH + payloadLength;
  if (totalLength > MAX_TOTAL_LENGTH)
    throw new RangeError(`encode IPv4 packet of ${totalLength} bytes: want at most ${MAX_TOTAL_LENGTH}`);
  const writer = new Writer(into, 'big');
  writer.u8((VERSION << 4) | (IPV4_HEADER_LENGTH / 4));
  writer.u8(header.dscp << 2);
  writer.u16(totalLength);
  writer.u16(header.identification);
  writer.u16(DONT_FRAGMENT);
  writer.u8(header.ttl);
  writer.u8(header.protocol);
  writer.zeros(2);
  writer.u32(header.source);
  writer.u32(header.destination);
  const checksum = checksumOf(addToSum(0, into.subarray(0, IPV4_HEADER_LENGTH)));
  into[CHECKSUM_OFFSET] = checksum >>> 8;
  into[CHECKSUM_OFFSET + 1] = checksum & 0xff;
  return writer.length;
}

/** The packet that `bytes` begin with, or why there is none. */
export function readIPv4Packet(bytes: Uint8Array): IPv4Packet | IPv4Drop {
  if (bytes.length < IPV4_HEADER_LENGTH) return 'too-short';
  const reader = new Reader(bytes, 'big');
  const first = reader.u8();
  if (first >>> 4 !== VERSION) return 'not-ipv4';
  const headerLength = (first & 0xf) * 4;
  if (headerLength < IPV4_HEADER_LENGTH || headerLength > bytes.length) return 'bad-header-length';
  // RFC 1122 section 3.2.1.2: verified on every packet, before anything else in it is believed.
  if (checksumOf(addToSum(0, bytes.subarray(0, headerLength))) !== 0) return 'bad-header-checksum';
  const dscp = reader.u8() >>> 2;
  const totalLength = reader.u16();
  if (totalLength < headerLength) return 'bad-total-length';
  if (totalLength > bytes.length) return 'truncated';
  const identification = reader.u16();
  if ((reader.u16() & FRAGMENT) !== 0) return 'fragment';
  const ttl = reader.u8();
  const protocol = reader.u8();
  reader.skip(2);
  const header = { source: reader.u32(), destination: reader.u32(), protocol, ttl, dscp, identification };
  return { header, payload: bytes.subarray(headerLength, totalLength) };
}
