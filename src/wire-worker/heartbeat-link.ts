// Heartbeats on one link: puts frames into UDP over IPv4 on a packet socket, and takes them out. Through a packet
// socket, so that a host's firewall or conntrack can not silence them. ELECTION.md section 1.
//
// Two sockets: one for frames from the MACs of peers that have proven themselves, one for those of everybody else. However
// many frames a stranger sends, they take no room from those of the peers, and few of them are looked at.

import { equalBytes } from '../bytes/equal-bytes.ts';
import type { ElectorOutput } from '../election/elector.ts';
import type { FilteredSocket, Link } from '../host/host.ts';
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
import { type Duration, milliseconds, seconds, times } from '../time/duration.ts';
import { after, earlier, hasPassed, type Instant } from '../time/instant.ts';
import type { HeartbeatCounters, HeartbeatDropReason } from './heartbeat-counters.ts';
import type { HeartbeatDrops } from './heartbeat-drops.ts';
import type { HeartbeatIdentity } from './heartbeat-settings.ts';
import { PausingSocket } from './pausing-socket.ts';

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

/**
 * So many peers have room of their own; beyond that they are heard among the strangers. As many as one filter of the
 * kernel can tell apart on every host.
 */
export const MAX_KNOWN = 256;

/**
 * A batch of frames from strangers is looked at in every turn, but after one that may not have been all they have to wait:
 * so at most some 2,000 a second are, for a tenth of a core or less. Three heartbeats of 60 nodes that start together are
 * looked at in the time of one interval.
 */
const STRANGERS_BATCH = 16;
const STRANGERS_PAUSE = milliseconds(8);

/**
 * The frames of many peers come one after the other: to wake up for each would cost more than what is in them. So they
 * wait for this part of an interval, after the queue was empty.
 */
const MANY_PEERS = 20;
const PAUSE_SHARE = 1 / 10;

export interface HeartbeatSockets {
  /** Of the peers; everything is transmitted through it. */
  readonly known: FilteredSocket;
  readonly strangers: FilteredSocket;
}

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
  /** Changed in place: nearly every heartbeat changes nothing else. */
  until: Instant;
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
  readonly #known: PausingSocket;
  readonly #strangers: PausingSocket;
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

  constructor(
    { known, strangers }: HeartbeatSockets,
    { link, identity }: HeartbeatLinkOptions,
    deps: HeartbeatLinkDeps,
  ) {
    this.#known = new PausingSocket(known);
    this.#strangers = new PausingSocket(strangers);
    this.#filter();
    this.#link = link;
    this.#identity = identity;
    this.#counters = deps.counters;
    this.#drops = deps.drops;
  }

  /** True if `receive` stopped before the peers' socket was empty: call it again without waiting for poll. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** What to wait for. */
  get fds(): readonly number[] {
    return [...this.#known.fds, ...this.#strangers.fds];
  }

  /** When `receive` has to be called, whatever poll says. */
  deadline(): Instant | undefined {
    return earlier(this.#known.deadline(), this.#strangers.deadline());
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
    const before = this.#peers.get(nodeId) ?? [];
    const [only, another] = before;
    if (only !== undefined && another === undefined && isSameAddress(only, address)) {
      only.until = after(now, ADDRESS_MEMORY);
      return;
    }
    const others = before.filter(({ mac, until }) => !hasPassed(until, now) && !equalBytes(mac, address.mac));
    const known = { ...address, until: after(now, ADDRESS_MEMORY) };
    const addresses = [known, ...others.slice(0, MAX_ADDRESSES - 1)];
    this.#peers.set(nodeId, addresses);
    const isNew = !before.some(({ mac }) => equalBytes(mac, address.mac));
    if (isNew || addresses.length !== before.length) this.#filter();
  }

  /** Nothing is known of a peer any more. */
  forget(nodeId: bigint): void {
    if (this.#peers.delete(nodeId)) this.#filter();
  }

  /** First who is let in, then who is kept out: a frame that comes in between is in both sockets, and a replay in one. */
  #filter(): void {
    const macs = Array.from(this.#peers.values(), (addresses) => addresses.map(({ mac }) => mac)).flat();
    const few = macs.slice(0, MAX_KNOWN);
    this.#known.socket.setSources({ kind: 'Only', macs: few });
    this.#strangers.socket.setSources({ kind: 'AllBut', macs: few });
  }

  /** The frames that are waiting and that pass the codec's checks; the others are counted. */
  receive(now: Instant, ready: readonly number[]): readonly ReceivedHeartbeat[] {
    const received: ReceivedHeartbeat[] = [];
    if (this.#known.takeTurn(now, ready) || this.#hasMore) this.#receiveKnown(now, received);
    if (this.#strangers.takeTurn(now, ready)) {
      const count = this.#receiveBatch(now, this.#strangers.socket, received);
      if (count >= STRANGERS_BATCH) this.#strangers.pause(now, STRANGERS_PAUSE);
    }
    return received;
  }

  #receiveKnown(now: Instant, received: ReceivedHeartbeat[]): void {
    this.#hasMore = true;
    for (let batch = 0; batch < BATCHES_PER_TURN && this.#hasMore; batch++)
      this.#hasMore = this.#receiveBatch(now, this.#known.socket, received) > 0;
    if (!this.#hasMore && received.length > 0 && this.#peers.size > MANY_PEERS)
      this.#known.pause(now, times(this.#identity.interval, PAUSE_SHARE));
  }

  /** Adds what was received; returns how many frames there were. */
  #receiveBatch(now: Instant, socket: FilteredSocket, received: ReceivedHeartbeat[]): number {
    let count = 0;
    socket.fill();
    for (let length = socket.receive(this.#frame); length > 0; length = socket.receive(this.#frame)) {
      count++;
      const read = this.#read(now, this.#frame.subarray(0, length));
      if (read !== undefined) received.push(read);
    }
    return count;
  }

  #read(now: Instant, bytes: Uint8Array): ReceivedHeartbeat | undefined {
    const ethernet = decodeEthernetHeader(bytes);
    const { ok: udp } = decodeUdpV4(bytes.subarray(ETHERNET_HEADER_LENGTH));
    const mac = ethernet instanceof Error ? undefined : ethernet.source;
    const drop = (reason: HeartbeatDropReason): undefined => {
      this.#drops.take(now, { reason, link: this.#link.name, mac, address: udp?.source });
    };
    if (ethernet instanceof Error || mac === undefined || udp === undefined) return drop('malformed-packet');
    const { clusterId, authenticate } = this.#identity;
    const context = { clusterId, authenticate, hopLimit: udp.ttl };
    const { ok: frame, drop: reason } = decodeHeartbeat(udp.payload, context);
    // The buffer is used again for the next frame; what was decoded is of its own.
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
    if (this.#known.socket.transmit(frame, frame.length) === 'Sent') this.#counters.transmitted++;
    else this.#counters.transmitErrors++;
  }

  /** False after the link was deleted. */
  isBound(): boolean {
    return this.#known.socket.isBound() && this.#strangers.socket.isBound();
  }

  close(): void {
    this.#known.socket.close();
    this.#strangers.socket.close();
  }
}

const GROUP: PeerAddress = { mac: HEARTBEAT_GROUP_MAC, address: HEARTBEAT_GROUP };

const isSameAddress = (a: PeerAddress, b: PeerAddress): boolean =>
  a.address === b.address && equalBytes(a.mac, b.mac);
