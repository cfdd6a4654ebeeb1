// Heartbeats on one link: puts frames into UDP over IPv4 on a packet socket, and takes them out. Through a packet
// socket, so that a host's firewall or conntrack can not silence them. ELECTION.md section 1.

import type { ElectorOutput } from '../election/elector.ts';
import type { Link, LinkSocket } from '../host/host.ts';
import type { Mac } from '../net/mac.ts';
import {
  decodeEthernetHeader,
  ETHERNET_HEADER_LENGTH,
  EtherType,
  encodeEthernetHeader,
} from '../protocol/ethernet/ethernet-header.ts';
import {
  decodeHeartbeat,
  encodeHeartbeat,
  HEARTBEAT_HOP_LIMIT,
  HEARTBEAT_PORT,
  type HeartbeatFrame,
  readdressHeartbeat,
} from '../protocol/heartbeat/heartbeat-frame.ts';
import { Dscp } from '../protocol/ipv4/ipv4-header.ts';
import { multicastMac } from '../protocol/ipv4/multicast-mac.ts';
import { decodeUdpV4, encodeUdpV4 } from '../protocol/udp/udp-v4.ts';
import { type Duration, seconds } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import type { HeartbeatCounters, HeartbeatDropReason } from './heartbeat-counters.ts';
import type { HeartbeatDrops } from './heartbeat-drops.ts';
import type { HeartbeatIdentity } from './heartbeat-settings.ts';

/**
 * 224.0.0.254, for experiments on a link (RFC 4727 section 2.4.1): never forwarded by a router, and flooded by switches
 * that snoop IGMP (RFC 4541 section 2.1.2).
 */
export const HEARTBEAT_GROUP = 0xe0_00_00_fe;
export const HEARTBEAT_GROUP_MAC: Mac = multicastMac(HEARTBEAT_GROUP);

export const HEARTBEAT_FRAME_BYTES = 1518;

/** A MAC that a peer was not heard from for so long is not its any more. */
const ADDRESS_MEMORY = seconds(2);
const MAX_ADDRESSES = 4;

/** After so many batches of one link the others, the messages and the timers have their turn. */
const BATCHES_PER_TURN = 4;

export interface HeartbeatLinkDeps {
  readonly counters: HeartbeatCounters;
  readonly drops: HeartbeatDrops;
}

export interface HeartbeatLinkOptions {
  readonly link: Link;
  readonly identity: HeartbeatIdentity;
}

/** Where a peer can be reached. */
export interface PeerAddress {
  readonly mac: Mac;
  /** IPv4, as an unsigned 32-bit number. */
  readonly address: number;
}

interface KnownAddress extends PeerAddress {
  readonly until: Instant;
}

export interface ReceivedHeartbeat {
  readonly frame: HeartbeatFrame;
  readonly from: PeerAddress;
}

interface DroppedFrame extends ReceivedHeartbeat {
  /** The name of who made it. */
  readonly node: string;
}

/** What the election wants said, but for what the link itself knows. */
export type OutgoingHeartbeat = Omit<
  Extract<ElectorOutput, { readonly kind: 'transmit' }>,
  'kind' | 'link'
> & {
  readonly mainAge: Duration;
};

export class HeartbeatLink {
  readonly socket: LinkSocket;
  readonly #counters: HeartbeatCounters;
  readonly #drops: HeartbeatDrops;
  /** Where each was heard from lately: a node with two links on one LAN is heard from two MACs. */
  readonly #peers = new Map<bigint, readonly KnownAddress[]>();
  readonly #frame = new Uint8Array(HEARTBEAT_FRAME_BYTES);
  #link: Link;
  #identity: HeartbeatIdentity;
  #identification = 0;
  #hasMore = false;
  /** The last one: copies of one frame for several peers share its number. */
  #encoded: { readonly sequence: bigint; readonly payload: Uint8Array } | undefined;

  constructor(socket: LinkSocket, { link, identity }: HeartbeatLinkOptions, deps: HeartbeatLinkDeps) {
    this.socket = socket;
    this.#link = link;
    this.#identity = identity;
    this.#counters = deps.counters;
    this.#drops = deps.drops;
  }

  /** True if `receive` stopped before the socket was empty: call it again without waiting for poll. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** Takes what is known of the link now. */
  update(link: Link): void {
    this.#link = link;
  }

  /** Goes on with other keys. */
  rekey(identity: HeartbeatIdentity): void {
    this.#identity = identity;
    this.#encoded = undefined;
  }

  /** Where a peer was heard from that has proven itself. */
  learn(now: Instant, nodeId: bigint, address: PeerAddress): void {
    const others = (this.#peers.get(nodeId) ?? []).filter(
      ({ mac, until }) => !hasPassed(until, now) && !isSameMac(mac, address.mac),
    );
    const known = { ...address, until: after(now, ADDRESS_MEMORY) };
    this.#peers.set(nodeId, [known, ...others.slice(0, MAX_ADDRESSES - 1)]);
  }

