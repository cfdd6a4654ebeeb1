// All of the election on one node: the membership machine of each link, and the election over what they hear. A pure
// machine between the sockets and the main thread. ELECTION.md.

import type { HeartbeatFlags, HeartbeatFrame, PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import type { Machine, Timeout } from '../protocol/machine.ts';
import type { Duration } from '../time/duration.ts';
import { after, earlier, hasPassed, type Instant } from '../time/instant.ts';
import type { NodeId } from './claim-order.ts';
import { Election } from './election.ts';
import type { ElectionInput, ElectionOutput, HeldElection } from './election-messages.ts';
import { Membership } from './membership.ts';
import type { MembershipDrop, MembershipOptions, MembershipOutput } from './membership-messages.ts';
import type { PeerView } from './segment.ts';
import type { ElectionOptions } from './tenure.ts';

export interface ElectorOptions extends ElectionOptions {
  /** How long the first link waits for heartbeats to begin before Leases and records have to be enough. */
  readonly keyPatience: Duration;
}

/** What heartbeats of this node are made with, but for keys. */
export type ElectorIdentity = Omit<MembershipOptions, 'nodeId'>;

export type ElectorInput =
  /** Heartbeats begin, with the session of this start of the agent; later ones change nothing. */
  | { readonly kind: 'identity'; readonly identity: ElectorIdentity }
  /** A link where addresses can be answered is there, or is not any more. */
  | { readonly kind: 'link'; readonly link: number; readonly isOpen: boolean }
  /** A heartbeat that passed all checks of its codec. */
  | { readonly kind: 'frame'; readonly link: number; readonly frame: HeartbeatFrame }
  | Exclude<ElectionInput, { readonly kind: 'segment' | 'heard' }>;

type Transmit = Extract<MembershipOutput, { readonly kind: 'transmit' }>;

export type ElectorOutput =
  | (Transmit & { readonly link: number; readonly flags: HeartbeatFlags })
  | { readonly kind: 'drop'; readonly link: number; readonly reason: MembershipDrop }
  /** A peer is another than before; undefined: nothing is known of it any more. For people to read. */
  | {
      readonly kind: 'peer';
      readonly link: number;
      readonly node: NodeId;
      readonly peer: PeerView | undefined;
    }
  | Exclude<ElectionOutput, { readonly kind: 'offer' | 'revoke' }>;

interface Link {
  /** Undefined before heartbeats begin. */
  membership: Membership | undefined;
  /** The election has begun to listen on it. */
  isSegment: boolean;
}

export class Elector implements Machine<ElectorInput, ElectorOutput> {
  readonly #options: ElectorOptions;
  readonly #election: Election;
  readonly #links = new Map<number, Link>();
  #identity: ElectorIdentity | undefined;
  /** Who has no heartbeats by then does without, also on links that come later. */
  #keysBy: Instant | undefined;
  #isHung = false;
  #isUnable = false;
  #isLeaving = false;
  #outputs: ElectorOutput[] = [];
  #offers: Extract<ElectionOutput, { readonly kind: 'offer' }>[] = [];
  #revocations: Extract<ElectionOutput, { readonly kind: 'revoke' }>[] = [];

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#election = new Election(options);
  }

  deadline(): Instant | undefined {
    let deadline = this.#election.deadline();
    for (const { membership, isSegment } of this.#links.values()) {
      deadline = earlier(deadline, membership?.deadline());
      if (!isSegment) deadline = earlier(deadline, this.#keysBy);
    }
    return deadline;
  }

  held(): readonly HeldElection[] {
    return this.#election.held.all();
  }

  heldOf(uid: string): HeldElection | undefined {
    return this.#election.held.get(uid);
  }

  step(now: Instant, input: ElectorInput | Timeout): readonly ElectorOutput[] {
    this.#outputs = [];
    this.#take(now, input);
    this.#tellClaims(now);
    this.#tellOffers(now);
    this.#tellRevocations(now);
    return this.#outputs;
  }

  #take(now: Instant, input: ElectorInput | Timeout): void {
    switch (input.kind) {
      case 'identity':
        this.#identity ??= input.identity;
        for (const [index, link] of this.#links) this.#begin(now, index, link);
        return;
      case 'link':
        return this.#setLink(now, input);
      case 'frame':
        return this.#listen(now, input.link, { kind: 'frame', frame: input.frame });
      case 'gap':
        this.#elect(now, input);
        for (const index of this.#links.keys()) this.#listen(now, index, input);
        return;
      case 'timeout':
        return this.#timeout(now);
      case 'self':
        return this.#setSelf(now, input);
      default:
        if (input.kind === 'leave') this.#isLeaving = true;
        this.#elect(now, input);
        if (input.kind === 'leave') this.#hurry(now);
    }
  }

  #timeout(now: Instant): void {
    for (const [index, link] of this.#links) {
      if (!link.isSegment && isDue(this.#keysBy, now)) this.#openSegment(now, index, link);
      const deadline = link.membership?.deadline();
      if (deadline === undefined || hasPassed(deadline, now)) this.#listen(now, index, { kind: 'timeout' });
    }
    const deadline = this.#election.deadline();
    if (isDue(deadline, now)) this.#elect(now, { kind: 'timeout' });
  }

  #setSelf(now: Instant, input: Extract<ElectorInput, { readonly kind: 'self' }>): void {
    const isNews = input.isHung !== this.#isHung || input.isUnable !== this.#isUnable;
    [this.#isHung, this.#isUnable] = [input.isHung, input.isUnable];
    this.#elect(now, input);
    if (isNews) this.#hurry(now);
  }

  /** Says at once what has changed in the header. */
  #hurry(now: Instant): void {
    for (const index of this.#links.keys()) this.#listen(now, index, { kind: 'urgent' });
  }

  #setLink(now: Instant, { link: index, isOpen }: Extract<ElectorInput, { readonly kind: 'link' }>): void {
    const known = this.#links.get(index);
    if (!isOpen) {
      this.#links.delete(index);
      if (known?.isSegment === true) this.#elect(now, { kind: 'segment', segment: index, isOpen });
    } else if (known === undefined) {
      const link: Link = { membership: undefined, isSegment: false };
      this.#keysBy ??= after(now, this.#options.keyPatience);
      this.#links.set(index, link);
      this.#begin(now, index, link);
    }
  }

  #begin(now: Instant, index: number, link: Link): void {
    if (this.#identity === undefined || link.membership !== undefined) return;
    link.membership = new Membership({ ...this.#identity, nodeId: this.#options.me });
    // Whatever was waited for without heartbeats: who is there is heard from now on.
    this.#openSegment(now, index, link);
    const changed = this.held().flatMap(({ uid }) => this.#election.held.claim(uid) ?? []);
    this.#listen(now, index, { kind: 'claims', changed, gone: [] });
    this.#listen(now, index, { kind: 'timeout' });
  }

  #openSegment(now: Instant, segment: number, link: Link): void {
    link.isSegment = true;
    this.#elect(now, { kind: 'segment', segment, isOpen: true });
  }

  #elect(now: Instant, input: ElectionInput | Timeout): void {
    for (const output of this.#election.step(now, input)) {
      if (output.kind === 'offer') this.#offers.push(output);
      else if (output.kind === 'revoke') this.#revocations.push(output);
      else this.#outputs.push(output);
    }
  }

  /** What a link says in one instant is news for the election all at once: several peers may be silent together. */
  #listen(now: Instant, index: number, input: Parameters<Membership['step']>[1]): void {
    const outputs = this.#links.get(index)?.membership?.step(now, input) ?? [];
    const news = outputs.filter((output) => output.kind !== 'transmit' && output.kind !== 'drop');
    if (news.length > 0) this.#elect(now, { kind: 'heard', segment: index, news });
    for (const output of outputs)
      if (output.kind === 'transmit')
        this.#outputs.push({ ...output, link: index, flags: this.#flags(index) });
      else if (output.kind === 'drop') this.#outputs.push({ ...output, link: index });
      else if (output.kind === 'peer')
        this.#outputs.push({ kind: 'peer', link: index, node: output.nodeId, peer: output.peer });
  }

  #flags(link: number): HeartbeatFlags {
    const isAlone = this.#election.isAlone(link);
    return {
      isLeaving: this.#isLeaving,
      isUnable: this.#isUnable,
      isHung: this.#isHung,
      hasNoApi: false,
      isAlone,
    };
  }

  /** After the claims: who is offered an address knows already that it is being given up. */
  #tellOffers(now: Instant): void {
    if (this.#offers.length === 0) return;
    const offers = Map.groupBy(this.#offers, ({ segment }) => segment);
    this.#offers = [];
    for (const [segment, each] of offers) this.#listen(now, segment, { kind: 'offers', offers: each });
  }

  #tellRevocations(now: Instant): void {
    for (const { segment, uids } of this.#revocations.splice(0))
      this.#listen(now, segment, { kind: 'revoke', uids });
  }

  /** The peers learn of a claim in the step that made it. */
  #tellClaims(now: Instant): void {
    const uids = this.#election.held.takeChanged();
    if (uids.length === 0) return;
    const changed: PeerClaim[] = [];
    const gone: bigint[] = [];
    for (const { uid, shortUid } of uids) {
      const claim = this.#election.held.claim(uid);
      if (claim === undefined) gone.push(shortUid);
      else changed.push(claim);
    }
    for (const index of this.#links.keys()) this.#listen(now, index, { kind: 'claims', changed, gone });
  }
}

const isDue = (deadline: Instant | undefined, now: Instant): boolean =>
  deadline !== undefined && hasPassed(deadline, now);
