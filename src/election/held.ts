// What a node holds, as its main thread and its peers are told of it.

import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import type { HeldElection } from './election-messages.ts';
import { type Entry, isHeld } from './tenure.ts';

/** Undefined for an address that is not answered. */
export function heldOf({ wanted: { uid }, tenure, offer }: Entry): HeldElection | undefined {
  if (!isHeld(tenure)) return undefined;
  const { epoch, isRecorded, isAlone } = tenure;
  return { uid, epoch, isRecorded, isAlone, isLeaving: offer !== undefined };
}

export function claimOf(entry: Entry): PeerClaim | undefined {
  const held = heldOf(entry);
  if (held === undefined) return undefined;
  const { shortUid, createdAt } = entry.wanted;
  const { epoch, isRecorded, isAlone, isLeaving } = held;
  return { uid: shortUid, createdAt, epoch, isRecorded, isAlone, state: isLeaving ? 'Leaving' : 'Held' };
}
