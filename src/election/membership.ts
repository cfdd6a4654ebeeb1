// Who is heard on one segment, and what they say: a pure machine over authenticated heartbeats of one link. Pairs of
// agents prove to each other that they live now by listing each other's session. ELECTION.md section 1.
//
// Everything goes to all by multicast but the request for claims, which goes to the one that has them.

import {
  type Heard,
  type HeartbeatBody,
  type HeartbeatFrame,
  MAX_HEARD,
  type PeerClaim,
} from '../protocol/heartbeat/heartbeat-frame.ts';
import type { Machine, Timeout } from '../protocol/machine.ts';
import { type Duration, milliseconds, seconds, times } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import { ClaimsMirror } from './claims-mirror.ts';
import { type ClaimsChange, ClaimsOffer } from './claims-offer.ts';
import { MEMORY, PeerSessions, type Verdict } from './peer-sessions.ts';

export interface MembershipOptions {
  readonly nodeId: bigint;
  /** Random, new at each start of the agent; machines of one session may follow each other and run side by side. */
  readonly session: bigint;
  readonly interval: Duration;
}

export type MembershipInput =
  /** A heartbeat that passed all checks of its codec. */
  | { readonly kind: 'frame'; readonly frame: HeartbeatFrame }
  /** What became of some of this node's claims; a new one is told to the others at once. */
  | ({ readonly kind: 'claims' } & ClaimsChange)
  /** Something in the header changed that the others should know at once, such as HUNG. */
  | { readonly kind: 'urgent' };

/** Why a frame of a member changed nothing; the names are those of OBJECTS.md. */
export type MembershipDrop = 'unknown-sender' | Exclude<Verdict, 'begins' | 'counts'>;

export type MembershipOutput =
  | {
      readonly kind: 'transmit';
      readonly sequence: bigint;
      readonly claimsDigest: bigint;
      readonly body: HeartbeatBody;
      /** One peer by its node id and session, or everybody. */
      readonly to: Recipient | undefined;
    }
  /** A peer said, provably now, that its main thread hangs, or that it does not any more; or it fell silent. */
  | { readonly kind: 'standing'; readonly nodeId: bigint; readonly isHung: boolean }
  /** A peer has told claims: those that it has just changed, or a page of all. */
  | { readonly kind: 'claimed'; readonly nodeId: bigint; readonly claims: readonly PeerClaim[] }
  /** Nothing at all is known of a peer any more. */
  | { readonly kind: 'gone'; readonly nodeId: bigint }
  | { readonly kind: 'drop'; readonly reason: MembershipDrop };

export interface Recipient {
  readonly nodeId: bigint;
  readonly session: bigint;
}

/** What is known of a peer that has proven that it lives. */
export interface Member {
  readonly nodeId: bigint;
  readonly isHung: boolean;
  /** How long it was not heard. */
  readonly silence: Duration;
  /** It was heard lately enough. */
  readonly isLive: boolean;
  /** All that it claims, as far as it was heard, by uid: to be read at once, for it goes on changing. */
  readonly claims: ReadonlyMap<bigint, PeerClaim>;
}

interface Peer {
  readonly sessions: PeerSessions;
  /** What it calls its own detection time. */
  detection: Duration;
  isHung: boolean;
  claims: ClaimsMirror;
}

/** With nobody there a node says hello this often (ELECTION.md, Words: segment). */
const HELLO_INTERVAL = seconds(1);
/** Who was heard within this or its own detection time, whichever is longer, is taken for alive. */
const LIVE = seconds(1);
/** A change rides in this many frames (ELECTION.md section 1). */
const NEWS_FRAMES = 3;
/** So many changes and listed sessions fit into one frame together; more changes are left to pages. */
const NEWS_LIMIT = 40;
const HEARD_BESIDE_NEWS = 15;
/** An attacker without the key adds nobody; this bounds a mistake, such as a cluster of thousands of nodes on one link. */
const PEER_LIMIT = 1024;

