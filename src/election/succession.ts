// Who takes an address over, and in what order: the decision of one node about one address, without time or state.
// ELECTION.md section 4, with the API record as the only knowledge of claims.

import type { OwnershipRecord } from './record.ts';

/** What one node knows about one address. */
export interface SuccessionView {
  readonly me: string;
  /** Node names in election order. */
  readonly candidates: readonly string[];
  readonly record: OwnershipRecord;
  /** Nodes that are alive; undefined before the first report, when nobody can be called dead. */
  readonly alive: ReadonlySet<string> | undefined;
}

/**
 * My rank among those who should claim the address now: 0 claims at once, the next one a stagger later.
 * Undefined when it is not mine to claim. I count as alive whatever the report says.
 */
export function rankToClaim(view: SuccessionView): number | undefined {
  const { me, candidates, record, alive } = view;
  // Before the first report nobody is known to be dead, so only a resumption needs no knowledge of the others.
  if (alive === undefined) return record.holder === me && candidates.includes(me) ? 0 : undefined;
  const isAlive = (node: string): boolean => node === me || alive.has(node);
  const living = candidates.filter(isAlive);
  const isLeftToMe = living.length === 0 || living.includes(me);
  if (record.holder === me) return isLeftToMe ? 0 : undefined;
  // A living holder loses the address only when it is no candidate itself, and only to a living candidate.
  const isHeldWell =
    record.holder !== undefined && isAlive(record.holder) && candidates.includes(record.holder);
  if (isHeldWell) return undefined;
  const rank = living.indexOf(me);
  return rank < 0 ? undefined : rank;
}
