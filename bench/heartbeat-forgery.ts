// Frames that are a peer's heartbeats in everything but the HMAC, for the bench `heartbeat-flood`.

import { parseAddress } from '../src/net/address.ts';
import { parseMac } from '../src/net/mac.ts';
import {
  ETHERNET_HEADER_LENGTH,
  EtherType,
  encodeEthernetHeader,
} from '../src/protocol/ethernet/ethernet-header.ts';
import {
  encodeHeartbeat,
  HEARTBEAT_HOP_LIMIT,
  HEARTBEAT_PORT,
  HeardList,
} from '../src/protocol/heartbeat/heartbeat-frame.ts';
import { Dscp } from '../src/protocol/ipv4/ipv4-header.ts';
import { encodeUdpV4 } from '../src/protocol/udp/udp-v4.ts';
import { milliseconds } from '../src/time/duration.ts';
import { forgedIdentityOf, identityOfNode } from './heartbeat-keys.ts';
import type { SegmentHost } from './heartbeat-segment.ts';

export interface Forgery {
  /** Whose MAC they come from. */
  readonly from: SegmentHost;
  readonly to: SegmentHost;
  /** Whose heartbeats they say to be. */
  readonly as: SegmentHost;
}

const FLAGS = { isLeaving: false, isUnable: false, isHung: false, hasNoApi: false, isAlone: false };

/** Ethernet frames with different numbers, each as long as a heartbeat that lists two peers. */
export const forgedFrames = (forgery: Forgery, count: number): readonly Uint8Array[] =>
  Array.from({ length: count }, (_, i) => forgedFrame(forgery, BigInt(Number.MAX_SAFE_INTEGER - i)));

function forgedFrame({ from, to, as }: Forgery, sequence: bigint): Uint8Array {
  const { authenticate, ...identity } = forgedIdentityOf(as.name);
  const { nodeId, session } = identityOfNode(to.name);
  const listed = { nodeId, session, sequence: 1, age: milliseconds(0) };
  const body = {
    heard: HeardList.of([listed, { ...listed, nodeId: 1n }]),
    isClaimsRequest: false,
    offers: [],
    revoked: [],
  };
  const rest = { flags: FLAGS, sequence, receiverSession: 0n, mainAge: milliseconds(0), claimsDigest: 0n };
  const packet = encodeUdpV4({
    source: ipv4(as.address),
    destination: ipv4(to.address),
    sourcePort: HEARTBEAT_PORT,
    destinationPort: HEARTBEAT_PORT,
    ttl: HEARTBEAT_HOP_LIMIT,
    dscp: Dscp.CS6,
    identification: 0,
    payload: encodeHeartbeat({ ...identity, ...rest, body }, authenticate),
  });
  const frame = new Uint8Array(ETHERNET_HEADER_LENGTH + packet.length);
  encodeEthernetHeader({ destination: mac(to), source: mac(from), etherType: EtherType.IPv4 }, frame);
  frame.set(packet, ETHERNET_HEADER_LENGTH);
  return frame;
}

function mac(host: SegmentHost) {
  const parsed = parseMac(host.mac);
  if (parsed === undefined) throw new Error(`read MAC "${host.mac}" of ${host.name}: want six bytes`);
  return parsed;
}

function ipv4(text: string): number {
  const address = parseAddress(text);
  if (address?.family !== 'IPv4') throw new Error(`read address "${text}": want IPv4`);
  return Number(address.value);
}
