// When all candidates of an address are dead, any other node of the segment that could hold it may: a second later, one
// after the other in an order of their own for each address. ELECTION.md section 4.

import { type Duration, milliseconds, seconds, times } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import { type NodeId, tieBreak } from './claim-order.ts';
import { type ElectionView, isPassedOver, waitOf } from './occupancy.ts';
import type { Entry } from './tenure.ts';

/** How long after the death of the last candidate. */
const LAST_RESORT = seconds(1);

/** `until`: when it has to be looked at again even if nothing changes. */
export type Turn =
  /** This node's, after having waited. */
  | { readonly kind: 'Mine'; readonly wait: Duration }
  | { readonly kind: 'Others'; readonly until: Instant | undefined };

const OTHERS: Turn = { kind: 'Others', until: undefined };

/** Whether a vacant address is this node's to take, and when. */
export function turnOf(entry: Entry, view: ElectionView): Turn {
  const wait = waitOf(entry, view);
  return wait === undefined ? lastResort(entry, view) : { kind: 'Mine', wait };
}

/** For a node that is no candidate. */
function lastResort({ wanted }: Entry, view: ElectionView): Turn {
  if (!wanted.isLastResort || wanted.candidates.length === 0) return OTHERS;
  let until: Instant | undefined;
  for (const node of wanted.candidates) {
    const missing = missingOf(node, view);
    if (missing === undefined) return OTHERS;
    if (!hasPassed(missing, view.now)) until = missing;
  }
  if (until !== undefined) return { kind: 'Others', until };
  const { claimStagger, recordStagger } = view.options;
  const stagger = view.segment.isAlone ? recordStagger : claimStagger;
  const before = rankOf(wanted.shortUid, wanted.candidates, view);
  return { kind: 'Mine', wait: milliseconds(LAST_RESORT + times(stagger, before)) };
}

/**
 * From when on a candidate counts as dead; undefined if it may live. Heartbeats decide; of one that was never heard here,
 * and of all where nobody is heard, the Lease does: it may live on another segment, or beyond what is cut.
 */
function missingOf(node: NodeId, { segment, leases, options }: ElectionView): Instant | undefined {
  const peer = segment.peer(node);
  if (peer !== undefined && peer.state !== 'Dead' && !peer.isDeaf) return undefined;
  const isHeard = peer !== undefined && !segment.isAlone;
  if (isHeard) return peer.since;
  if (leases !== undefined) return leases.has(node) ? undefined : segment.openedAt;
  return segment.isAlone ? undefined : after(segment.openedAt, options.startupGrace);
}

/** How many of the others that may be a last resort too come first. Where nobody is heard, Leases tell of them. */
function rankOf(
  uid: bigint,
  candidates: readonly NodeId[],
  { segment, leases, options }: ElectionView,
): number {
  const mine = tieBreak(uid, options.me);
  const others = segment.isAlone ? (leases ?? []) : segment.liveNodes();
  let rank = 0;
  for (const node of others) {
    const peer = segment.peer(node);
    const isAway = peer?.state === 'Live' && (isPassedOver(peer) || peer.isLeaving);
    if (node === options.me || isAway || candidates.includes(node)) continue;
    if (tieBreak(uid, node) < mine) rank++;
  }
  return rank;
}
