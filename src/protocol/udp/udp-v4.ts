// UDP datagrams (RFC 768) in IPv4 packets (RFC 791), for packet sockets: whole packets with both checksums, so that no
// firewall, conntrack or bound socket has a part in it. A codec without a machine.
//
//   off len     UDP header                    off len     pseudo header, summed only
//     0  2  source port                          0  4  source address
//     2  2  destination port                     4  4  destination address
//     4  2  length, header included              8  1  0
//     6  2  checksum, 0 = none                   9  1  protocol = 17
//     8  n  payload                             10  2  length of the UDP datagram
//
// A packet that the kernel sends to another program on the same host, or over a veth pair, may come without its
// checksum, which the network card would have put in: it is dropped here. What encodeUdpV4 makes is complete.

import { Reader } from '../../bytes/reader.ts';
import { Writer } from '../../bytes/writer.ts';
import { addToSum, checksumOf } from '../../net/checksum.ts';
import {
  IPV4_DROPS,
  IPV4_HEADER_LENGTH,
  type IPv4Header,
  IpProtocol,
  readIPv4Packet,
  writeIPv4Header,
} from '../ipv4/ipv4-header.ts';

export const UDP_HEADER_LENGTH = 8;
const CHECKSUM_OFFSET = 6;

/** A datagram with what its IPv4 header says; addresses are unsigned 32-bit numbers. */
export interface UdpV4 extends Omit<IPv4Header, 'protocol'> {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

/** Why a packet is no UDP datagram over IPv4, in the order of checking; the first ones are those of IPv4. */
export const UDP_V4_DROPS = [
  ...IPV4_DROPS,
  /** Another protocol over IPv4. */
  'not-udp',
  /** Not the length of what is behind the IPv4 header: shorter or longer, options of RFC 9868 included. */
  'bad-udp-length',
  'bad-udp-checksum',
] as const;
export type UdpV4Drop = (typeof UDP_V4_DROPS)[number];

export type DecodedUdpV4 =
  | { readonly ok: UdpV4; readonly drop?: never }
  | { readonly ok?: never; readonly drop: UdpV4Drop };

/**
 * The IPv4 packet, which says that it must not be fragmented. Throws RangeError if the payload is longer than 65,507
 * bytes: a bug of ours.
 */
export function encodeUdpV4(datagram: UdpV4): Uint8Array {
  const { payload, sourcePort, destinationPort } = datagram;
  const length = UDP_HEADER_LENGTH + payload.length;
  const packet = new Uint8Array(IPV4_HEADER_LENGTH + length);
  writeIPv4Header({ ...datagram, protocol: IpProtocol.UDP }, length, packet);
  const udp = packet.subarray(IPV4_HEADER_LENGTH);
  const writer = new Writer(udp, 'big');
  writer.u16(sourcePort);
  writer.u16(destinationPort);
  writer.u16(length);
  writer.zeros(2);
  writer.bytes(payload);
  // 0 would say that there is none; both are zero in ones' complement.
  const checksum = checksumOf(pseudoSum(datagram, udp)) || 0xffff;
  udp[CHECKSUM_OFFSET] = checksum >>> 8;
  udp[CHECKSUM_OFFSET + 1] = checksum & 0xff;
  return packet;
}

/**
 * Decodes the IPv4 packet that `bytes` begin with; what is behind it is the padding of the link, and ignored.
 * The payload is a view of the given bytes.
 */
export function decodeUdpV4(bytes: Uint8Array): DecodedUdpV4 {
  const packet = readIPv4Packet(bytes);
  if (typeof packet === 'string') return { drop: packet };
  const { source, destination, protocol, ttl, dscp, identification } = packet.header;
  if (protocol !== IpProtocol.UDP) return { drop: 'not-udp' };
  const udp = packet.payload;
  if (udp.length < UDP_HEADER_LENGTH) return { drop: 'bad-udp-length' };
  const reader = new Reader(udp, 'big');
  const sourcePort = reader.u16();
  const destinationPort = reader.u16();
  if (reader.u16() !== udp.length) return { drop: 'bad-udp-length' };
  if (reader.u16() !== 0 && checksumOf(pseudoSum(packet.header, udp)) !== 0)
    return { drop: 'bad-udp-checksum' };
  const payload = udp.subarray(UDP_HEADER_LENGTH);
  // Field by field: rest and spread are calls out of compiled code, and this is done a thousand times a second.
  return {
    ok: { source, destination, ttl, dscp, identification, sourcePort, destinationPort, payload },
  };
}

/** The sum over pseudo header and datagram. */
function pseudoSum(
  { source, destination }: Pick<IPv4Header, 'source' | 'destination'>,
  udp: Uint8Array,
): number {
  const addresses = (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff);
  return addToSum(addresses + IpProtocol.UDP + udp.length, udp);
}
