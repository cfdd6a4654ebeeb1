// What one node knows and does about one VirtualIP: the data of the election, with its options.

import type { Duration } from '../time/duration.ts';
import type { Instant } from '../time/instant.ts';
import type { NodeId } from './claim-order.ts';

export interface ElectionOptions {
  readonly me: NodeId;
  /** How much later each further candidate claims, so that the claim of the one before it can be heard. */
  readonly claimStagger: Duration;
  /** The same where nobody is heard, and claims are seen in the API's records only. */
  readonly recordStagger: Duration;
  /** How long is listened on a segment before anything is answered there. */
  readonly listening: Duration;
  /** How long a holder that was never heard is waited for where nothing is known of its Lease. */
  readonly startupGrace: Duration;
  /** How long a node that hears nobody waits for the API, before the silence of the address is enough. */
  readonly aloneWait: Duration;
  /** How long an offer waits for the claim of the one it went to. */
  readonly offerPatience: Duration;
  /** How long who has just recorded a claim counts as its holder without having been heard claiming. */
  readonly recordTrust: Duration;
  /** How long an address that a peer calls deleted is answered while the API is asked. */
  readonly revokePatience: Duration;
  /** How long the API's word that it lists an address stands against a peer that calls it deleted. */
  readonly refutalTrust: Duration;
  /** How long a lost claim keeps a node from claiming again. */
  readonly retryPause: Duration;
}

/** Of the API: who holds the address, by the name that heartbeats give to the node. */
export interface KnownRecord {
  readonly holder: NodeId | undefined;
  readonly epoch: number;
}

/** One address that concerns this node. */
export interface WantedElection {
  readonly uid: string;
  /** As heartbeats carry it. */
  readonly shortUid: bigint;
  /** Of the VirtualIP, in seconds since 1970. */
  readonly createdAt: number;
  /** Nodes in election order. */
  readonly candidates: readonly NodeId[];
  readonly record: KnownRecord;
  /** The segment where this node would answer for it; undefined while no link fits. */
  readonly segment: number | undefined;
  /** This node, which is no candidate, may hold it when all candidates are dead. */
  readonly isLastResort: boolean;
  /** Where somebody wants it to be. */
  readonly moveTo: NodeId | undefined;
}

/** What a wire probe has heard: `Pending` until its time is over. */
export type Probe = 'Pending' | 'Silent' | 'Answered';

export type Tenure =
  /** Somebody else holds it, or it is not for this node to take. */
  | { readonly state: 'Watching' }
  /** Vacant since `since`. */
  | { readonly state: 'Waiting'; readonly since: Instant }
  /** Heard nobody: the wire is asked. */
  | {
      readonly state: 'Probing';
      /** When it was asked last. */
      readonly probedAt: Instant;
      readonly address: Probe;
      readonly gateway: Probe;
    }
  /** Heard nobody, and nobody answers for the address: the API is asked. */
  | { readonly state: 'Asking'; readonly since: Instant; readonly epoch: number }
  /** Answered. */
  | {
      readonly state: 'Held';
      readonly epoch: number;
      /** The API's record names this node. */
      readonly isRecorded: boolean;
      readonly isAlone: boolean;
      /** This node was stopped: it goes on only if nobody has taken the address meanwhile. */
      readonly isDoubtful: boolean;
    }
  /** The API has refused a claim: it knows another record than this node does. */
  | { readonly state: 'Refused'; readonly since: Instant };

/** An address that this node wants to give to another one. */
export interface Offer {
  readonly to: NodeId;
  readonly at: Instant;
}

/** What became of a peer's word that the VirtualIP is deleted. */
export type RevocationState =
  /** The API is asked. */
  | { readonly state: 'Asked'; readonly since: Instant }
  /** The API lists it. */
  | { readonly state: 'Refuted'; readonly since: Instant }
  /** Not to be taken again by this entry. */
  | { readonly state: 'Revoked' };

export interface Entry {
  wanted: WantedElection;
  tenure: Tenure;
  /** The last record that was believed, and since when. */
  record: KnownRecord;
  recordedAt: Instant;
  /** The record that the last claim supposed. */
  claimedFrom: KnownRecord;
  /** When the API refused the last claim; what it knows instead may be still on its way. */
  refusedAt: Instant | undefined;
  /** The highest epoch seen or claimed: the next claim is above it. */
  highest: number;
  /** The highest epoch that a peer was heard claiming. */
  heard: number;
  /** Undefined while nobody has called it deleted. */
  revocation: RevocationState | undefined;
  /** The candidates among whom this node was not when it took the address as their last resort. */
  resortOf: readonly NodeId[] | undefined;
  offer: Offer | undefined;
  /** The node that has just offered it to this one. */
  offeredBy: NodeId | undefined;
  /** When it has to be looked at again even if nothing happens. */
  due: Instant | undefined;
  /** Claims that this one has won against, by node, with their epochs; an empty map would take more than the rest here. */
  beaten: Map<NodeId, number> | undefined;
}

export const WATCHING: Tenure = { state: 'Watching' };

export type Probing = Extract<Tenure, { readonly state: 'Probing' }>;

export type Asking = Extract<Tenure, { readonly state: 'Asking' }>;

export type Held = Extract<Tenure, { readonly state: 'Held' }>;

export const isHeld = (tenure: Tenure): tenure is Held => tenure.state === 'Held';

export const isSameRecord = (a: KnownRecord, b: KnownRecord): boolean =>
  a.epoch === b.epoch && a.holder === b.holder;
