// A held address against the claims of others and the API's record: which of them makes this node let go, and which
// it wins against. ELECTION.md section 5.

import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import { beats, type NodeId, type RankedClaim } from './claim-order.ts';
import { type ElectionView, isClaimedUnheard, isPassedOver } from './occupancy.ts';
import { isCurrent, type KnownPeer, type Segment } from './segment.ts';
import { type Entry, type Held, isSameRecord } from './tenure.ts';

/** `Raise`: this node stays, and says so with a higher epoch, because others have heard the other one announce. */
export type Verdict =
  | { readonly kind: 'Stay'; readonly until?: Instant }
  | { readonly kind: 'Raise'; readonly above: number }
  | { readonly kind: 'Yield' };

const STAY: Verdict = { kind: 'Stay' };

/**
 * Compares what is held with everything that is known; remembers in `entry.beaten` what was won against. Each rival is
 * raised above once: of three, two that raise again and again above each other's last claim would never compare the same.
 * One that has ended above this node, which the record may show, is raised above then.
 */
export function contest(
  entry: Entry,
  held: Held,
  { segment, options, isLeaving }: ElectionView & { readonly isLeaving: boolean },
): Verdict {
  const uid = entry.wanted.shortUid;
  const mine = { ...held, node: options.me, isLeaving };
  let above = takeEnded(entry, segment, held.epoch);
  for (const [node, claim] of segment.claimsOf(uid)) {
    const peer = segment.peer(node);
    if (peer === undefined || !isCurrent(claim, peer)) continue;
    const theirs = rankedOf(node, claim, peer);
    if (beats(uid, theirs, mine)) return { kind: 'Yield' };
    // One that does not hear this node does not see it raise either; if nobody does, this node will soon know.
    if (!peer.hearsMe || theirs.isDoubtful || theirs.isLeaving) continue;
    entry.beaten ??= new Map();
    if (!entry.beaten.has(node)) above = Math.max(above ?? 0, claim.epoch);
    entry.beaten.set(node, claim.epoch);
  }
  return above === undefined ? STAY : { kind: 'Raise', above };
}

/** Forgets rivals that claim nothing any more; returns the highest epoch of theirs, if it is above `epoch`. */
function takeEnded({ wanted, beaten }: Entry, segment: Segment, epoch: number): number | undefined {
  if (beaten === undefined) return undefined;
  const claims = segment.claimsOf(wanted.shortUid);
  let highest: number | undefined;
  for (const [node, theirs] of beaten) {
    if (claims.has(node)) continue;
    beaten.delete(node);
    if (theirs > epoch) highest = Math.max(highest ?? 0, theirs);
  }
  return highest;
}

const rankedOf = (node: NodeId, { epoch, ...claim }: PeerClaim, peer: KnownPeer): RankedClaim => ({
  node,
  epoch,
  isDoubtful: claim.state === 'Taking',
  isLeaving: claim.state === 'Leaving' || peer.isLeaving || isPassedOver(peer),
  isAlone: claim.isAlone || peer.isDeaf,
  isRecorded: claim.isRecorded,
});

/**
 * A record that names another node at an epoch that is not below the one held here. The API arbitrates between nodes
 * that do not hear each other. Who is heard says what it claims: if it claims nothing the record is left over, such as
 * one that was written after its claim had been given up, and this node records its own above it.
 */
export function verdictOfRecord(
  entry: Entry,
  { epoch }: Held,
  view: ElectionView & { readonly isLeaving: boolean },
): Verdict {
  const { now, segment, options, isLeaving } = view;
  const { record, recordedAt, wanted } = entry;
  const { holder } = record;
  if (holder === undefined || holder === options.me || record.epoch < epoch) return STAY;
  const peer = segment.peer(holder);
  if (isOver(entry, view)) return { kind: 'Raise', above: record.epoch };
  if (isLeaving || !isMutual(peer)) return { kind: 'Yield' };
  const until = after(recordedAt, options.recordTrust);
  const isExplained = !peer.hasAllClaims || segment.claimsOf(wanted.shortUid).has(holder);
  if (isExplained) return STAY;
  return hasPassed(until, now) ? { kind: 'Raise', above: record.epoch } : { kind: 'Stay', until };
}

/** The record is of a claim that ended with its node, as this node has heard. */
const isOver = (entry: Entry, view: ElectionView): boolean =>
  entry.record.holder !== undefined &&
  view.segment.peer(entry.record.holder)?.state === 'Dead' &&
  !isClaimedUnheard(entry, view);

/**
 * Where this node could not answer, the API decides; and a claim that is not recorded yet is over, because recorded later
 * it would take the address from somebody who does answer.
 */
export const isLostUnheard = ({ record }: Entry, { epoch, isRecorded }: Held, me: NodeId): boolean =>
  !isRecorded || (record.holder !== undefined && record.holder !== me && record.epoch >= epoch);

/** Until when a refused claim waits for the record that won; nodes that hear each other answer meanwhile. */
export const refusalOverAt = ({ refusedAt }: Entry, { options }: ElectionView): Instant | undefined =>
  refusedAt && after(refusedAt, options.retryPause);

/**
 * Whether a refused claim may be recorded on top of what the API knows. Undefined when there is none, and while the
 * record that won is on its way. If none comes it was no record that won: the write is tried again.
 */
export function isRefusalOpen(entry: Entry, view: ElectionView): boolean | undefined {
  const { record, claimedFrom } = entry;
  const overAt = refusalOverAt(entry, view);
  if (overAt === undefined) return undefined;
  const isKnown = !isSameRecord(record, claimedFrom);
  if (!isKnown && !view.segment.isAlone) return hasPassed(overAt, view.now) ? true : undefined;
  const { holder } = record;
  const isOwn = holder === undefined || holder === view.options.me;
  return isKnown && (isOwn || isMutual(view.segment.peer(holder)) || isOver(entry, view));
}

/** It and this node hear each other. */
const isMutual = (peer: KnownPeer | undefined): peer is KnownPeer => peer?.state === 'Live' && peer.hearsMe;
