// What the election knows of one segment: the peers that were heard on it, and what they claim there. Filled from the
// membership machine of the link. ELECTION.md sections 1 and 2.

import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import type { Duration } from '../time/duration.ts';
import { after, type Instant } from '../time/instant.ts';
import type { NodeId } from './claim-order.ts';

/** `PathLost`: not heard any more by this node, but by another one that it hears. */
export type PeerState = 'Live' | 'PathLost' | 'Dead';

/** A peer that has proven that it lives, as its heartbeats show it. */
export interface PeerView {
  readonly state: PeerState;
  readonly isLeaving: boolean;
  /** Takes nothing now. */
  readonly isUnable: boolean;
  readonly isHung: boolean;
  /** It hears nobody, while others hear each other. */
  readonly isDeaf: boolean;
  /** Its heartbeats say that it hears this node. */
  readonly hearsMe: boolean;
  /** What is known of its claims is what it claims now. */
  readonly hasAllClaims: boolean;
  /** How long it may be silent before it is dead. */
  readonly detection: Duration;
}

export interface KnownPeer extends PeerView {
  /** Since when it is in its state. */
  readonly since: Instant;
  /** All that it claims has been known once since it is heard. */
  readonly isCompared: boolean;
}

export interface KnownClaim extends PeerClaim {
  readonly toldAt: Instant;
}

/** Whether it is known to claim this now: what it claimed before it was lost may be over. */
export const isCurrent = (claim: KnownClaim, { state, isCompared, since }: KnownPeer): boolean =>
  state === 'Live' && (isCompared || claim.toldAt >= since);

const NO_CLAIMS: ReadonlyMap<NodeId, KnownClaim> = new Map();

export class Segment {
  readonly openedAt: Instant;
  #listensSince: Instant;
  readonly #peers = new Map<NodeId, KnownPeer>();
  /** By uid, then by claimant. What a dead peer claimed stays, for when it comes back. */
  readonly #claims = new Map<bigint, Map<NodeId, KnownClaim>>();

  constructor(openedAt: Instant) {
    this.openedAt = openedAt;
    this.#listensSince = openedAt;
  }

  /** Undefined for one that was not heard since this node began to listen, or not for long. */
  peer(node: NodeId): KnownPeer | undefined {
    return this.#peers.get(node);
  }

  /** The peers that are heard. */
  *liveNodes(): Iterable<NodeId> {
    for (const [node, { state }] of this.#peers) if (state === 'Live') yield node;
  }

  /** No peer is heard. */
  get isAlone(): boolean {
    for (const { state } of this.#peers.values()) if (state === 'Live') return false;
    return true;
  }

  /** Peers are heard, but none of them hears this node. */
  get isMute(): boolean {
    let isMute = false;
    for (const { state, hearsMe } of this.#peers.values()) {
      if (state !== 'Live') continue;
      if (hearsMe) return false;
      isMute = true;
    }
    return isMute;
  }

  /** The claims of all peers that are heard are known as they are now. */
  get isCompared(): boolean {
    for (const { state, hasAllClaims } of this.#peers.values())
      if (state === 'Live' && !hasAllClaims) return false;
    return !this.isAlone;
  }

  /** When this node has listened for long enough to have heard who is there. */
  listenedAt(listening: Duration): Instant {
    return after(this.#listensSince, listening);
  }

  /** This node was stopped: what it knows of the others is old. */
  listenAnew(now: Instant): void {
    this.#listensSince = now;
  }

  setPeer(now: Instant, node: NodeId, view: PeerView): void {
    const known = this.#peers.get(node);
    const isSame = known?.state === view.state;
    const isCompared = view.hasAllClaims || (isSame && known.isCompared);
    const isFirst = view.state === 'Live' && known !== undefined && this.isAlone;
    this.#peers.set(node, { ...view, since: isSame ? known.since : now, isCompared });
    // Who hears one that it has lost may hear the others too in a moment.
    if (isFirst) this.listenAnew(now);
  }

  /** Nothing at all is known of it any more. Returns the uids that it claimed. */
  forget(node: NodeId): readonly bigint[] {
    this.#peers.delete(node);
    const claimed: bigint[] = [];
    for (const [uid, claims] of this.#claims) if (claims.has(node)) claimed.push(uid);
    for (const uid of claimed) this.unclaim(node, uid);
    return claimed;
  }

  claim(now: Instant, node: NodeId, claim: PeerClaim): void {
    const known = this.#claims.get(claim.uid) ?? new Map<NodeId, KnownClaim>();
    const { uid, createdAt, epoch, state, isRecorded, isAlone } = claim;
    known.set(node, { uid, createdAt, epoch, state, isRecorded, isAlone, toldAt: now });
    this.#claims.set(uid, known);
  }

  unclaim(node: NodeId, uid: bigint): void {
    const known = this.#claims.get(uid);
    known?.delete(node);
    if (known?.size === 0) this.#claims.delete(uid);
  }

  claimsOf(uid: bigint): ReadonlyMap<NodeId, KnownClaim> {
    return this.#claims.get(uid) ?? NO_CLAIMS;
  }
}
