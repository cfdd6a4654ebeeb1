// Who is heard on one segment, and what they say: a pure machine over authenticated heartbeats of one link. Pairs of
// agents prove to each other that they live now by listing each other's session. ELECTION.md sections 1 and 2.
//
// What goes to all goes to each peer that lives, and by multicast where somebody may be missed; requests for claims and
// their pages go to the one that has them, or wants them.

import {
  type Heard,
  type HeardKey,
  HeardList,
  type HeartbeatBody,
  type HeartbeatFrame,
  heardKey,
  MAX_HEARD,
  type Offer,
} from '../protocol/heartbeat/heartbeat-frame.ts';
import type { Machine, Timeout } from '../protocol/machine.ts';
import { type Duration, milliseconds, seconds, times } from '../time/duration.ts';
import { after, between, earlier, hasPassed, type Instant } from '../time/instant.ts';
import { Audience, HELLO_INTERVAL, type Recipient, type Recipients } from './audience.ts';
import type { NodeId } from './claim-order.ts';
import type { MirrorChange } from './claims-mirror.ts';
import { type ClaimsChange, ClaimsOffer } from './claims-offer.ts';
import type { MembershipInput, MembershipOptions, MembershipOutput } from './membership-messages.ts';
import { Patience } from './patience.ts';
import { HEARD_BESIDE_NEWS, isSameView, type Listener, Peer } from './peer.ts';
import { RidingNews } from './riding-news.ts';
import type { PeerState, PeerView } from './segment.ts';
import { SequenceNumbers } from './sequence-numbers.ts';

/** So many offers, and what else a frame may hold beside them. */
const OFFERS_PER_FRAME = 20;
/** A peer that was silent for so long is forgotten: its Lease has run out long before. */
const FORGET_AFTER = seconds(60);
/** An attacker without the key adds nobody; this bounds a mistake, such as a cluster of thousands of nodes on one link. */
const PEER_LIMIT = 1024;

interface Judgement {
  readonly state: PeerState;
  readonly until: Instant | undefined;
}

interface Received {
  readonly frame: HeartbeatFrame;
  /** How it lists this node's present session. */
  readonly listed: Heard | undefined;
}

interface Known {
  readonly peer: Peer;
  /** As it was given out last; undefined before it has proven that it lives. */
  view: PeerView | undefined;
}