  /** The frames that are waiting and that pass the codec's checks; the others are counted. */
  receive(now: Instant): readonly ReceivedHeartbeat[] {
    const received: ReceivedHeartbeat[] = [];
    this.#hasMore = true;
    for (let batch = 0; batch < BATCHES_PER_TURN && this.#hasMore; batch++)
      this.#hasMore = this.#receiveBatch(now, received) > 0;
    return received;
  }

  /** Adds what was received; returns how many frames there were. */
  #receiveBatch(now: Instant, received: ReceivedHeartbeat[]): number {
    let count = 0;
    this.socket.fill();
    for (let length = this.#next(); length > 0; length = this.#next()) {
      count++;
      const read = this.#read(now, this.#frame.subarray(0, length));
      if (read !== undefined) received.push(read);
    }
    return count;
  }

  #next(): number {
    return this.socket.receive(this.#frame);
  }

  #read(now: Instant, bytes: Uint8Array): ReceivedHeartbeat | undefined {
    const ethernet = decodeEthernetHeader(bytes);
    const { ok: udp } = decodeUdpV4(bytes.subarray(ETHERNET_HEADER_LENGTH));
    const mac = ethernet instanceof Error ? undefined : ethernet.source.slice();
    const drop = (reason: HeartbeatDropReason): undefined => {
      this.#drops.take(now, { reason, link: this.#link.name, mac, address: udp?.source });
    };
    if (ethernet instanceof Error || mac === undefined || udp === undefined) return drop('malformed-packet');
    const { ok: frame, drop: reason } = decodeHeartbeat(udp.payload, {
      ...this.#identity,
      hopLimit: udp.ttl,
    });
    // The buffer is used again for the next frame.
    return frame === undefined ? drop(reason) : { frame, from: { mac, address: udp.source } };
  }

  /** Counts and logs a frame that the election has dropped. */
  drop(now: Instant, reason: HeartbeatDropReason, { frame, from, node }: DroppedFrame): void {
    // Our own, on a second link of the same segment.
    if (frame.session === this.#identity.session) this.#counters.drop(reason);
    else this.#drops.take(now, { reason, link: this.#link.name, ...from, node });
  }

  transmit(output: OutgoingHeartbeat): void {
    const { to } = output;
    const destinations = to === undefined ? [GROUP] : (this.#peers.get(to.nodeId) ?? []);
    const source = this.#link.addresses.find(({ address }) => address.family === 'IPv4')?.address;
    if (destinations.length === 0 || source === undefined) return;
    const payload = this.#encode(output);
    for (const destination of destinations)
      this.#send(destination, { source: Number(source.value), payload });
  }

  #encode({ to, sequence, flags, mainAge, multiplier, claimsDigest, body }: OutgoingHeartbeat): Uint8Array {
    const { keyId, clusterId, nodeId, session, interval, authenticate } = this.#identity;
    const receiverSession = to?.session ?? 0n;
    if (this.#encoded?.sequence === sequence) {
      readdressHeartbeat(this.#encoded.payload, receiverSession, authenticate);
      return this.#encoded.payload;
    }
    const header = { keyId, flags, clusterId, nodeId, session, sequence, interval, multiplier, mainAge };
    const payload = encodeHeartbeat({ ...header, receiverSession, claimsDigest, body }, authenticate);
    this.#encoded = { sequence, payload };
    return payload;
  }

  #send(
    { mac, address }: PeerAddress,
    { source, payload }: { readonly source: number; readonly payload: Uint8Array },
  ): void {
    const packet = encodeUdpV4({
      source,
      destination: address,
      sourcePort: HEARTBEAT_PORT,
      destinationPort: HEARTBEAT_PORT,
      ttl: HEARTBEAT_HOP_LIMIT,
      // Network control (RFC 4594 section 3.2).
      dscp: Dscp.CS6,
      identification: this.#identification++ & 0xffff,
      payload,
    });
    const frame = new Uint8Array(ETHERNET_HEADER_LENGTH + packet.length);
    const ethernet = { destination: mac, source: this.#link.mac, etherType: EtherType.IPv4 };
    frame.set(packet, encodeEthernetHeader(ethernet, frame));
    if (this.socket.transmit(frame, frame.length) === 'Sent') this.#counters.transmitted++;
    else this.#counters.transmitErrors++;
  }

  close(): void {
    this.socket.close();
  }
}

const GROUP: PeerAddress = { mac: HEARTBEAT_GROUP_MAC, address: HEARTBEAT_GROUP };

const isSameMac = (a: Mac, b: Mac): boolean => a.every((byte, i) => byte === b[i]);
