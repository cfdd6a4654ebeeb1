// A held address against the claims of others and the API's record: which of them makes this node let go, and which
// it wins against. ELECTION.md section 5.

import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import { beats, type NodeId, type RankedClaim } from './claim-order.ts';
import { type ElectionView, isPassedOver } from './occupancy.ts';
import type { KnownPeer } from './segment.ts';
import type { Entry, Held } from './tenure.ts';

/** `Raise`: this node stays, and says so with a higher epoch, because others have heard the other one announce. */
export type Verdict =
  | { readonly kind: 'Stay'; readonly until?: Instant }
  | { readonly kind: 'Raise'; readonly above: number }
  | { readonly kind: 'Yield' };

const STAY: Verdict = { kind: 'Stay' };

/** Compares what is held with everything that is known; remembers in `entry.beaten` what was won against. */
export function contest(
  entry: Entry,
  held: Held,
  { segment, options, isLeaving }: ElectionView & { readonly isLeaving: boolean },
): Verdict {
  const uid = entry.wanted.shortUid;
  const mine = { ...held, node: options.me, isLeaving };
  let above: number | undefined;
  for (const [node, claim] of segment.claimsOf(uid)) {
    const peer = segment.peer(node);
    // What is known to be old is not compared: of a peer that only others hear, or that has just come back.
    if (peer?.state !== 'Live' || !peer.hasAllClaims) continue;
    const theirs = rankedOf(node, claim, peer);
    if (beats(uid, theirs, mine)) return { kind: 'Yield' };
    if (theirs.isLeaving || entry.beaten.get(node) === claim.epoch) continue;
    entry.beaten.set(node, claim.epoch);
    above = Math.max(above ?? 0, claim.epoch);
  }
  return above === undefined ? STAY : { kind: 'Raise', above };
}

const rankedOf = (node: NodeId, { epoch, ...claim }: PeerClaim, peer: KnownPeer): RankedClaim => ({
  node,
  epoch,
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
  { record, recordedAt, wanted }: Entry,
  { epoch }: Held,
  { now, segment, options, isLeaving }: ElectionView & { readonly isLeaving: boolean },
): Verdict {
  const { holder } = record;
  if (holder === undefined || holder === options.me || record.epoch < epoch) return STAY;
  const peer = segment.peer(holder);
  if (isLeaving || !isMutual(peer)) return { kind: 'Yield' };
  const until = after(recordedAt, options.recordTrust);
  const isExplained = !peer.hasAllClaims || segment.claimsOf(wanted.shortUid).has(holder);
  if (isExplained) return STAY;
  return hasPassed(until, now) ? { kind: 'Raise', above: record.epoch } : { kind: 'Stay', until };
}

/** It and this node hear each other. */
export const isMutual = (peer: KnownPeer | undefined): peer is KnownPeer =>
  peer?.state === 'Live' && peer.hearsMe;
