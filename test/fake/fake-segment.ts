// A segment in virtual time with Membership machines on it. Every frame goes through the codec; it may be lost, late or
// doubled, and what was ever on the wire can be sent again.

import { isDeepStrictEqual } from 'node:util';
import { Membership } from '../../src/election/membership.ts';
import type { MembershipOutput } from '../../src/election/membership-messages.ts';
import type { PeerView } from '../../src/election/segment.ts';
import {
  decodeHeartbeat,
  encodeHeartbeat,
  type HeartbeatFlags,
  type HeartbeatFrame,
  type PeerClaim,
} from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import { type Duration, milliseconds } from '../../src/time/duration.ts';
import { after, type Instant, instant } from '../../src/time/instant.ts';
import { authenticate } from '../arbitrary/heartbeat.ts';

export const INTERVAL = milliseconds(100);
const MULTIPLIER = 3;
const CLUSTER = 7n;

type Transmit = Extract<MembershipOutput, { readonly kind: 'transmit' }>;

/** When copies of a frame arrive, in milliseconds: none = it is lost. */
export type Fate = (from: SegmentNode, to: SegmentNode, frame: HeartbeatFrame) => readonly number[];

export interface SentFrame {
  readonly at: Instant;
  readonly from: bigint;
  readonly frame: HeartbeatFrame;
}

/** What one node knows of another. */
export interface SeenPeer extends PeerView {
  readonly nodeId: bigint;
  /** What it claims, by uid. */
  readonly claims: ReadonlyMap<bigint, PeerClaim>;
}

/** What a node's flags say. */
export interface Timing {
  readonly interval: Duration;
  readonly multiplier: number;
}

const TIMING: Timing = { interval: INTERVAL, multiplier: MULTIPLIER };

/** One machine with what it has been told and has said. */
export class SegmentNode {
  readonly id: bigint;
  readonly session: bigint;
  readonly timing: Timing;
  machine: Membership;
  isHung = false;
  /** What else it says of itself. */
  flags: Partial<HeartbeatFlags> = {};
  claims: readonly PeerClaim[] = [];
  readonly outputs: Exclude<MembershipOutput, Transmit>[] = [];
  readonly #views = new Map<bigint, PeerView>();
  readonly #claimed = new Map<bigint, Map<bigint, PeerClaim>>();

  constructor(id: bigint, session: bigint, timing: Timing) {
    this.id = id;
    this.session = session;
    this.timing = timing;
    this.machine = this.#newMachine();
  }

  #newMachine(): Membership {
    return new Membership({ nodeId: this.id, session: this.session, ...this.timing });
  }

  /** The machine begins anew: what the former one has said is not true any more. */
  renew(): void {
    this.machine = this.#newMachine();
    this.#views.clear();
    this.#claimed.clear();
  }

  take(output: Exclude<MembershipOutput, Transmit>): void {
    this.outputs.push(output);
    if (output.kind === 'peer') {
      if (output.peer === undefined) this.#views.delete(output.nodeId);
      else this.#views.set(output.nodeId, output.peer);
    } else if (output.kind === 'claims') this.#learn(output);
  }

  #learn({ nodeId, changed, gone }: Extract<MembershipOutput, { readonly kind: 'claims' }>): void {
    const claimed = this.#claimed.get(nodeId) ?? new Map<bigint, PeerClaim>();
    this.#claimed.set(nodeId, claimed);
    for (const claim of changed) claimed.set(claim.uid, claim);
    for (const uid of gone)
      if (!claimed.delete(uid)) throw new Error(`claim of ${uid} by ${nodeId} is gone: never told`);
  }

  /** All that it knows, from what it has said. */
  seen(): readonly SeenPeer[] {
    return Array.from(this.#views, ([nodeId, view]) => {
      return { nodeId, ...view, claims: this.#claimed.get(nodeId) ?? new Map<bigint, PeerClaim>() };
    });
  }

  saw(other: SegmentNode): SeenPeer {
    const seen = this.seen().find(({ nodeId }) => nodeId === other.id);
    if (seen === undefined) throw new Error(`node ${this.id} does not know node ${other.id}`);
    return seen;
  }

  /** How often frames were dropped, by reason. */
  drops(): Readonly<Record<string, number>> {
    const drops: Record<string, number> = {};
    for (const output of this.outputs)
      if (output.kind === 'drop') drops[output.reason] = (drops[output.reason] ?? 0) + 1;
    return drops;
  }

  /** What it has heard, but for the drops, as text; uids by number. */
  heard(): readonly string[] {
    return this.outputs.flatMap((output) => (output.kind === 'drop' ? [] : [describe(output)]));
  }
}

/** `1 Live hangs`, `1 claims 5@2`, `1 gone 5`. */
function describe(output: Exclude<MembershipOutput, { readonly kind: 'transmit' | 'drop' }>): string {
  const { nodeId } = output;
  switch (output.kind) {
    case 'peer':
      return `${nodeId} ${output.peer === undefined ? 'forgotten' : describeView(output.peer)}`;
    case 'offered':
      return `${nodeId} offers ${output.offers.map(({ uid, epoch }) => `${uid}@${epoch}`).join(' ')}`;
    case 'revoked':
      return `${nodeId} revokes ${output.uids.join(' ')}`;
    case 'claims': {
      const { changed, gone } = output;
      const claims = changed.map(({ uid, epoch }) => `${uid}@${epoch}`);
      return [`${nodeId}`, ...words('claims', claims), ...words('gone', gone.map(String))].join(' ');
    }
  }
}

const words = (name: string, list: readonly string[]): readonly string[] =>
  list.length === 0 ? [] : [name, ...list];