export class Membership implements Machine<MembershipInput, MembershipOutput> {
  readonly #options: MembershipOptions;
  readonly #peers = new Map<NodeId, Known>();
  readonly #offer = new ClaimsOffer();
  readonly #patience: Patience;
  readonly #audience: Audience;
  readonly #numbers = new SequenceNumbers();
  /** Who has asked for the pages of this node's claims. */
  readonly #askers = new Set<NodeId>();
  readonly #news = new RidingNews();
  /** How this node's present session is listed. */
  readonly #me: HeardKey;
  #revoked: readonly bigint[] = [];
  #nextBeat: Instant | undefined;
  #nextDeath: Instant | undefined;
  /** Of all peers: how long one may be silent. */
  #longestDetection: Duration = milliseconds(0);
  #heardFrom = 0;
  /** When somebody was answered last that had proven nothing. */
  #greetedAt: Instant | undefined;
  /** Somebody is silent, and so may be all: what is heard next decides. */
  #isInDoubt = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#me = heardKey(options.nodeId, options.session);
    this.#patience = new Patience(options);
    this.#audience = new Audience(options.interval);
  }

  deadline(): Instant | undefined {
    return earlier(this.#nextBeat, this.#nextDeath);
  }

  step(now: Instant, input: MembershipInput | Timeout): readonly MembershipOutput[] {
    switch (input.kind) {
      case 'frame':
        return this.#hear(now, input.frame);
      case 'claims':
        return this.#claim(now, input);
      case 'offers':
        return this.#tellOffers(now, input.offers);
      case 'revoke':
        this.#revoked = input.uids;
        return input.uids.length > 0 ? this.#beat(now) : [];
      case 'urgent':
        return this.#beat(now);
      case 'gap':
        return this.#excuse(now);
      case 'timeout':
        return this.#timeout(now);
    }
  }

  #timeout(now: Instant): readonly MembershipOutput[] {
    const changes = this.#review(now);
    if (this.#nextBeat !== undefined && !hasPassed(this.#nextBeat, now)) return changes;
    if (this.#nextBeat !== undefined) this.#patience.late(now, between(this.#nextBeat, now));
    return [...changes, ...this.#beat(now)];
  }

  #excuse(now: Instant): readonly MembershipOutput[] {
    for (const { peer, view } of this.#peers.values()) if (view?.state !== 'Dead') peer.sessions.excuse(now);
    return this.#review(now);
  }

  /** Looks at every peer again: who is silent, and whether others hear it. */
  #review(now: Instant): readonly MembershipOutput[] {
    const outputs: MembershipOutput[] = [];
    this.#nextDeath = undefined;
    this.#isInDoubt = false;
    this.#longestDetection = milliseconds(0);
    for (const [nodeId, known] of this.#peers) outputs.push(...this.#look(now, nodeId, known));
    return outputs;
  }

  #look(now: Instant, nodeId: NodeId, known: Known): readonly MembershipOutput[] {
    const { peer } = known;
    const silence = peer.sessions.silence(now);
    const isForgettable = silence >= FORGET_AFTER && known.view?.state !== 'PathLost';
    if (isForgettable && peer.sessions.heard(now).length === 0) {
      this.#peers.delete(nodeId);
      this.#audience.forget(nodeId);
      return known.view === undefined ? [] : [{ kind: 'peer', nodeId, peer: undefined }];
    }
    if (peer.sessions.session === undefined) return [];
    if (peer.detection > this.#longestDetection) this.#longestDetection = peer.detection;
    const { state, until } = this.#judge(now, nodeId, known);
    this.#nextDeath = earlier(this.#nextDeath, until);
    const view = peer.view(state, this.#isDeaf(now, nodeId, peer));
    if (isSameView(known.view, view)) return [];
    known.view = view;
    return [{ kind: 'peer', nodeId, peer: view }];
  }

  /** `until`: when it has to be looked at again even if nothing is heard. */
  #judge(now: Instant, nodeId: NodeId, { peer, view }: Known): Judgement {
    if (!peer.isSilent(now)) return { state: 'Live', until: peer.deadAt(now) };
    const heardUntil = this.#heardUntil(now, nodeId, peer);
    if (heardUntil !== undefined) return { state: 'PathLost', until: heardUntil };
    const doubtUntil = view === undefined || view.state === 'Dead' ? undefined : this.#doubtUntil(now);
    this.#isInDoubt ||= doubtUntil !== undefined;
    return { state: doubtUntil === undefined ? 'Dead' : (view?.state ?? 'Dead'), until: doubtUntil };
  }

  /**
   * A node that can not hear any more takes its peers for dead one after the other, up to an interval apart. Not to take
   * the first one's addresses meanwhile, it waits until it hears another one, or none.
   */
  #doubtUntil(now: Instant): Instant | undefined {
    let until: Instant | undefined;
    for (const { peer } of this.#peers.values()) {
      if (peer.isSilent(now)) continue;
      if (peer.isFresh(now)) return undefined;
      until = earlier(until, peer.deadAt(now));
    }
    return until;
  }

  /** Until when a silent peer counts as heard by another one: it has heard something newer from it, and lately. */
  #heardUntil(now: Instant, nodeId: NodeId, peer: Peer): Instant | undefined {
    const last = peer.lastHeard();
    const key = heardKey(nodeId);
    let until: Instant | undefined;
    for (const [other, { peer: witness }] of this.#peers) {
      if (other === nodeId || last === undefined || witness.isSilent(now)) continue;
      const heardAt = witness.hears(key, last);
      const end = heardAt && after(heardAt, peer.detection);
      if (end !== undefined && !hasPassed(end, now) && (until === undefined || end > until)) until = end;
    }
    return until;
  }

  /** It hears nobody, not even the slowest of those who hear each other: settings may differ during a rolling change. */
  #isDeaf(now: Instant, nodeId: NodeId, peer: Peer): boolean {
    if (!peer.heardNobody(this.#options.interval) || !this.#isHeardByAnother(now, nodeId)) return false;
    const live = Array.from(this.#peers.values()).filter((each) => !each.peer.isSilent(now));
    return live.every(({ peer: { interval } }) => peer.heardNobody(interval));
  }

  /** Another peer and this node hear each other. */
  #isHeardByAnother(now: Instant, nodeId: NodeId): boolean {
    for (const [other, { peer }] of this.#peers)
      if (other !== nodeId && peer.hearsMe && !peer.isSilent(now)) return true;
    return false;
  }

  #claim(now: Instant, change: ClaimsChange): readonly MembershipOutput[] {
    const { news, isUrgent } = this.#offer.change(change);
    this.#news.add(news);
    // That a claim was recorded can wait for the next heartbeat; a thousand of them would be a thousand frames.
    return isUrgent ? this.#beat(now) : [];
  }

  #tellOffers(now: Instant, offers: readonly Offer[]): readonly MembershipOutput[] {
    const recipients = this.#audience.of(now, this.#peers);
    const frames: MembershipOutput[] = [];
    for (let start = 0; start < offers.length; start += OFFERS_PER_FRAME)
      frames.push(
        ...this.#spread(now, { offers: offers.slice(start, start + OFFERS_PER_FRAME) }, recipients),
      );
    return frames;
  }

  #beat(now: Instant, isUrgedToAll = false): readonly MembershipOutput[] {
    // Who has claims says so often even if nobody was heard for long: a partition may be over at any time.
    const isNeeded = this.#peers.size > 0 || this.#offer.digest !== 0n;
    this.#nextBeat = after(now, isNeeded ? this.#options.interval : HELLO_INTERVAL);
    const news = this.#news.take();
    const revoked = this.#revoked;
    const isShort = news !== undefined || revoked.length > 0;
    const heard = this.#heard(now, isShort ? HEARD_BESIDE_NEWS : MAX_HEARD);
    const recipients = this.#audience.ofBeat(now, this.#peers, isUrgedToAll);
    return [
      ...this.#spread(now, { heard, revoked, ...(news && { claims: news }) }, recipients),
      ...this.#pages(now),
      ...this.#requests(now),
    ];
  }

  /** To all first: whom it reaches in time takes it for older than what it is told alone, and for no replay. */
  #spread(
    now: Instant,
    body: Partial<HeartbeatBody>,
    { each, isToAll }: Recipients,
  ): readonly MembershipOutput[] {
    const toAll = isToAll ? [this.#transmit(now, body)] : [];
    if (each.length === 0) return toAll;
    const sequence = this.#numbers.next(now, true);
    return [...toAll, ...each.map((to) => this.#frame(now, body, { sequence, to }))];
  }

  /** To those who have asked. */
  #pages(now: Instant): readonly MembershipOutput[] {
    const pages = this.#offer.takePages();
    const recipients = this.#audience.of(now, this.#peers, this.#askers);
    this.#askers.clear();
    return pages.flatMap((claims) => this.#spread(now, { claims }, recipients));
  }

  /** To each live peer whose claims are not known. */
  #requests(now: Instant): readonly MembershipOutput[] {
    return [...this.#peers].flatMap(([nodeId, known]) => this.#request(now, nodeId, known));
  }

  #request(now: Instant, nodeId: NodeId, { peer }: Known): readonly MembershipOutput[] {
    const { session } = peer.sessions;
    if (session === undefined || !peer.isStale || peer.isSilent(now)) return [];
    const body = { heard: HeardList.of(this.#heardOf(now, nodeId)), isClaimsRequest: true };
    return [this.#transmit(now, body, { nodeId, session })];
  }

  #transmit(now: Instant, body: Partial<HeartbeatBody>, to?: Recipient): MembershipOutput {
    return this.#frame(now, body, { sequence: this.#numbers.next(now, to !== undefined), to });
  }

  #frame(
    now: Instant,
    body: Partial<HeartbeatBody>,
    { sequence, to }: { readonly sequence: bigint; readonly to: Recipient | undefined },
  ): MembershipOutput {
    return {
      kind: 'transmit',
      sequence,
      multiplier: this.#patience.multiplier(now),
      claimsDigest: this.#offer.digest,
      body: { heard: HeardList.EMPTY, isClaimsRequest: false, offers: [], revoked: [], ...body },
      to,
    };
  }

  /** Those that a frame has no room for come first in the next one. */
  #heard(now: Instant, limit: number): HeardList {
    const all = [...this.#peers.keys()].flatMap((nodeId) => this.#heardOf(now, nodeId));
    if (all.length <= limit) return HeardList.of(all);
    const start = this.#heardFrom % all.length;
    this.#heardFrom = start + limit;
    return HeardList.of([...all.slice(start), ...all.slice(0, start)].slice(0, limit));
  }

  #heardOf(now: Instant, nodeId: bigint): readonly Heard[] {
    const heard = this.#peers.get(nodeId)?.peer.sessions.heard(now) ?? [];
    return heard.map(({ session, sequence, age }) => {
      return { nodeId, session, sequence: Number(BigInt.asUintN(32, sequence)), age };
    });
  }

  #hear(now: Instant, frame: HeartbeatFrame): readonly MembershipOutput[] {
    const { nodeId, session, sequence } = frame;
    // Heard on a second link of the same segment, or another node under our name.
    const known = nodeId === this.#options.nodeId ? undefined : this.#peerOf(now, nodeId);
    if (known === undefined) return [{ kind: 'drop', reason: 'unknown-sender' }];
    const listed = frame.body.heard.find(this.#me);
    const proof = this.#proofOf(now, frame.receiverSession, listed);
    const isToAll = frame.receiverSession === 0n;
    const verdict = known.peer.sessions.hear(now, { session, sequence, proof, isToAll });
    if (verdict === 'late') return [];
    if (verdict === 'unproven-session') return [{ kind: 'drop', reason: verdict }, ...this.#greet(now)];
    if (verdict === 'replayed') return [{ kind: 'drop', reason: verdict }];
    if (proof !== undefined) this.#audience.listed(nodeId, proof);
    const ended = verdict === 'begins' ? known.peer.begin() : NOTHING;
    return [...told(nodeId, ended), ...this.#believe(now, known, { frame, listed })];
  }

  /**
   * Who has proven nothing is answered, so that it can. Once an interval, however many they are: one frame lists them all,
   * and where all nodes of a cluster start together each would answer each of the others.
   */
  #greet(now: Instant): readonly MembershipOutput[] {
    const { interval } = this.#options;
    if (this.#greetedAt !== undefined && !hasPassed(after(this.#greetedAt, interval), now)) return [];
    this.#greetedAt = now;
    return this.#beat(now, true);
  }

  #believe(now: Instant, known: Known, { frame, listed }: Received): readonly MembershipOutput[] {
    const { nodeId, body } = frame;
    const change = known.peer.believe(now, frame, this.#listener(now, listed));
    if (body.isClaimsRequest) this.#ask(nodeId);
    const offers = body.offers.filter(({ to }) => to === this.#options.nodeId);
    const wasLive = known.view?.state === 'Live';
    const doubted = this.#isInDoubt ? this.#review(now) : [];
    // First what it claims, so that a peer that is seen to live is not taken for one that claims nothing.
    return [
      ...told(nodeId, change),
      ...this.#look(now, nodeId, known),
      ...doubted,
      // What one that comes back claims may be claimed here too.
      ...(wasLive ? [] : this.#request(now, nodeId, known)),
      ...(offers.length > 0 ? [{ kind: 'offered', nodeId, offers } as const] : []),
      ...(body.revoked.length > 0 ? [{ kind: 'revoked', nodeId, uids: body.revoked } as const] : []),
    ];
  }

  #ask(nodeId: NodeId): void {
    this.#offer.ask();
    this.#askers.add(nodeId);
  }

  #listener(now: Instant, listed: Heard | undefined): Listener {
    const detection = times(this.#options.interval, this.#patience.multiplier(now));
    return { listed, detection, longestDetection: this.#longestDetection };
  }

  /** The frame is for us if for one peer alone, and lists a number given out lately, and since this machine began. */
  #proofOf(now: Instant, receiverSession: bigint, listed: Heard | undefined): bigint | undefined {
    if (receiverSession !== 0n && receiverSession !== this.#options.session) return undefined;
    return listed && this.#numbers.recent(now, listed.sequence);
  }

  #peerOf(now: Instant, nodeId: NodeId): Known | undefined {
    const known = this.#peers.get(nodeId);
    if (known !== undefined) return known;
    if (this.#peers.size === PEER_LIMIT) return undefined;
    const found: Known = { peer: new Peer(), view: undefined };
    this.#peers.set(nodeId, found);
    // From the next interval on it is listed, and not only at the next hello.
    this.#nextBeat = earlier(this.#nextBeat, after(now, this.#options.interval));
    return found;
  }
}

const NOTHING: MirrorChange = { changed: [], gone: [] };

const told = (nodeId: NodeId, change: MirrorChange): readonly MembershipOutput[] =>
  change.changed.length + change.gone.length === 0 ? [] : [{ kind: 'claims', nodeId, ...change }];
