// Arbitrary rtnetlink messages with their bytes as a kernel would write them. The encoder is for tests only: Fairlead
// itself sends nothing but requests for dumps.

import fc from 'fast-check';
import { type Family, toBytes } from '../../src/net/address.ts';
import type { NetlinkAddress } from '../../src/protocol/netlink/address-message.ts';
import type { NetlinkLink } from '../../src/protocol/netlink/link-message.ts';
import type { NetlinkGateway } from '../../src/protocol/netlink/route-message.ts';
import { address, uint32 } from './net.ts';
import { record } from './record.ts';

/** An attribute of a type that the decoder does not read, or reads from elsewhere. */
type Attribute = readonly [type: number, payload: Uint8Array];

export interface EncodedMessage {
  readonly expected:
    | { readonly kind: 'NEWLINK' | 'DELLINK'; readonly link: NetlinkLink }
    | { readonly kind: 'NEWADDR' | 'DELADDR'; readonly address: NetlinkAddress }
    | { readonly kind: 'NEWROUTE' | 'DELROUTE'; readonly gateways: readonly NetlinkGateway[] };
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

const u16 = (value: number): readonly number[] => [value & 0xff, value >>> 8];
const u32 = (value: number): readonly number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];
const bytesOf = (...parts: readonly Iterable<number>[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

/** Padding is filled with 0xee: whoever reads it shows. */
const padded = (bytes: Uint8Array): Uint8Array => bytesOf(bytes, new Array(-bytes.length & 3).fill(0xee));

const encodeAttribute = ([type, payload]: Attribute): Uint8Array =>
  padded(bytesOf(u16(payload.length + 4), u16(type), payload));

function encodeMessage(type: number, sequence: number, body: Uint8Array): Uint8Array {
  return padded(bytesOf(u32(16 + body.length), u16(type), u16(2), u32(sequence), u32(4711), body));
}

/** Types above all that the decoder reads; nested ones carry flag 0x8000. */
const unknownAttributes = (): fc.Arbitrary<readonly Attribute[]> =>
  fc.array(
    fc.tuple(
      fc.oneof(fc.integer({ min: 36, max: 90 }), fc.integer({ min: 0x8000 + 36, max: 0x8000 + 90 })),
      fc.uint8Array({ maxLength: 9 }),
    ),
    { maxLength: 3 },
  );

const name = (): fc.Arbitrary<string> => fc.stringMatching(/^[a-z0-9.-]{1,15}$/);

export const netlinkLink = (): fc.Arbitrary<NetlinkLink> =>
  record<NetlinkLink>({
    index: fc.integer({ min: 1, max: 0x7fff_ffff }),
    name: name(),
    mac: fc.oneof(fc.uint8Array({ minLength: 6, maxLength: 6 }), fc.uint8Array({ maxLength: 20 })),
    flags: uint32(),
    operState: fc.integer({ min: 0, max: 6 }),
    linkMode: fc.integer({ min: 0, max: 2 }),
    carrierChanges: uint32(),
    mtu: uint32(),
    type: fc.integer({ min: 0, max: 0xffff }),
  });

export const netlinkAddress = (): fc.Arbitrary<NetlinkAddress> =>
  address().chain((value) =>
    record<NetlinkAddress>({
      index: uint32(),
      address: fc.constant(value),
      prefixLength: fc.integer({ min: 0, max: value.family === 'IPv4' ? 32 : 128 }),
      flags: uint32(),
    }),
  );

function linkBody(link: NetlinkLink, others: readonly Attribute[]): Uint8Array {
  const attributes: readonly Attribute[] = [
    [3, Uint8Array.from(Buffer.from(`${link.name}\0`, 'latin1'))],
    ...others,
    [1, link.mac],
    [4, bytesOf(u32(link.mtu))],
    [16, bytesOf([link.operState])],
    [17, bytesOf([link.linkMode])],
    [35, bytesOf(u32(link.carrierChanges))],
  ];
  const head = bytesOf([0, 0], u16(link.type), u32(link.index), u32(link.flags), u32(0));
  return bytesOf(head, ...attributes.map(encodeAttribute));
}

function addressBody(value: NetlinkAddress, others: readonly Attribute[]): Uint8Array {
  const bytes = toBytes(value.address);
  const peer = Uint8Array.from(bytes, (byte) => byte ^ 1);
  const attributes: readonly Attribute[] = [
    [1, bytes.length === 4 ? peer : bytes],
    ...others,
    ...(bytes.length === 4 ? [[2, bytes] as const] : []),
    [8, bytesOf(u32(value.flags))],
  ];
  const family = bytes.length === 4 ? 2 : 10;
  const head = bytesOf([family, value.prefixLength, value.flags & 0xff, 0], u32(value.index));
  return bytesOf(head, ...attributes.map(encodeAttribute));
}

/** Of either family in one route, as the kernel has it for IPv4. */
const netlinkGateways = (): fc.Arbitrary<readonly NetlinkGateway[]> =>
  fc.array(record<NetlinkGateway>({ index: uint32(), address: address() }), { maxLength: 4 });

/** RTA_GATEWAY, or RTA_VIA for a gateway of another family than the route's. */
function gatewayAttribute({ address: gateway }: NetlinkGateway, family: Family): Attribute {
  const bytes = toBytes(gateway);
  if (gateway.family === family) return [5, bytes];
  return [18, bytesOf(u16(gateway.family === 'IPv4' ? 2 : 10), bytes)];
}

/** A default route; with one gateway as the kernel writes one, with several in RTA_MULTIPATH. */
function routeBody(gateways: readonly NetlinkGateway[], others: readonly Attribute[]): Uint8Array {
  const family: Family = gateways[0]?.address.family ?? 'IPv6';
  const [only] = gateways;
  const nextHop = (one: NetlinkGateway): Uint8Array => {
    const attributes = encodeAttribute(gatewayAttribute(one, family));
    return bytesOf(u16(8 + attributes.length), [1, 2], u32(one.index), attributes);
  };
  const hops: readonly Attribute[] =
    gateways.length === 1 && only !== undefined
      ? [[4, bytesOf(u32(only.index))], ...others, gatewayAttribute(only, family)]
      : [...others, [9, bytesOf(...gateways.map(nextHop))]];
  const head = bytesOf([family === 'IPv4' ? 2 : 10, 0, 0, 0, 254, 3, 0, 1], u32(0));
  return bytesOf(head, ...hops.map(encodeAttribute));
}

export function encodedMessage(): fc.Arbitrary<EncodedMessage> {
  const common = { sequence: uint32(), others: unknownAttributes() };
  const links = fc
    .record({ kind: fc.constantFrom('NEWLINK', 'DELLINK'), link: netlinkLink(), ...common })
    .map(({ kind, link, sequence, others }) => ({
      expected: { kind, link },
      sequence,
      bytes: encodeMessage(kind === 'NEWLINK' ? 16 : 17, sequence, linkBody(link, others)),
    }));
  const addresses = fc
    .record({ kind: fc.constantFrom('NEWADDR', 'DELADDR'), address: netlinkAddress(), ...common })
    .map(({ kind, address: value, sequence, others }) => ({
      expected: { kind, address: value },
      sequence,
      bytes: encodeMessage(kind === 'NEWADDR' ? 20 : 21, sequence, addressBody(value, others)),
    }));
  const routes = fc
    .record({ kind: fc.constantFrom('NEWROUTE', 'DELROUTE'), gateways: netlinkGateways(), ...common })
    .map(({ kind, gateways, sequence, others }) => ({
      expected: { kind, gateways },
      sequence,
      bytes: encodeMessage(kind === 'NEWROUTE' ? 24 : 25, sequence, routeBody(gateways, others)),
    }));
  return fc.oneof(links, addresses, routes);
}
