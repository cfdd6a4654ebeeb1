// What an rtnetlink socket gives: a datagram of one or more messages (linux/rtnetlink.h), and the three requests for a
// dump: of all links, all addresses, all routes.

import { DecodeError, decoding } from '../../bytes/decode-error.ts';
import { Reader } from '../../bytes/reader.ts';
import { Writer } from '../../bytes/writer.ts';
import { type NetlinkAddress, readAddressMessage } from './address-message.ts';
import { type NetlinkLink, readLinkMessage } from './link-message.ts';
import { HEADER_LENGTH, HeaderFlag, type NetlinkHeader, readHeader, skipPadding } from './netlink-header.ts';
import { type NetlinkGateway, readRouteMessage } from './route-message.ts';

/** nlmsghdr.type; an incomplete list, the others are decoded as OTHER. */
export const MessageType = {
  ERROR: 2,
  DONE: 3,
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
} as const;

/** What all messages carry. */
interface Common {
  /** Of the request that is answered. A notification carries that of whoever caused the change, often 0. */
  readonly sequence: number;
  /** NLM_F_DUMP_INTR: links or addresses changed during the dump, so it is inconsistent and must be repeated. */
  readonly isInterrupted: boolean;
}

export type NetlinkMessage = Common &
  (
    | { readonly kind: 'NEWLINK' | 'DELLINK'; readonly link: NetlinkLink }
    | { readonly kind: 'NEWADDR' | 'DELADDR'; readonly address: NetlinkAddress }
    /** A default route; the others are decoded as OTHER. */
    | { readonly kind: 'NEWROUTE' | 'DELROUTE'; readonly gateways: readonly NetlinkGateway[] }
    /** The end of a dump; `errno` is 0, or why the dump ended early. */
    | { readonly kind: 'DONE'; readonly errno: number }
    /** The answer to a request; `errno` is 0 for an acknowledgement. */
    | { readonly kind: 'ERROR'; readonly errno: number }
    /** A type, an address family or a route that we do not read. */
    | { readonly kind: 'OTHER'; readonly type: number }
    /** Not as the kernel writes it. */
    | { readonly kind: 'MALFORMED'; readonly error: DecodeError }
  );

/** The message without what all carry. */
type Body = NetlinkMessage extends infer M ? (M extends Common ? Omit<M, keyof Common> : never) : never;

/** A request for all links, answered by NEWLINK messages of this sequence number and DONE. */
export const encodeLinkDump = (sequence: number): Uint8Array => encodeDump(MessageType.GETLINK, sequence, 16);

/** A request for all addresses of both families, answered by NEWADDR messages and DONE. */
export const encodeAddressDump = (sequence: number): Uint8Array =>
  encodeDump(MessageType.GETADDR, sequence, 8);

/** A request for all routes of all tables and families, answered by NEWROUTE messages and DONE. */
export const encodeRouteDump = (sequence: number): Uint8Array =>
  encodeDump(MessageType.GETROUTE, sequence, 12);

/** The body is an ifinfomsg, ifaddrmsg or rtmsg of zeros: every family, every link. */
function encodeDump(type: number, sequence: number, bodyLength: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + bodyLength);
  const writer = new Writer(bytes, 'little');
  writer.u32(bytes.length);
  writer.u16(type);
  writer.u16(HeaderFlag.Request | HeaderFlag.Dump);
  writer.u32(sequence);
  writer.zeros(4 + bodyLength);
  return bytes;
}

/**
 * Decodes a datagram: the first `length` bytes. What can not be decoded is a MALFORMED message in its place, so that
 * one bad message does not cost the others; when a message's length is wrong it is the last one.
 */
export function decodeNetlink(bytes: Uint8Array, length: number): readonly NetlinkMessage[] {
  const reader = new Reader(bytes.subarray(0, length), 'little');
  const messages: NetlinkMessage[] = [];
  while (reader.remaining > 0) {
    const framed = decoding(() => readFrame(reader));
    if (framed instanceof DecodeError) {
      messages.push({ kind: 'MALFORMED', error: framed, sequence: 0, isInterrupted: false });
      break;
    }
    messages.push(decodeMessage(framed.header, framed.body));
  }
  return messages;
}

function readFrame(reader: Reader): { readonly header: NetlinkHeader; readonly body: Reader } {
  const header = readHeader(reader);
  const body = reader.sub(header.length - HEADER_LENGTH);
  skipPadding(reader, header.length);
  return { header, body };
}

function decodeMessage({ type, sequence, flags }: NetlinkHeader, body: Reader): NetlinkMessage {
  const decoded = decoding(() => readBody(type, body));
  const message: Body = decoded instanceof DecodeError ? { kind: 'MALFORMED', error: decoded } : decoded;
  return { ...message, sequence, isInterrupted: (flags & HeaderFlag.DumpInterrupted) !== 0 };
}

function readBody(type: number, body: Reader): Body {
  switch (type) {
    case MessageType.NEWLINK:
    case MessageType.DELLINK: {
      const link = readLinkMessage(body);
      const kind = type === MessageType.NEWLINK ? 'NEWLINK' : 'DELLINK';
      return link === undefined ? { kind: 'OTHER', type } : { kind, link };
    }
    case MessageType.NEWADDR:
    case MessageType.DELADDR: {
      const address = readAddressMessage(body);
      const kind = type === MessageType.NEWADDR ? 'NEWADDR' : 'DELADDR';
      return address === undefined ? { kind: 'OTHER', type } : { kind, address };
    }
    case MessageType.NEWROUTE:
    case MessageType.DELROUTE: {
      const gateways = readRouteMessage(body);
      const kind = type === MessageType.NEWROUTE ? 'NEWROUTE' : 'DELROUTE';
      return gateways === undefined ? { kind: 'OTHER', type } : { kind, gateways };
    }
    case MessageType.DONE:
      return { kind: 'DONE', errno: 0 - body.i32() };
    case MessageType.ERROR:
      // struct nlmsgerr: the negative errno, then the header of the request.
      return { kind: 'ERROR', errno: 0 - body.i32() };
    default:
      return { kind: 'OTHER', type };
  }
}
