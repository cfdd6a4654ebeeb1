// Whether an address is somebody else's now, and whose turn it is when it is not: decisions of one node about one
// address, without effects. ELECTION.md sections 2 to 4 and 7.

import { type Duration, milliseconds, times } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import type { NodeId } from './claim-order.ts';
import type { KnownPeer, Segment } from './segment.ts';
import type { ElectionOptions, Entry } from './tenure.ts';

/** What one node sees of the others, where it would answer for an address. */
export interface ElectionView {
  readonly now: Instant;
  readonly options: ElectionOptions;
  readonly segment: Segment;
  /** Whose Leases live; undefined before the first report. */
  readonly leases: ReadonlySet<NodeId> | undefined;
}

/** `until`: when it has to be looked at again even if nothing changes. */
export interface Occupied {
  readonly by: NodeId;
  readonly until: Instant | undefined;
}

/** Who holds the address, as far as is known; undefined if nobody. */
export function occupantOf(entry: Entry, view: ElectionView): Occupied | undefined {
  const { segment, options } = view;
  const claimant = claimantOf(entry, view);
  if (claimant !== undefined) return { by: claimant, until: undefined };
  const { holder } = entry.record;
  if (holder === undefined || holder === options.me) return undefined;
  const peer = segment.peer(holder);
  const occupied = peer === undefined ? unheardHolder(holder, view) : recordedHolder(entry, peer, view);
  return occupied && { by: holder, ...occupied };
}

/** A peer that is heard claiming the address, and may keep it. */
export function claimantOf(
  { wanted }: Entry,
  { segment }: ElectionView,
  except?: NodeId,
): NodeId | undefined {
  for (const node of segment.claimsOf(wanted.shortUid).keys())
    if (node !== except && isHeldBy(segment.peer(node))) return node;
  return undefined;
}

/** Whether the claim of a peer keeps others from taking the address. */
const isHeldBy = (peer: KnownPeer | undefined): boolean =>
  peer !== undefined && peer.state !== 'Dead' && !isPassedOver(peer);

/** Its addresses are taken over although it goes on answering until then. */
export const isPassedOver = ({ isHung, isUnable, isDeaf }: KnownPeer): boolean =>
  isHung || isUnable || isDeaf;

type Until = Pick<Occupied, 'until'> | undefined;

/** By its Lease; where nothing is known of Leases, for a while. */
function unheardHolder(holder: NodeId, { now, leases, segment, options }: ElectionView): Until {
  if (leases !== undefined) return leases.has(holder) ? { until: undefined } : undefined;
  const until = after(segment.openedAt, options.startupGrace);
  return hasPassed(until, now) ? undefined : { until };
}

/** The record names a peer that is or was heard, and that is not heard claiming. */
function recordedHolder(entry: Entry, peer: KnownPeer, view: ElectionView): Until {
  const { now, options } = view;
  switch (peer.state) {
    case 'PathLost':
      return { until: undefined };
    case 'Dead':
      return hasRecordedSince(entry, peer, view) ? { until: undefined } : undefined;
    case 'Live': {
      if (isPassedOver(peer)) return undefined;
      // What it claims is on its way, or is being asked for.
      if (!peer.hasAllClaims) return { until: undefined };
      const until = after(entry.recordedAt, options.recordTrust);
      return hasPassed(until, now) ? undefined : { until };
    }
  }
}

/**
 * It lives where this node does not hear it: its claim came by way of the API after it fell silent, and so long after
 * that it would have been heard again if it could be.
 */
function hasRecordedSince(entry: Entry, peer: KnownPeer, view: ElectionView): boolean {
  const overdueSince = after(peer.since, milliseconds(-peer.detection / 2));
  return entry.recordedAt > overdueSince && isClaimedUnheard(entry, view);
}

/** The record is of a claim newer than all that were heard, by a node whose Lease lives as far as is known. */
export const isClaimedUnheard = ({ record, heard }: Entry, { leases }: ElectionView): boolean =>
  record.holder !== undefined && record.epoch > heard && leases?.has(record.holder) !== false;

/** Whether a candidate may be about to claim: the ones behind it wait for it. */
function isAble(node: NodeId, { segment, leases }: ElectionView): boolean {
  const peer = segment.peer(node);
  // Where nobody is heard, Leases are all that is known of the others.
  if (peer === undefined) return segment.isAlone && leases?.has(node) === true;
  if (peer.state === 'Dead') return false;
  return !isPassedOver(peer) && !peer.isLeaving;
}

/** How long this node has to wait for candidates before it; undefined if it is none. */
export function waitOf({ wanted, record }: Entry, view: ElectionView): Duration | undefined {
  const { me, claimStagger, recordStagger } = view.options;
  const rank = wanted.candidates.indexOf(me);
  if (rank < 0) return undefined;
  const before = wanted.candidates.slice(0, rank).filter((node) => isAble(node, view));
  // Nobody has ever held it, so it is the API that tells of it, and some are told later than others.
  if (record.holder === undefined) return times(recordStagger, before.length);
  // Who hears nobody takes what another one has held only if the API says so, and that decides between two.
  const isAsked = record.holder !== undefined && record.holder !== me;
  return times(view.segment.isAlone && !isAsked ? recordStagger : claimStagger, before.length);
}

/** To whom an address may be given, in order. */
export function successorsOf({ wanted }: Entry, { segment, options }: ElectionView): readonly NodeId[] {
  const isReady = (node: NodeId): boolean => {
    const peer = segment.peer(node);
    return peer?.state === 'Live' && !isPassedOver(peer) && !peer.isLeaving && peer.hearsMe;
  };
  return wanted.candidates.filter((node) => node !== options.me && isReady(node));
}
