// What goes into the election of a node and what comes out of it. ELECTION.md sections 2 to 9.

import type { Offer, PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import type { NodeId } from './claim-order.ts';
import type { WithdrawReason } from './record.ts';
import type { Revocation } from './revocations.ts';
import type { PeerView } from './segment.ts';
import type { Probe, WantedElection } from './tenure.ts';

export type ElectionInput =
  /** What has changed of the wanted state, or all of it; what is held and not in it any more is withdrawn. */
  | {
      readonly kind: 'want';
      readonly isWhole: boolean;
      readonly addresses: readonly WantedElection[];
      readonly dropped: readonly string[];
    }
  /** Heartbeats begin or end on a link. */
  | { readonly kind: 'segment'; readonly segment: number; readonly isOpen: boolean }
  /** What was heard, or not heard any more, in one instant. */
  | { readonly kind: 'heard'; readonly segment: number; readonly news: readonly News[] }
  /** This node was stopped for a while. */
  | { readonly kind: 'gap' }
  /** Whose Leases live, whole. */
  | { readonly kind: 'leases'; readonly alive: readonly NodeId[] }
  | { readonly kind: 'recorded'; readonly uid: string; readonly epoch: number }
  | { readonly kind: 'refused'; readonly uid: string; readonly epoch: number }
  /**
   * Whether this node may take addresses; and whether its main thread hangs, or it is of no use to clients, so that it
   * gives up what it holds if it can.
   */
  | { readonly kind: 'self'; readonly isAble: boolean; readonly isHung: boolean; readonly isUnable: boolean }
  /** The API has shown that these VirtualIPs, as heartbeats name them, are deleted. */
  | { readonly kind: 'deleted'; readonly uids: readonly bigint[] }
  /** Whether the API lists an address that a peer calls deleted: the answer to `revoked`; false where it can not be asked. */
  | { readonly kind: 'judged'; readonly uid: string; readonly isListed: boolean }
  /** What the wire said about an address for which `probe` asked. */
  | { readonly kind: 'probed'; readonly uid: string; readonly address: Probe; readonly gateway: Probe }
  /** Claim nothing more; keep each held address until somebody else has claimed it. */
  | { readonly kind: 'leave' };

/** The membership machine of a segment says it. */
export type News =
  /** A peer as it is now; undefined when nothing is known of it any more. */
  | { readonly kind: 'peer'; readonly nodeId: NodeId; readonly peer: PeerView | undefined }
  /** What a peer claims has changed. */
  | {
      readonly kind: 'claims';
      readonly nodeId: NodeId;
      readonly changed: readonly PeerClaim[];
      readonly gone: readonly bigint[];
    }
  /** A peer wants this node to take addresses from it. */
  | { readonly kind: 'offered'; readonly nodeId: NodeId; readonly offers: readonly Offer[] }
  /** A peer knows that VirtualIPs are deleted which somebody claims. */
  | { readonly kind: 'revoked'; readonly nodeId: NodeId; readonly uids: readonly bigint[] };

export type ElectionOutput =
  /** Answer for it from now on, and say so on the wire. */
  | { readonly kind: 'announce'; readonly uid: string; readonly epoch: number }
  /** Record this node as holder at `epoch`, if the record's epoch still is `previous`. */
  | { readonly kind: 'claim'; readonly uid: string; readonly epoch: number; readonly previous: number }
  /** Ask on the wire whether anybody answers for the address, and whether the gateway does. */
  | { readonly kind: 'probe'; readonly uid: string }
  /** Tell a peer to take it. */
  | {
      readonly kind: 'offer';
      readonly segment: number;
      readonly uid: bigint;
      readonly epoch: number;
      readonly to: NodeId;
    }
  /** Tell the peers of a segment that these are deleted, until it is said anew; empty: no more. */
  | ({ readonly kind: 'revoke' } & Revocation)
  /** A peer calls it deleted: ask the API, and say so by `judged`. */
  | { readonly kind: 'revoked'; readonly uid: string }
  /** Neither answered nor to be recorded any more. */
  | { readonly kind: 'withdraw'; readonly uid: string; readonly reason: WithdrawReason }
  /** Once, after `leave`: nothing is held any more. */
  | { readonly kind: 'left' };

/** What is answered, as the peers are told of it. */
export interface HeldElection {
  readonly uid: string;
  readonly epoch: number;
  readonly isRecorded: boolean;
  readonly isAlone: boolean;
  /** Not answered until it is clear that nobody else does. */
  readonly isDoubtful: boolean;
  /** Given up as soon as another node claims it. */
  readonly isLeaving: boolean;
}
