// Heartbeats on one link: puts what the membership machine says into UDP over IPv4 frames on a packet socket, and gives
// it what comes in. Through a packet socket, so that a host's firewall or conntrack can not silence them.
// ELECTION.md section 1.

import {
  type Member,
  Membership,
  type MembershipInput,
  type MembershipOutput,
} from '../election/membership.ts';
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
  type HeartbeatFlags,
  type PeerClaim,
} from '../protocol/heartbeat/heartbeat-frame.ts';
import { Dscp } from '../protocol/ipv4/ipv4-header.ts';
import { multicastMac } from '../protocol/ipv4/multicast-mac.ts';
import type { Timeout } from '../protocol/machine.ts';
import { decodeUdpV4, encodeUdpV4 } from '../protocol/udp/udp-v4.ts';
import type { Duration } from '../time/duration.ts';
import type { Instant } from '../time/instant.ts';
import type { HeartbeatCounters } from './heartbeat-counters.ts';
import type { HeartbeatIdentity } from './heartbeat-settings.ts';

/**
 * 224.0.0.254, for experiments on a link (RFC 4727 section 2.4.1): never forwarded by a router, and flooded by switches
 * that snoop IGMP (RFC 4541 section 2.1.2).
 */
export const HEARTBEAT_GROUP = 0xe0_00_00_fe;
export const HEARTBEAT_GROUP_MAC: Mac = multicastMac(HEARTBEAT_GROUP);

export const HEARTBEAT_FRAME_BYTES = 1518;

/** After so many batches of one link the others, the messages and the timers have their turn. */
const BATCHES_PER_TURN = 4;

/** What the header says of this node; asked for each frame. */
export interface SelfReport {
  readonly flags: HeartbeatFlags;
  readonly mainAge: Duration;
}

export interface HeartbeatLinkOptions {
  readonly link: Link;
  readonly identity: HeartbeatIdentity;
}

export interface HeartbeatLinkDeps {
  readonly self: () => SelfReport;
  readonly counters: HeartbeatCounters;
  /** Called when some peer's main thread hangs that did not before, or the other way round. */
  readonly onStanding: () => void;
}

/** Claims that a peer told, and what it said of itself. */
export interface ToldClaims extends Pick<Member, 'nodeId' | 'isHung'> {
  readonly claims: readonly PeerClaim[];
}

interface PeerAddress {
  readonly mac: Mac;
  readonly address: number;
}

export class HeartbeatLink {
  readonly socket: LinkSocket;
  readonly #deps: HeartbeatLinkDeps;
  readonly #membership: Membership;
  readonly #peers = new Map<bigint, PeerAddress>();
  readonly #frame = new Uint8Array(HEARTBEAT_FRAME_BYTES);
  #link: Link;
  #identity: HeartbeatIdentity;
  #identification = 0;
  #hasMore = false;

  constructor(socket: LinkSocket, { link, identity }: HeartbeatLinkOptions, deps: HeartbeatLinkDeps) {
    this.socket = socket;
    this.#link = link;
    this.#identity = identity;
    this.#deps = deps;
    this.#membership = new Membership(identity);
  }

  /** True if `receive` stopped before the socket was empty: call it again without waiting for poll. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** Takes what is known of the link now. */
  update(link: Link): void {
    this.#link = link;
  }

  /** Goes on with other keys; what is known of the peers stays. */
  rekey(identity: HeartbeatIdentity): void {
    this.#identity = identity;
  }

  deadline(): Instant | undefined {
    return this.#membership.deadline();
  }

  members(now: Instant): readonly Member[] {
    return this.#membership.members(now);
  }

  tell(now: Instant, input: MembershipInput | Timeout): void {
    this.#perform(this.#membership.step(now, input));
  }

