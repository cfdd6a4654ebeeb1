// Who is heard on one segment, and what they say: a pure machine over authenticated heartbeats of one link. Pairs of
// agents prove to each other that they live now by listing each other's session. ELECTION.md section 1.
//
// Heartbeats go to all by multicast; requests for claims and their pages go to one peer.

import {
  type Heard,
  type HeartbeatBody,
  type HeartbeatFrame,
  MAX_HEARD,
  type PeerClaim,
} from '../protocol/heartbeat/heartbeat-frame.ts';
import { claimsDigest } from '../protocol/heartbeat/peer-claim.ts';
import type { Machine, Timeout } from '../protocol/machine.ts';
import { type Duration, seconds } from '../time/duration.ts';
import { after, between, hasPassed, type Instant } from '../time/instant.ts';
import { ClaimsMirror } from './claims-mirror.ts';
import { ClaimsOffer } from './claims-offer.ts';

export interface MembershipOptions {
  readonly nodeId: bigint;
  /** Random, new at each start. */
  readonly session: bigint;
  readonly interval: Duration;
}

export type MembershipInput =
  /** A heartbeat that passed all checks of its codec. */
  | { readonly kind: 'frame'; readonly frame: HeartbeatFrame }
  /** What this node claims, whole; a new claim is told to the others at once. */
  | { readonly kind: 'claims'; readonly claims: readonly PeerClaim[] }
  /** Something in the header changed that the others should know at once, such as HUNG. */
  | { readonly kind: 'urgent' };

/** Why a frame of a member changed nothing; the names are those of OBJECTS.md. */
export type MembershipDrop = 'unknown-sender' | 'unproven-session' | 'replayed';

export type MembershipOutput =
  | {
      readonly kind: 'transmit';
      readonly sequence: bigint;
      readonly claimsDigest: bigint;
      readonly body: HeartbeatBody;
      /** One peer by its node id and session, or everybody. */
      readonly to: Recipient | undefined;
    }
  /** A peer said, provably now, that its main thread hangs, or that it does not any more. */
  | { readonly kind: 'standing'; readonly nodeId: bigint; readonly isHung: boolean }
  /** What a peer claims: what it has just changed, or all of it. */
  | { readonly kind: 'claimed'; readonly nodeId: bigint; readonly claims: readonly PeerClaim[] }
  | { readonly kind: 'drop'; readonly reason: MembershipDrop };

export interface Recipient {
  readonly nodeId: bigint;
  readonly session: bigint;
}

interface Session {
  readonly session: bigint;
  sequence: bigint;
  heardAt: Instant;
}

interface Peer {
  /** It has listed our session: its frames count. */
  proven: Session | undefined;
  /** Heard, and listed in our frames, so that it can prove itself. */
  unproven: Session | undefined;
  /** Sessions that came to an end, newest last: a frame of one of them is a replay. */
  former: readonly bigint[];
  isHung: boolean;
  claims: ClaimsMirror;
  offer: ClaimsOffer;
}

/** With nobody there a node says hello this often (ELECTION.md, Words: segment). */
const HELLO_INTERVAL = seconds(1);
/** Who was not heard for this long is no longer listed. */
const FORGOTTEN = seconds(10);
/** So many sessions of a peer are remembered after their end. */
const REMEMBERED_SESSIONS = 8;
/** A change rides in this many frames (ELECTION.md section 1). */
const NEWS_FRAMES = 3;
/** So many changes and listed sessions fit into one frame together; more changes are left to pages. */
const NEWS_LIMIT = 40;
const HEARD_BESIDE_NEWS = 15;
/** An attacker without the key adds nobody; this bounds a mistake, such as a cluster of thousands of nodes on one link. */
const PEER_LIMIT = 1024;
const LOW_32_BITS = 0xffff_ffffn;

