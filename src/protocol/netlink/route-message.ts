// RTM_NEWROUTE and RTM_DELROUTE: of the kernel's routes the default ones, for their gateways (linux/rtnetlink.h).
//
//   struct rtmsg
//   off len
//     0  1  family: AF_INET = 2, AF_INET6 = 10
//     1  1  length of the destination prefix, 0 in a default route
//     2  1  length of the source prefix
//     3  1  type of service
//     4  1  table, protocol and scope, one byte each
//     7  1  type: RTN_*
//     8  4  flags
//    12  n  attributes RTA_*
//
// One of several next hops, in RTA_MULTIPATH, is a struct rtnexthop and again attributes:
//     0  2  length, header included
//     2  1  flags, then a weight of one byte
//     4  4  index of the link

import type { Reader } from '../../bytes/reader.ts';
import { type Address, fromBytes, sameAddress } from '../../net/address.ts';
import { readAttributes, skipPadding } from './netlink-header.ts';

/** RTA_*; an incomplete list. */
const Attribute = { OutputLink: 4, Gateway: 5, Multipath: 9, Via: 18 } as const;

const NEXT_HOP_LENGTH = 8;
const RTN_UNICAST = 1;
/** Bytes of an address by family; routes of other families are not read. */
const ADDRESS_BYTES: Readonly<Record<number, 4 | 16>> = { 2: 4, 10: 16 };

/** A router of a default route. */
export interface NetlinkGateway {
  /** Of the link over which it is reached. */
  readonly index: number;
  readonly address: Address;
}

/** Where the destination prefix's length is in a message, its header included: who filters messages looks at it. */
export const PREFIX_LENGTH_OFFSET = 16 + 1;

/**
 * Reads the body of a route message: the gateways of a default route, of which there may be none. Undefined for any other
 * route, read no further: there may be a hundred thousand. Throws DecodeError.
 */
export function readRouteMessage(reader: Reader): readonly NetlinkGateway[] | undefined {
  const size = ADDRESS_BYTES[reader.u8()];
  const prefixLength = reader.u8();
  reader.skip(5);
  const type = reader.u8();
  reader.skip(4);
  if (size === undefined || prefixLength !== 0) return undefined;
  const several: NetlinkGateway[] = [];
  let index = 0;
  const only = readGatewayAmong(reader, size, (attribute, payload) => {
    if (attribute === Attribute.OutputLink) index = payload.u32();
    else if (attribute === Attribute.Multipath) several.push(...readNextHops(payload, size));
  });
  // An unreachable destination is a default route too, in IPv6 even the rule.
  if (type !== RTN_UNICAST) return [];
  return only === undefined ? several : [{ index, address: only }, ...several];
}

/** Reads attributes to the end; what is no gateway is given to `takeOther`. */
function readGatewayAmong(
  reader: Reader,
  size: number,
  takeOther: (attribute: number, payload: Reader) => void,
): Address | undefined {
  let gateway: Address | undefined;
  readAttributes(reader, (attribute, payload) => {
    if (attribute === Attribute.Gateway) gateway = readGateway(payload, size);
    else if (attribute === Attribute.Via) gateway = readVia(payload);
    else takeOther(attribute, payload);
  });
  return gateway;
}

function readNextHops(reader: Reader, size: number): readonly NetlinkGateway[] {
  const gateways: NetlinkGateway[] = [];
  while (reader.remaining >= NEXT_HOP_LENGTH) {
    const length = reader.u16();
    reader.skip(2);
    const index = reader.u32();
    const rest = length - NEXT_HOP_LENGTH;
    if (rest < 0 || rest > reader.remaining) throw reader.error('bad-length', 'rtnexthop.rtnh_len');
    const address = readGatewayAmong(reader.sub(rest), size, () => {});
    if (address !== undefined) gateways.push({ index, address });
    skipPadding(reader, length);
  }
  return gateways;
}

function readGateway(payload: Reader, size: number): Address {
  if (payload.remaining !== size) throw payload.error('bad-length', 'RTA_GATEWAY');
  return fromBytes(payload.bytes(size));
}

/** struct rtvia: a gateway of the other family (RFC 5549), after two bytes that say which. */
function readVia(payload: Reader): Address | undefined {
  const size = ADDRESS_BYTES[payload.u16()];
  return size === undefined ? undefined : readGateway(payload, size);
}

/** Has the shape of `Gateways` in host/host.ts, which a pure file can not import. */
export type Gateways = ReadonlyMap<number, readonly Address[]>;

/** By the index of the link, each address once. */
export function gatewaysByLink(gateways: Iterable<NetlinkGateway>): Gateways {
  const byLink = new Map<number, Address[]>();
  for (const { index, address } of gateways) {
    const known = byLink.get(index) ?? [];
    if (!known.some((one) => sameAddress(one, address))) byLink.set(index, [...known, address]);
  }
  return byLink;
}
