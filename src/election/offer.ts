// To whom a held address is offered that should be elsewhere: because this node leaves, because it is no candidate any
// more, or because somebody has asked for it. ELECTION.md section 8.

import { after, hasPassed } from '../time/instant.ts';
import type { NodeId } from './claim-order.ts';
import { type ElectionView, successorsOf } from './occupancy.ts';
import type { Entry, Offer } from './tenure.ts';

/**
 * The offer that should be out now; one made at `view.now` is new. Who has not taken it in time is followed by the next
 * one, and the last by the first. Undefined when the address may stay, or nobody can take it.
 */
export function nextOffer(entry: Entry, view: ElectionView, isLeaving: boolean): Offer | undefined {
  const targets = targetsOf(entry, view, isLeaving);
  const { offer } = entry;
  const isOpen = offer !== undefined && targets.includes(offer.to);
  if (isOpen && !hasPassed(after(offer.at, view.options.offerPatience), view.now)) return offer;
  const next = offer === undefined ? 0 : targets.indexOf(offer.to) + 1;
  const to = targets[next % targets.length];
  return to === undefined ? undefined : { to, at: view.now };
}

function targetsOf(entry: Entry, view: ElectionView, isLeaving: boolean): readonly NodeId[] {
  const { me } = view.options;
  const { candidates, moveTo } = entry.wanted;
  const successors = successorsOf(entry, view);
  const isMovedAway = candidates.length > 0 && !candidates.includes(me) && !isResort(entry);
  if (isLeaving || isMovedAway) return successors;
  return moveTo === undefined || moveTo === me ? [] : successors.filter((node) => node === moveTo);
}

/** It took the address when the same candidates were dead: one that is back is no reason to move it. */
const isResort = ({ resortOf, wanted: { candidates } }: Entry): boolean =>
  resortOf !== undefined &&
  resortOf.length === candidates.length &&
  resortOf.every((node, i) => node === candidates[i]);
