// What goes into the membership machine of one segment and what comes out of it. ELECTION.md sections 1 and 2.

import type { HeartbeatBody, HeartbeatFrame, Offer } from '../protocol/heartbeat/heartbeat-frame.ts';
import type { Duration } from '../time/duration.ts';
import type { Recipient } from './audience.ts';
import type { NodeId } from './claim-order.ts';
import type { MirrorChange } from './claims-mirror.ts';
import type { ClaimsChange } from './claims-offer.ts';
import type { Verdict } from './peer-sessions.ts';
import type { PeerView } from './segment.ts';

export interface MembershipOptions {
  readonly nodeId: NodeId;
  /** Random, new at each start of the agent; machines of one session may follow each other and run side by side. */
  readonly session: bigint;
  readonly interval: Duration;
  /** After so many intervals of silence this node is dead for the others. */
  readonly multiplier: number;
}

export type MembershipInput =
  /** A heartbeat that passed all checks of its codec. */
  | { readonly kind: 'frame'; readonly frame: HeartbeatFrame }
  /** What became of some of this node's claims; a new one is told to the others at once. */
  | ({ readonly kind: 'claims' } & ClaimsChange)
  /** Addresses that others shall take from this node. */
  | { readonly kind: 'offers'; readonly offers: readonly Offer[] }
  /** Deleted VirtualIPs that peers claim: told in each heartbeat, until this is said anew. */
  | { readonly kind: 'revoke'; readonly uids: readonly bigint[] }
  /** Something in the header changed that the others should know at once, such as HUNG. */
  | { readonly kind: 'urgent' }
  /** This node was stopped for a while: nobody's silence of that time means anything. */
  | { readonly kind: 'gap' };

/** Why a frame of a member changed nothing; the names are those of OBJECTS.md. */
export type MembershipDrop = 'unknown-sender' | Exclude<Verdict, 'begins' | 'counts' | 'late'>;

export type MembershipOutput =
  | {
      readonly kind: 'transmit';
      readonly sequence: bigint;
      readonly multiplier: number;
      readonly claimsDigest: bigint;
      readonly body: HeartbeatBody;
      /** One peer by its node id and session, or everybody. */
      readonly to: Recipient | undefined;
    }
  /** A peer that has proven that it lives is another than before; undefined: nothing at all is known of it any more. */
  | { readonly kind: 'peer'; readonly nodeId: NodeId; readonly peer: PeerView | undefined }
  /** A peer claims something else than before. */
  | ({ readonly kind: 'claims'; readonly nodeId: NodeId } & MirrorChange)
  /** A peer wants this node to take addresses from it. */
  | { readonly kind: 'offered'; readonly nodeId: NodeId; readonly offers: readonly Offer[] }
  /** A peer knows that VirtualIPs are deleted which somebody claims. */
  | { readonly kind: 'revoked'; readonly nodeId: NodeId; readonly uids: readonly bigint[] }
  | { readonly kind: 'drop'; readonly reason: MembershipDrop };
