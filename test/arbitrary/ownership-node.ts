// A node of the ownership world: its machine, and what is on its way to and from it.

import {
  type HeardClaim,
  Ownership,
  type OwnershipInput,
  type OwnershipOutput,
} from '../../src/election/ownership.ts';
import type { OwnershipRecord } from '../../src/election/record.ts';
import { milliseconds } from '../../src/time/duration.ts';

export interface StoredAddress {
  readonly uid: string;
  readonly candidates: readonly string[];
  readonly record: OwnershipRecord;
}
export type Store = ReadonlyMap<string, StoredAddress>;
export type Claim = Extract<OwnershipOutput, { readonly kind: 'claim' }>;

/** What the heartbeats of a node say. */
export interface Beat {
  readonly from: string;
  readonly isHung: boolean;
  readonly claims: readonly HeardClaim[];
}

export interface Node {
  readonly name: string;
  readonly machine: Ownership;
  readonly inbox: OwnershipInput[];
  /** What it was last told to want, or is about to be, by uid. */
  readonly told: Map<string, StoredAddress>;
  /** Written to the API but not yet answered. */
  readonly claims: Claim[];
  /** The epochs this node was told are recorded. */
  readonly recorded: Map<string, number>;
  readonly announced: Map<string, number>;
  /** Heartbeats that are on their way to it. */
  readonly air: Beat[];
  /** What it heard last of each peer. */
  readonly heard: Map<string, Beat>;
  /** Answers of the API that its main thread has not taken yet, because it hangs. */
  readonly answers: OwnershipInput[];
  isHung: boolean;
  isAble: boolean;
  /** How much of the history of the store its watch has shown. */
  watched: number;
  isLeaving: boolean;
  hasLeft: boolean;
}

const STAGGER = milliseconds(50);
const TRUST = milliseconds(300);
const CLAIM_TRUST = milliseconds(100);

/** A life of a node, which begins with what the watch shows at `watched`. */
export const nodeOf = (name: string, watched: number): Node => ({
  name,
  machine: new Ownership({
    node: name,
    claimStagger: STAGGER,
    recordTrust: TRUST,
    claimTrust: CLAIM_TRUST,
  }),
  inbox: [],
  told: new Map(),
  claims: [],
  recorded: new Map(),
  announced: new Map(),
  air: [],
  heard: new Map(),
  answers: [],
  isHung: false,
  isAble: true,
  watched,
  isLeaving: false,
  hasLeft: false,
});
