// The Ethernet II header (IEEE 802.3 clause 3.2.6, RFC 894). A codec without a machine. VLAN tags are not read: a
// packet socket of a VLAN's own link sees frames without the tag.
//
//   0                   6                   12          14
//   +-------------------+-------------------+-----------+
//   | destination       | source            | EtherType |
//   +-------------------+-------------------+-----------+

import { DecodeError, decoding } from '../../bytes/decode-error.ts';
import { Reader } from '../../bytes/reader.ts';
import { Writer } from '../../bytes/writer.ts';
import type { Mac } from '../../net/mac.ts';

export const ETHERNET_HEADER_LENGTH = 14;

/** An incomplete list; other values pass through unchanged. */
export const EtherType = { IPv4: 0x0800, ARP: 0x0806, VLAN: 0x8100, IPv6: 0x86dd } as const;

/** Below this the field is the length of an IEEE 802.3 frame, not a type (clause 3.2.6). */
export const FIRST_ETHER_TYPE = 0x0600;

export interface EthernetHeader {
  readonly destination: Mac;
  readonly source: Mac;
  /** 0x0600 .. 0xffff. */
  readonly etherType: number;
}

export function decodeEthernetHeader(bytes: Uint8Array): EthernetHeader | DecodeError {
  return decoding(() => readEthernetHeader(new Reader(bytes, 'big')));
}

/** Returns the header's length: 14. */
export function encodeEthernetHeader(header: EthernetHeader, into: Uint8Array): number {
  const writer = new Writer(into, 'big');
  writeEthernetHeader(writer, header);
  return writer.length;
}

/** For decoders of whole frames; throws DecodeError. */
export function readEthernetHeader(reader: Reader): EthernetHeader {
  const destination = reader.bytes(6);
  const source = reader.bytes(6);
  // Where an error would be. Not the error itself: it takes down the stack, which costs as much as all the rest.
  const { offset } = reader;
  const etherType = reader.u16();
  if (etherType < FIRST_ETHER_TYPE) throw new DecodeError('wrong-type', offset, 'EtherType');
  return { destination, source, etherType };
}

export function writeEthernetHeader(writer: Writer, header: EthernetHeader): void {
  writer.bytes(header.destination);
  writer.bytes(header.source);
  writer.u16(header.etherType);
}
