// A held address against the claims of others and the API's record: which of them makes this node let go, and which
// it wins against. ELECTION.md section 5.

import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { beats, type NodeId, type RankedClaim } from './claim-order.ts';
import { type ElectionView, isPassedOver } from './occupancy.ts';
import type { KnownPeer } from './segment.ts';
import type { Entry, Held } from './tenure.ts';

/** `Raise`: this node stays, and says so with a higher epoch, because others have heard the other one announce. */
export type Verdict =
  | { readonly kind: 'Stay' }
  | { readonly kind: 'Raise'; readonly above: number }
  | { readonly kind: 'Yield' };

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
    if (peer === undefined || peer.state === 'Dead') continue;
    const theirs = rankedOf(node, claim, peer);
    if (beats(uid, theirs, mine)) return { kind: 'Yield' };
    if (theirs.isLeaving || entry.beaten.get(node) === claim.epoch) continue;
    entry.beaten.set(node, claim.epoch);
    above = Math.max(above ?? 0, claim.epoch);
  }
  return above === undefined ? { kind: 'Stay' } : { kind: 'Raise', above };
}

const rankedOf = (node: NodeId, { epoch, ...claim }: PeerClaim, peer: KnownPeer): RankedClaim => ({
  node,
  epoch,
  isLeaving: claim.state === 'Leaving' || peer.isLeaving || isPassedOver(peer),
  isAlone: claim.isAlone || peer.isDeaf,
  isRecorded: claim.isRecorded,
});

/** The API has arbitrated: another node's claim is newer than what is held here, or as new and the one that was written. */
export const isLostByRecord = ({ record }: Entry, { epoch }: Held, me: NodeId): boolean =>
  record.holder !== undefined && record.holder !== me && record.epoch >= epoch;