export class Membership implements Machine<MembershipInput, MembershipOutput> {
  readonly #options: MembershipOptions;
  readonly #peers = new Map<bigint, Peer>();
  readonly #offer = new ClaimsOffer();
  /** The first and the last that were given out. */
  #first: bigint | undefined;
  #sequence = 0n;
  /** Claims that changed or ended lately, each with how many frames it still rides in. */
  readonly #news = new Map<bigint, { readonly claim: PeerClaim; frames: number }>();
  #nextBeat: Instant | undefined;
  #heardFrom = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  deadline(): Instant | undefined {
    return this.#nextBeat;
  }

  /** The peers that have proven that they live, and were not silent for long. */
  members(now: Instant): readonly Member[] {
    return Array.from(this.#peers, ([nodeId, peer]) => {
      const { isHung, claims } = peer;
      const silence = peer.sessions.silence(now);
      return { nodeId, isHung, silence, isLive: isLive(now, peer), claims: claims.claims };
    }).filter(({ silence }) => silence < MEMORY);
  }

  step(now: Instant, input: MembershipInput | Timeout): readonly MembershipOutput[] {
    switch (input.kind) {
      case 'frame':
        return this.#hear(now, input.frame);
      case 'claims':
        return this.#claim(now, input);
      case 'urgent':
        return this.#beat(now);
      case 'timeout':
        return this.#nextBeat === undefined || hasPassed(this.#nextBeat, now) ? this.#beat(now) : [];
    }
  }

  #claim(now: Instant, change: ClaimsChange): readonly MembershipOutput[] {
    const { news, isAnyNew } = this.#offer.change(change);
    for (const claim of news) this.#news.set(claim.uid, { claim, frames: NEWS_FRAMES });
    // More than a frame holds: the others see the digest and ask for pages.
    if (this.#news.size > NEWS_LIMIT) this.#news.clear();
    // That a claim was recorded can wait for the next heartbeat; a thousand of them would be a thousand frames.
    return isAnyNew ? this.#beat(now) : [];
  }

  #beat(now: Instant): readonly MembershipOutput[] {
    const forgotten = this.#forget(now);
    const isHeard = this.#peers.size > 0;
    this.#nextBeat = after(now, isHeard ? this.#options.interval : HELLO_INTERVAL);
    const news = this.#takeNews();
    const heard = this.#heard(now, news === undefined ? MAX_HEARD : HEARD_BESIDE_NEWS);
    const pages = this.#offer.takePages();
    return [
      ...forgotten,
      this.#transmit(now, { heard, ...(news && { claims: news }) }),
      ...pages.map((claims) => this.#transmit(now, { claims })),
      ...this.#requests(now),
    ];
  }

  #takeNews(): HeartbeatBody['claims'] {
    if (this.#news.size === 0) return undefined;
    const claims = Array.from(this.#news.values(), ({ claim }) => claim);
    for (const [uid, news] of this.#news) if (--news.frames === 0) this.#news.delete(uid);
    return { page: 0, pages: 0, claims };
  }

  /** To each live peer whose claims are not known. */
  #requests(now: Instant): readonly MembershipOutput[] {
    const requests: MembershipOutput[] = [];
    for (const [nodeId, peer] of this.#peers) {
      const { session } = peer.sessions;
      if (session === undefined || !peer.claims.isStale || !isLive(now, peer)) continue;
      const body = { heard: this.#heardOf(now, nodeId), isClaimsRequest: true };
      requests.push(this.#transmit(now, body, { nodeId, session }));
    }
    return requests;
  }

  #transmit(now: Instant, body: Partial<HeartbeatBody>, to?: Recipient): MembershipOutput {
    return {
      kind: 'transmit',
      sequence: this.#number(now),
      claimsDigest: this.#offer.digest,
      body: { heard: [], isClaimsRequest: false, offers: [], revoked: [], ...body },
      to,
    };
  }

  /**
   * By the clock, so that it also grows from one machine of a session to the next, and over machines side by side on
   * links that turn out to be the same segment.
   */
  #number(now: Instant): bigint {
    const byClock = BigInt(Math.floor(now));
    this.#sequence = byClock > this.#sequence ? byClock : this.#sequence + 1n;
    this.#first ??= this.#sequence;
    return this.#sequence;
  }

  /** Those that a frame has no room for come first in the next one. */
  #heard(now: Instant, limit: number): readonly Heard[] {
    const all = [...this.#peers.keys()].flatMap((nodeId) => this.#heardOf(now, nodeId));
    if (all.length <= limit) return all;
    const start = this.#heardFrom % all.length;
    this.#heardFrom = start + limit;
    return [...all.slice(start), ...all.slice(0, start)].slice(0, limit);
  }

  #heardOf(now: Instant, nodeId: bigint): readonly Heard[] {
    const heard = this.#peers.get(nodeId)?.sessions.heard(now) ?? [];
    return heard.map(({ session, sequence, age }) => {
      return { nodeId, session, sequence: Number(BigInt.asUintN(32, sequence)), age };
    });
  }

  #forget(now: Instant): readonly MembershipOutput[] {
    const outputs: MembershipOutput[] = [];
    for (const [nodeId, peer] of this.#peers) {
      if (peer.sessions.silence(now) < MEMORY) continue;
      // It may have moved again since.
      if (peer.isHung) outputs.push({ kind: 'standing', nodeId, isHung: false });
      peer.isHung = false;
      if (peer.sessions.heard(now).length > 0) continue;
      this.#peers.delete(nodeId);
      outputs.push({ kind: 'gone', nodeId });
    }
    return outputs;
  }

  #hear(now: Instant, frame: HeartbeatFrame): readonly MembershipOutput[] {
    const { nodeId, session, sequence } = frame;
    // Heard on a second link of the same segment, or another node under our name.
    const peer = nodeId === this.#options.nodeId ? undefined : this.#peerOf(now, nodeId);
    if (peer === undefined) return [{ kind: 'drop', reason: 'unknown-sender' }];
    const verdict = peer.sessions.hear(now, { session, sequence, isProof: this.#isProof(now, frame) });
    if (verdict === 'replayed' || verdict === 'unproven-session') return [{ kind: 'drop', reason: verdict }];
    // What the former life said of its main thread stays until this very frame says otherwise.
    if (verdict === 'begins') peer.claims = new ClaimsMirror();
    return this.#believe(peer, frame);
  }

  #believe(peer: Peer, { nodeId, flags, body, ...frame }: HeartbeatFrame): readonly MembershipOutput[] {
    const outputs: MembershipOutput[] = [];
    peer.detection = times(frame.interval, frame.multiplier);
    if (peer.isHung !== flags.isHung) {
      peer.isHung = flags.isHung;
      outputs.push({ kind: 'standing', nodeId, isHung: peer.isHung });
    }
    const claims = peer.claims.take(frame.claimsDigest, body.claims);
    if (claims.length > 0) outputs.push({ kind: 'claimed', nodeId, claims });
    if (body.isClaimsRequest) this.#offer.ask();
    return outputs;
  }

  /** It is for us if for one peer alone, and lists a number that was given out lately, and since this machine began. */
  #isProof(now: Instant, { receiverSession, body }: HeartbeatFrame): boolean {
    const { nodeId, session } = this.#options;
    if (receiverSession !== 0n && receiverSession !== session) return false;
    return body.heard.some(
      (each) => each.nodeId === nodeId && each.session === session && this.#isRecent(now, each.sequence),
    );
  }

  /** `low`: the low 32 bits of a number, which come again after 49 days. */
  #isRecent(now: Instant, low: number): boolean {
    if (this.#first === undefined) return false;
    const clock = BigInt(Math.floor(now));
    const latest = clock > this.#sequence ? clock : this.#sequence;
    const listed = latest - BigInt.asUintN(32, latest - BigInt(low));
    return listed >= this.#first && listed > clock - BigInt(MEMORY);
  }

  #peerOf(now: Instant, nodeId: bigint): Peer | undefined {
    const known = this.#peers.get(nodeId);
    if (known !== undefined) return known;
    if (this.#peers.size === PEER_LIMIT) return undefined;
    const detection = milliseconds(0);
    const peer = { sessions: new PeerSessions(), detection, isHung: false, claims: new ClaimsMirror() };
    this.#peers.set(nodeId, peer);
    // From the next interval on it is listed, and not only at the next hello.
    const soon = after(now, this.#options.interval);
    if (this.#nextBeat === undefined || this.#nextBeat > soon) this.#nextBeat = soon;
    return peer;
  }
}

const isLive = (now: Instant, { sessions, detection }: Peer): boolean =>
  sessions.silence(now) <= Math.max(LIVE, detection);
