// Which of two claims for one VirtualIP stays: the same answer at both claimants, from what each says of itself.
// ELECTION.md section 5.

import { Writer } from '../bytes/writer.ts';
import { fnv1a64 } from '../protocol/heartbeat/peer-claim.ts';

/** A node as heartbeats name it: the first 8 bytes of SHA-256 of its name. */
export type NodeId = bigint;

/** What orders claims for one address. A claim for a VirtualIP that was deleted is revoked, not compared. */
export interface RankedClaim {
  readonly node: NodeId;
  readonly epoch: number;
  /** Of a node that was stopped: it answers again only if nobody else has claimed meanwhile. */
  readonly isDoubtful: boolean;
  /** Of a node that leaves or hangs: it goes on only until somebody else has claimed. */
  readonly isLeaving: boolean;
  /** Made or held while its node heard no peer, or while none heard the node. */
  readonly isAlone: boolean;
  /** The API's record names the claimant, as far as it knows. */
  readonly isRecorded: boolean;
}

/** Whether `a` stays and `b` goes. Of two different claims of two nodes exactly one beats the other. */
export function beats(uid: bigint, a: RankedClaim, b: RankedClaim): boolean {
  if (a.isDoubtful !== b.isDoubtful) return b.isDoubtful;
  if (a.isLeaving !== b.isLeaving) return b.isLeaving;
  if (a.isAlone !== b.isAlone) return b.isAlone;
  if (a.isRecorded !== b.isRecorded) return a.isRecorded;
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  const [ours, theirs] = [tieBreak(uid, a.node), tieBreak(uid, b.node)];
  return ours === theirs ? a.node < b.node : ours < theirs;
}

/** Another order for each address, so that no node wins all ties. */
export function tieBreak(uid: bigint, node: NodeId): bigint {
  const bytes = new Uint8Array(16);
  const writer = new Writer(bytes, 'big');
  writer.u64(uid);
  writer.u64(node);
  return fnv1a64(bytes);
}