  /** Reads the frames that are waiting; returns the claims that peers told in them. */
  receive(now: Instant): readonly ToldClaims[] {
    const told: ToldClaims[] = [];
    this.#hasMore = true;
    for (let batch = 0; batch < BATCHES_PER_TURN && this.#hasMore; batch++)
      this.#hasMore = this.#receiveBatch(now, told) > 0;
    return told;
  }

  /** Adds the claims that were told; returns how many frames there were. */
  #receiveBatch(now: Instant, told: ToldClaims[]): number {
    let count = 0;
    this.socket.fill();
    for (let length = this.#next(); length > 0; length = this.#next()) {
      count++;
      told.push(...this.#read(now, this.#frame.subarray(0, length)));
    }
    return count;
  }

  #next(): number {
    return this.socket.receive(this.#frame);
  }

  #read(now: Instant, bytes: Uint8Array): readonly ToldClaims[] {
    const { counters } = this.#deps;
    const ethernet = decodeEthernetHeader(bytes);
    const { ok: udp } = decodeUdpV4(bytes.subarray(ETHERNET_HEADER_LENGTH));
    if (ethernet instanceof Error || udp === undefined) {
      counters.drop('malformed-packet');
      return [];
    }
    const { ok: frame, drop } = decodeHeartbeat(udp.payload, { ...this.#identity, hopLimit: udp.ttl });
    if (drop !== undefined) {
      counters.drop(drop);
      return [];
    }
    const outputs = this.#membership.step(now, { kind: 'frame', frame });
    if (outputs.every(({ kind }) => kind !== 'drop')) {
      counters.received++;
      // The buffer is used again for the next frame.
      this.#peers.set(frame.nodeId, { mac: ethernet.source.slice(), address: udp.source });
    }
    this.#perform(outputs);
    const { nodeId, flags } = frame;
    return outputs.flatMap((output) =>
      output.kind === 'claimed' ? { nodeId, isHung: flags.isHung, claims: output.claims } : [],
    );
  }

  #perform(outputs: readonly MembershipOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'transmit') this.#transmit(output);
      else if (output.kind === 'drop') this.#deps.counters.drop(output.reason);
      else if (output.kind === 'standing') this.#deps.onStanding();
      else if (output.kind === 'gone') this.#peers.delete(output.nodeId);
    }
  }

  #transmit({
    sequence,
    claimsDigest,
    body,
    to,
  }: Extract<MembershipOutput, { readonly kind: 'transmit' }>): void {
    const { self, counters } = this.#deps;
    const destination =
      to === undefined ? { mac: HEARTBEAT_GROUP_MAC, address: HEARTBEAT_GROUP } : this.#peers.get(to.nodeId);
    const source = this.#link.addresses.find(({ address }) => address.family === 'IPv4')?.address;
    if (destination === undefined || source === undefined) return;
    const { flags, mainAge } = self();
    const { keyId, clusterId, nodeId, session, interval, multiplier, authenticate } = this.#identity;
    const header = { keyId, flags, clusterId, nodeId, session, sequence, interval, multiplier, mainAge };
    const receiverSession = to?.session ?? 0n;
    const payload = encodeHeartbeat({ ...header, receiverSession, claimsDigest, body }, authenticate);
    const packet = encodeUdpV4({
      source: Number(source.value),
      destination: destination.address,
      sourcePort: HEARTBEAT_PORT,
      destinationPort: HEARTBEAT_PORT,
      ttl: HEARTBEAT_HOP_LIMIT,
      // Network control (RFC 4594 section 3.2).
      dscp: Dscp.CS6,
      identification: this.#identification++ & 0xffff,
      payload,
    });
    const frame = new Uint8Array(ETHERNET_HEADER_LENGTH + packet.length);
    const ethernet = { destination: destination.mac, source: this.#link.mac, etherType: EtherType.IPv4 };
    frame.set(packet, encodeEthernetHeader(ethernet, frame));
    if (this.socket.transmit(frame, frame.length) === 'Sent') counters.transmitted++;
    else counters.transmitErrors++;
  }

  close(): void {
    this.socket.close();
  }
}
