// ARP for IPv4 over Ethernet (RFC 826), as whole frames, and the announcements of RFC 5227 section 2.3 and
// RFC 5944 section 4.6.
//
//   off len
//     0  14  Ethernet header, EtherType 0x0806
//    14   2  ar$hrd hardware type = 1 (Ethernet)
//    16   2  ar$pro protocol type = 0x0800 (IPv4)
//    18   1  ar$hln hardware address length = 6
//    19   1  ar$pln protocol address length = 4
//    20   2  ar$op  operation: 1 request, 2 reply
//    22   6  ar$sha sender hardware address
//    28   4  ar$spa sender protocol address
//    32   6  ar$tha target hardware address
//    38   4  ar$tpa target protocol address
//    42   n  padding, ignored

import { type DecodeError, decoding } from '../../bytes/decode-error.ts';
import { Reader } from '../../bytes/reader.ts';
import { Writer } from '../../bytes/writer.ts';
import { BROADCAST, type Mac } from '../../net/mac.ts';
import { EtherType, readEthernetHeader, writeEthernetHeader } from '../ethernet/ethernet-header.ts';

/** Length of an ARP frame without padding; the link pads what it sends to its own minimum. */
export const ARP_FRAME_LENGTH = 42;

/** ar$op; an incomplete list, other values pass through a round trip unchanged. */
export const ArpOperation = { Request: 1, Reply: 2 } as const;

const HARDWARE_ETHERNET = 1;
const HARDWARE_LENGTH = 6;
const PROTOCOL_LENGTH = 4;

/** A frame's ARP packet with the two addresses of the Ethernet header that carried it. */
export interface ArpPacket {
  readonly destination: Mac;
  readonly source: Mac;
  /** 0 .. 65535; the known ones are in ArpOperation. */
  readonly operation: number;
  readonly senderHardware: Mac;
  /** IPv4 addresses are unsigned 32-bit numbers here. */
  readonly senderProtocol: number;
  readonly targetHardware: Mac;
  readonly targetProtocol: number;
}

/** Decodes a frame; anything but ARP for IPv4 over Ethernet is a DecodeError with reason `wrong-type`. */
export function decodeArpFrame(bytes: Uint8Array): ArpPacket | DecodeError {
  return decoding(() => {
    const reader = new Reader(bytes, 'big');
    const { destination, source, etherType } = readEthernetHeader(reader);
    if (etherType !== EtherType.ARP) throw reader.error('wrong-type', 'EtherType');
    expectIPv4OverEthernet(reader);
    return {
      destination,
      source,
      operation: reader.u16(),
      senderHardware: reader.bytes(HARDWARE_LENGTH),
      senderProtocol: reader.u32(),
      targetHardware: reader.bytes(HARDWARE_LENGTH),
      targetProtocol: reader.u32(),
    };
  });
}

function expectIPv4OverEthernet(reader: Reader): void {
  if (reader.u16() !== HARDWARE_ETHERNET) throw reader.error('wrong-type', 'hardware type');
  if (reader.u16() !== EtherType.IPv4) throw reader.error('wrong-type', 'protocol type');
  if (reader.u8() !== HARDWARE_LENGTH) throw reader.error('wrong-type', 'hardware address length');
  if (reader.u8() !== PROTOCOL_LENGTH) throw reader.error('wrong-type', 'protocol address length');
}

/** Returns the frame's length: 42. */
export function encodeArpFrame(packet: ArpPacket, into: Uint8Array): number {
  const writer = new Writer(into, 'big');
  const { destination, source } = packet;
  writeEthernetHeader(writer, { destination, source, etherType: EtherType.ARP });
  writer.u16(HARDWARE_ETHERNET);
  writer.u16(EtherType.IPv4);
  writer.u8(HARDWARE_LENGTH);
  writer.u8(PROTOCOL_LENGTH);
  writer.u16(packet.operation);
  writer.bytes(packet.senderHardware);
  writer.u32(packet.senderProtocol);
  writer.bytes(packet.targetHardware);
  writer.u32(packet.targetProtocol);
  return writer.length;
}

/** The two forms of an announcement: some hosts update their caches on one of them only. */
export type AnnouncementForm = 'Request' | 'Reply';

/** What to announce; `address` as an unsigned 32-bit number. */
export interface Announcement {
  readonly form: AnnouncementForm;
  readonly address: number;
}

const UNKNOWN_HARDWARE: Mac = new Uint8Array(6);

/**
 * Writes a broadcast frame that says that the address is at `mac`; returns its length, 42. The request form is the ARP
 * Announcement of RFC 5227 section 2.3; the reply form is RFC 5944 section 4.6, which wants the target hardware
 * address to be the announced one too.
 */
export function writeAnnouncement({ form, address }: Announcement, mac: Mac, into: Uint8Array): number {
  const isRequest = form === 'Request';
  const packet: ArpPacket = {
    destination: BROADCAST,
    source: mac,
    operation: isRequest ? ArpOperation.Request : ArpOperation.Reply,
    senderHardware: mac,
    senderProtocol: address,
    targetHardware: isRequest ? UNKNOWN_HARDWARE : mac,
    targetProtocol: address,
  };
  return encodeArpFrame(packet, into);
}
