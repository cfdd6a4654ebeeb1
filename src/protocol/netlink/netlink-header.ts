// Netlink messages, the kernel's own protocol (linux/netlink.h; described by RFC 3549, which is no standard). Host
// byte order. A codec without a machine: whoever lost a message asks for a new dump.
//
//   struct nlmsghdr                      struct nlattr
//   off len                              off len
//     0  4  length, header included        0  2  length, header included
//     4  2  type                           2  2  type, two high bits are flags
//     6  2  flags                          4  n  payload, then 0 to 3 bytes of padding
//     8  4  sequence
//    12  4  port id                      Messages, too, begin at multiples of 4.

import type { Reader } from '../../bytes/reader.ts';

export const HEADER_LENGTH = 16;
const ATTRIBUTE_HEADER_LENGTH = 4;

/** nlmsghdr.flags; an incomplete list. */
export const HeaderFlag = { Request: 0x1, DumpInterrupted: 0x10, Dump: 0x300 } as const;

/** NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const TYPE_MASK = 0x3fff;

export interface NetlinkHeader {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
}

/** Throws DecodeError if the message does not fit into what is left. */
export function readHeader(reader: Reader): NetlinkHeader {
  const available = reader.remaining;
  const length = reader.u32();
  if (length < HEADER_LENGTH || length > available) throw reader.error('bad-length', 'nlmsghdr.length');
  const type = reader.u16();
  const flags = reader.u16();
  const sequence = reader.u32();
  reader.skip(4);
  return { length, type, flags, sequence };
}

/** Reads attributes to the end and gives each to `take`, which may leave its payload unread. Throws DecodeError. */
export function readAttributes(reader: Reader, take: (type: number, payload: Reader) => void): void {
  // Less than an attribute header at the end is padding.
  while (reader.remaining >= ATTRIBUTE_HEADER_LENGTH) {
    const length = reader.u16();
    const type = reader.u16() & TYPE_MASK;
    const payloadLength = length - ATTRIBUTE_HEADER_LENGTH;
    if (payloadLength < 0 || payloadLength > reader.remaining)
      throw reader.error('bad-length', 'nlattr.length');
    take(type, reader.sub(payloadLength));
    skipPadding(reader, length);
  }
}

/** Messages and attributes begin at multiples of 4; after the last one the padding may be missing. */
export function skipPadding(reader: Reader, length: number): void {
  reader.skip(Math.min(-length & 3, reader.remaining));
}
