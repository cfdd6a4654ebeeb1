// The rules of ELECTION.md as a run sees them take effect: by name of what is counted. A run in which one of them never
// did has tested less than it says.

import type { HeartbeatBody } from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import { FAULT_KINDS } from './schedule-faults.ts';
import { type Counts, count } from './surroundings.ts';

/** What one frame says, beside who is heard. */
export function countRules(
  counts: Counts,
  { claims, offers, revoked, isClaimsRequest }: HeartbeatBody,
): void {
  if (offers.length > 0) count(counts, 'rule: offer');
  if (revoked.length > 0) count(counts, 'rule: claim revoked');
  if (isClaimsRequest) count(counts, 'rule: claims asked for');
  if (claims === undefined) return;
  if (claims.pages > 0) count(counts, 'rule: claims told in pages');
  for (const { isAlone, state } of claims.claims) {
    if (isAlone) count(counts, 'rule: claim told as alone');
    if (state !== 'Held') count(counts, `rule: claim told as ${state}`);
  }
}

/** By section of ELECTION.md. */
const RULES: readonly string[] = [
  // 1: heartbeats
  ...['rule: more patience asked', 'rule: claims asked for', 'rule: claims told in pages'],
  ...['drop: replayed', 'drop: unproven-session'],
  // 2: who is dead
  ...['rule: gap', 'rule: claim told as Taking', 'rule: path lost, nothing moved', 'move: deaf'],
  // 3, 9: able
  ...['move: hang', 'rule: all hang, nothing moved'],
  // 4: take-over
  ...['rule: taken by the first candidate', 'rule: taken by a later candidate'],
  'rule: taken by the last resort',
  ...['rule: claim recorded', 'rule: claim refused', 'rule: written on top of the own record'],
  // 5: two claims
  ...['double', 'rule: raised or resumed', 'rule: withdraw TakenOver', 'rule: withdraw LostElection'],
  // 6: alone
  ...['rule: claim told as alone', 'rule: probe, address Silent, gateway Answered'],
  ...['rule: probe, address Silent, gateway Silent', 'rule: probe, address Answered, gateway Answered'],
  // 7: start
  ...['rule: first holder', 'rule: resumed after a restart', 'move: cold-start'],
  // 8: leaving
  ...['rule: offer', 'rule: claim told as Leaving', 'rule: left', 'move: leave', 'move: move'],
  // 10: the record
  ...['rule: withdraw Released', 'rule: claim revoked', 'rule: withdraw Revoked'],
];

/** What should have been counted and was not, of faults and rules. */
export function missing(counts: Counts): readonly string[] {
  const wanted = [...FAULT_KINDS.map((kind) => `fault: ${kind}`), ...RULES];
  return wanted.filter((what) => (counts.get(what) ?? 0) === 0);
}