function describeView(view: PeerView): string {
  const facts = {
    hangs: view.isHung,
    leaves: view.isLeaving,
    unable: view.isUnable,
    deaf: view.isDeaf,
    'hears me not': !view.hearsMe,
    'claims more': !view.hasAllClaims,
  };
  return [view.state, ...Object.entries(facts).flatMap(([name, isTrue]) => (isTrue ? [name] : []))].join(' ');
}

interface Flight {
  readonly at: Instant;
  readonly to: SegmentNode;
  readonly frame: HeartbeatFrame;
}

export class FakeSegment {
  now: Instant = instant(5_000_000);
  fate: Fate = () => [1];
  readonly nodes: SegmentNode[] = [];
  /** All that was ever transmitted. */
  readonly wire: SentFrame[] = [];
  #flying: Flight[] = [];
  #sessions = 0n;

  /** A node comes; one of the same id may be there, and goes on. */
  start(id: number, session = 1000n + ++this.#sessions, timing = TIMING): SegmentNode {
    const node = new SegmentNode(BigInt(id), session, timing);
    this.nodes.push(node);
    this.#step(node, { kind: 'timeout' });
    return node;
  }

  stop(node: SegmentNode): void {
    this.nodes.splice(this.nodes.indexOf(node), 1);
  }

  /** The machine of a node that lives on begins anew, as when its link was away. */
  renew(node: SegmentNode): void {
    node.renew();
    this.#step(node, { kind: 'claims', changed: node.claims, gone: [] });
    this.#step(node, { kind: 'timeout' });
  }

  /** The node claims these and nothing else; it is told what that changes. */
  claim(node: SegmentNode, claims: readonly PeerClaim[]): void {
    const before = new Map(node.claims.map((claim) => [claim.uid, claim]));
    const changed = claims.filter((claim) => !isDeepStrictEqual(claim, before.get(claim.uid)));
    for (const { uid } of claims) before.delete(uid);
    node.claims = claims;
    this.#step(node, { kind: 'claims', changed, gone: [...before.keys()] });
  }

  hang(node: SegmentNode, isHung: boolean): void {
    node.isHung = isHung;
    this.#step(node, { kind: 'urgent' });
  }

  /** Gives a node an input of its own. */
  give(node: SegmentNode, input: Parameters<Membership['step']>[1]): void {
    this.#step(node, input);
  }

  /** Gives a node a frame that was on the wire before. */
  replay({ frame }: SentFrame, to: SegmentNode): void {
    this.#step(to, { kind: 'frame', frame });
  }

  /** Lets virtual time pass; each machine gets its timeouts when they are due. */
  pass(count: number): void {
    const end = after(this.now, milliseconds(count));
    for (;;) {
      const deadlines = this.nodes.map((node) => node.machine.deadline() ?? Number.POSITIVE_INFINITY);
      const next = instant(Math.min(...deadlines, ...this.#flying.map(({ at }) => at)));
      if (next > end) break;
      // A node that was away is late.
      this.now = instant(Math.max(next, this.now));
      this.#arrive();
      for (const node of this.nodes)
        if ((node.machine.deadline() ?? end) <= this.now) this.#step(node, { kind: 'timeout' });
    }
    this.now = end;
  }

  #arrive(): void {
    const due = this.#flying.filter(({ at }) => at <= this.now);
    if (due.length > 0) this.#flying = this.#flying.filter(({ at }) => at > this.now);
    for (const { to, frame } of due) if (this.nodes.includes(to)) this.#step(to, { kind: 'frame', frame });
  }

  #step(node: SegmentNode, input: Parameters<Membership['step']>[1]): void {
    const outputs = node.machine.step(this.now, input);
    if (input.kind === 'timeout' && (node.machine.deadline() ?? this.now) <= this.now)
      throw new Error('a deadline that its timeout did not serve');
    for (const output of outputs)
      if (output.kind === 'transmit') this.#transmit(node, output);
      else node.take(output);
  }

  #transmit(from: SegmentNode, { sequence, multiplier, claimsDigest, body, to }: Transmit): void {
    const ids = { clusterId: CLUSTER, nodeId: from.id, session: from.session, sequence };
    const flags = {
      isLeaving: false,
      isUnable: false,
      isHung: from.isHung,
      hasNoApi: false,
      isAlone: false,
      ...from.flags,
    };
    const receiverSession = to?.session ?? 0n;
    const timing = { interval: from.timing.interval, multiplier, mainAge: milliseconds(0) };
    const frame = throughCodec({ keyId: 1, flags, ...ids, receiverSession, ...timing, claimsDigest, body });
    this.wire.push({ at: this.now, from: from.id, frame });
    const others = this.nodes.filter((each) => each !== from && (to === undefined || to.nodeId === each.id));
    const flights = others.flatMap((each) =>
      this.fate(from, each, frame).map((delay) => ({
        at: after(this.now, milliseconds(delay)),
        to: each,
        frame,
      })),
    );
    this.#flying.push(...flights);
  }
}

/** As it comes out on the other side. Throws for a frame that is longer than a frame may be. */
function throughCodec(frame: HeartbeatFrame): HeartbeatFrame {
  const context = { clusterId: CLUSTER, authenticate, hopLimit: 255 };
  const { ok, drop } = decodeHeartbeat(encodeHeartbeat(frame, authenticate), context);
  if (ok === undefined) throw new Error(`decode heartbeat: ${drop}`);
  return ok;
}

/** A claim to the address of a number, which is held and recorded unless the changes say otherwise. */
export const claimOf = (uid: number, epoch = 1, changes: Partial<PeerClaim> = {}): PeerClaim => ({
  uid: BigInt(uid),
  createdAt: 0,
  epoch,
  state: 'Held',
  isRecorded: true,
  isAlone: false,
  ...changes,
});