export class Membership implements Machine<MembershipInput, MembershipOutput> {
  readonly #options: MembershipOptions;
  readonly #peers = new Map<bigint, Peer>();
  #sequence = 0n;
  #claims: readonly PeerClaim[] = [];
  #digest = 0n;
  /** Claims that changed lately, each with how many frames it still rides in. */
  #news = new Map<bigint, { readonly claim: PeerClaim; frames: number }>();
  #nextBeat: Instant | undefined;
  #heardFrom = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  deadline(): Instant | undefined {
    return this.#nextBeat;
  }

  step(now: Instant, input: MembershipInput | Timeout): readonly MembershipOutput[] {
    switch (input.kind) {
      case 'frame':
        return this.#hear(now, input.frame);
      case 'claims':
        return this.#claim(now, input.claims);
      case 'urgent':
        return this.#beat(now);
      case 'timeout':
        return this.#nextBeat === undefined || hasPassed(this.#nextBeat, now) ? this.#beat(now) : [];
    }
  }

  #claim(now: Instant, claims: readonly PeerClaim[]): readonly MembershipOutput[] {
    const before = new Map(this.#claims.map((claim) => [claim.uid, claim]));
    const changed = claims.filter((claim) => !isSameClaim(before.get(claim.uid), claim));
    this.#claims = claims;
    const digest = claimsDigest(claims);
    if (digest === this.#digest) return [];
    this.#digest = digest;
    // More than a frame holds: the others see the digest and ask for pages.
    this.#news =
      changed.length > NEWS_LIMIT
        ? new Map()
        : new Map(changed.map((claim) => [claim.uid, { claim, frames: NEWS_FRAMES }]));
    const isNew = ({ uid, epoch }: PeerClaim): boolean => before.get(uid)?.epoch !== epoch;
    // That a claim was recorded can wait for the next heartbeat; a thousand of them would be a thousand frames.
    return changed.some(isNew) ? this.#beat(now) : [];
  }

  #beat(now: Instant): readonly MembershipOutput[] {
    this.#forget(now);
    const isHeard = this.#peers.size > 0;
    this.#nextBeat = after(now, isHeard ? this.#options.interval : HELLO_INTERVAL);
    const outputs: MembershipOutput[] = [this.#transmit(now, { claims: this.#takeNews() }, undefined)];
    for (const [nodeId, peer] of this.#peers) outputs.push(...this.#directed(now, nodeId, peer));
    return outputs;
  }

  /** What is for one peer alone: a request for its claims, and the pages that it asked for. */
  #directed(now: Instant, nodeId: bigint, peer: Peer): readonly MembershipOutput[] {
    if (peer.proven === undefined) return [];
    const to = { nodeId, session: peer.proven.session };
    const pages = peer.offer.take(this.#claims);
    const outputs = pages.map((claims) => this.#transmit(now, { claims }, to));
    if (peer.claims.isStale) outputs.push(this.#transmit(now, { isClaimsRequest: true }, to));
    return outputs;
  }

  #takeNews(): HeartbeatBody['claims'] {
    if (this.#news.size === 0) return undefined;
    const claims = Array.from(this.#news.values(), ({ claim }) => claim);
    for (const [uid, news] of this.#news) if (--news.frames === 0) this.#news.delete(uid);
    return { page: 0, pages: 0, claims };
  }

  #transmit(
    now: Instant,
    {
      claims,
      isClaimsRequest = false,
    }: { readonly claims?: HeartbeatBody['claims']; readonly isClaimsRequest?: boolean },
    to: Recipient | undefined,
  ): MembershipOutput {
    const heard = to === undefined ? this.#heard(now, claims !== undefined) : this.#heardOf(now, to.nodeId);
    const body = { heard, isClaimsRequest, offers: [], revoked: [] };
    return {
      kind: 'transmit',
      sequence: ++this.#sequence,
      claimsDigest: this.#digest,
      body: claims === undefined ? body : { ...body, claims },
      to,
    };
  }

  /** Room for claims is kept by listing fewer; those left out come first in the next frame. */
  #heard(now: Instant, hasNews: boolean): readonly Heard[] {
    const limit = hasNews ? HEARD_BESIDE_NEWS : MAX_HEARD;
    const all = [...this.#peers.keys()].flatMap((nodeId) => this.#heardOf(now, nodeId));
    if (all.length <= limit) return all;
    const start = this.#heardFrom % all.length;
    this.#heardFrom = start + limit;
    return [...all.slice(start), ...all.slice(0, start)].slice(0, limit);
  }

  #heardOf(now: Instant, nodeId: bigint): readonly Heard[] {
    const peer = this.#peers.get(nodeId);
    return [peer?.proven, peer?.unproven].flatMap((session) =>
      session === undefined
        ? []
        : [
            {
              nodeId,
              session: session.session,
              sequence: Number(session.sequence & LOW_32_BITS),
              age: between(session.heardAt, now),
            },
          ],
    );
  }

  #forget(now: Instant): void {
    for (const [nodeId, peer] of this.#peers) {
      const isFresh = (session: Session | undefined): boolean =>
        session !== undefined && between(session.heardAt, now) < FORGOTTEN;
      if (!isFresh(peer.unproven)) peer.unproven = undefined;
      if (!isFresh(peer.proven) && peer.unproven === undefined) this.#peers.delete(nodeId);
    }
  }

  #hear(now: Instant, frame: HeartbeatFrame): readonly MembershipOutput[] {
    const drop = this.#admit(now, frame);
    if (drop !== undefined) return [{ kind: 'drop', reason: drop }];
    const peer = this.#peers.get(frame.nodeId);
    if (peer === undefined) throw new Error('hear member: admitted, but not known');
    const outputs: MembershipOutput[] = [];
    if (peer.isHung !== frame.flags.isHung) {
      peer.isHung = frame.flags.isHung;
      outputs.push({ kind: 'standing', nodeId: frame.nodeId, isHung: peer.isHung });
    }
    const claims = peer.claims.take(frame);
    if (claims !== undefined) outputs.push({ kind: 'claimed', nodeId: frame.nodeId, claims });
    if (frame.body.isClaimsRequest) peer.offer.ask();
    return outputs;
  }

  /** Undefined if the frame counts: it lists our session, and comes after all that was heard from its own. */
  #admit(now: Instant, { nodeId, session, sequence, body }: HeartbeatFrame): MembershipDrop | undefined {
    // Heard on a second link of the same segment, or another node under our name.
    if (nodeId === this.#options.nodeId) return 'unknown-sender';
    const peer = this.#peerOf(now, nodeId);
    if (peer === undefined) return 'unknown-sender';
    if (peer.former.includes(session)) return 'replayed';
    const known = [peer.proven, peer.unproven].find((each) => each?.session === session);
    if (known !== undefined && sequence <= known.sequence) return 'replayed';
    const isProof = body.heard.some(
      (each) => each.nodeId === this.#options.nodeId && each.session === this.#options.session,
    );
    const current = { session, sequence, heardAt: now };
    if (peer.proven?.session === session) {
      peer.proven.sequence = sequence;
      if (isProof) peer.proven.heardAt = now;
    } else if (isProof) begin(peer, current);
    else peer.unproven = current;
    return isProof ? undefined : 'unproven-session';
  }

  #peerOf(now: Instant, nodeId: bigint): Peer | undefined {
    const known = this.#peers.get(nodeId);
    if (known !== undefined) return known;
    if (this.#peers.size === PEER_LIMIT) return undefined;
    const peer = { ...newLife(), proven: undefined, unproven: undefined, former: [] };
    this.#peers.set(nodeId, peer);
    // From the next interval on it is listed, and not only at the next hello.
    const soon = after(now, this.#options.interval);
    if (this.#nextBeat === undefined || this.#nextBeat > soon) this.#nextBeat = soon;
    return peer;
  }
}

const newLife = (): Pick<Peer, 'isHung' | 'claims' | 'offer'> => ({
  isHung: false,
  claims: new ClaimsMirror(),
  offer: new ClaimsOffer(),
});

function begin(peer: Peer, session: Session): void {
  if (peer.proven !== undefined)
    peer.former = [...peer.former, peer.proven.session].slice(-REMEMBERED_SESSIONS);
  const { isHung } = peer;
  // Kept until a frame of the new session says otherwise, which this very one may.
  Object.assign(peer, newLife(), { isHung, proven: session, unproven: undefined });
}

const isSameClaim = (a: PeerClaim | undefined, b: PeerClaim): boolean =>
  a !== undefined && a.epoch === b.epoch && a.state === b.state && a.isRecorded === b.isRecorded;
