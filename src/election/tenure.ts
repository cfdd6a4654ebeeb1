// What one node has to do with one address: whether it watches, waits, claims or holds, decided from the record, the
// claims that were heard and what is known of the nodes. ELECTION.md sections 4 and 8. Knows nothing of other addresses.

import { type Duration, times } from '../time/duration.ts';
import { after, earlier, hasPassed, type Instant } from '../time/instant.ts';
import type { OwnershipRecord, WithdrawReason } from './record.ts';
import { rankToClaim } from './succession.ts';

export interface TenureOptions {
  /** The name of this node. */
  readonly node: string;
  /** How much later each further candidate claims, so that the first one's claim can be seen. */
  readonly claimStagger: Duration;
  /** How long who has just recorded a claim counts as alive at most: the duration of a node's Lease. */
  readonly recordTrust: Duration;
  /** How long a claim that was heard counts without being heard again. */
  readonly claimTrust: Duration;
}

/** What concerns all addresses of a node alike. */
export interface Situation {
  readonly options: TenureOptions;
  /** Undefined before the first report. */
  readonly alive: ReadonlySet<string> | undefined;
  readonly hung: ReadonlySet<string>;
  /** Who lives and does not hang. */
  readonly able: ReadonlySet<string> | undefined;
  /** This node may take addresses now. */
  readonly isAble: boolean;
  /** This node claims nothing more. */
  readonly isLeaving: boolean;
}

/** What another node that lives was heard claiming. */
export interface HeardClaim {
  readonly uid: string;
  readonly epoch: number;
  /** The API has it. */
  readonly isRecorded: boolean;
  /** The claimant's main thread hangs. */
  readonly isByHung: boolean;
  /** Of two unrecorded claims of one epoch it is the claimant's that stays; the claimant thinks so too. */
  readonly winsTies: boolean;
}

/** One address that concerns this node. */
export interface WantedOwnership {
  readonly uid: string;
  readonly name: string;
  /** Node names in election order. */
  readonly candidates: readonly string[];
  readonly record: OwnershipRecord;
}

export type TenureOutput =
  | { readonly kind: 'announce'; readonly uid: string; readonly epoch: number }
  /** Record this node as holder at `epoch`, if the record's epoch still is `previous`. */
  | { readonly kind: 'claim'; readonly uid: string; readonly epoch: number; readonly previous: number }
  | { readonly kind: 'withdraw'; readonly uid: string; readonly reason: WithdrawReason };

export interface HeldOwnership {
  readonly uid: string;
  readonly epoch: number;
  /** The API has the claim. */
  readonly isRecorded: boolean;
}

type State =
  /** Somebody else holds it, or it is not ours to take. */
  | { readonly state: 'Watching' }
  /** Vacant since `since` under the record `vacancy`; ours to claim at `claimAt`. */
  | {
      readonly state: 'Waiting';
      readonly vacancy: OwnershipRecord;
      readonly since: Instant;
      readonly claimAt: Instant;
    }
  /** Answered; the record does not show it yet. */
  | { readonly state: 'Claiming'; readonly epoch: number; readonly from: OwnershipRecord }
  /** Answered, and recorded. */
  | { readonly state: 'Holding'; readonly epoch: number }
  /** The claim from the record `from` was lost; nothing is claimed until another record is seen. */
  | { readonly state: 'Refused'; readonly from: OwnershipRecord }
  /**
   * Left to a claim of `epoch` that was heard, and is the other's to record. If it is not heard any more by `until`, and
   * there is no other record, it came to nothing.
   */
  | { readonly state: 'Yielded'; readonly epoch: number; readonly until: Instant };

const WATCHING: State = { state: 'Watching' };

const NOTHING: readonly TenureOutput[] = [];

const isSameRecord = (a: OwnershipRecord, b: OwnershipRecord): boolean =>
  a.epoch === b.epoch && a.holder === b.holder;

const isHeld = (state: State): state is Extract<State, { readonly state: 'Claiming' | 'Holding' }> =>
  state.state === 'Claiming' || state.state === 'Holding';

/** After each input that may change what is to be done, but for `recorded`, a `review` has to follow. */
export class Tenure {
  #wanted: WantedOwnership;
  /** The last record that was believed. */
  #record: OwnershipRecord;
  #highest: number;
  #state: State = WATCHING;
  /** Until when the holder of `record` counts as alive, because the record is newer than what is known of the nodes. */
  #trustedUntil: Instant | undefined;
  #deadline: Instant | undefined;

  /** `highest`: of the epochs that were seen or claimed for it in former times. */
  constructor(wanted: WantedOwnership, highest: number) {
    this.#wanted = wanted;
    this.#record = wanted.record;
    this.#highest = Math.max(wanted.record.epoch, highest);
  }

  /** The highest epoch seen or claimed: the next claim is above it. */
  get highest(): number {
    return this.#highest;
  }

  /** When the next review is due if nothing else happens, as the last one found. */
  get deadline(): Instant | undefined {
    return this.#deadline;
  }

  /** Undefined unless it is answered now, recorded or not. */
  held(): HeldOwnership | undefined {
    const state = this.#state;
    if (!isHeld(state)) return undefined;
    return { uid: this.#wanted.uid, epoch: state.epoch, isRecorded: state.state === 'Holding' };
  }

  want(now: Instant, wanted: WantedOwnership, situation: Situation): readonly TenureOutput[] {
    this.#wanted = wanted;
    return this.#believe(now, situation);
  }

  /** Not wanted any more. */
  release(): readonly TenureOutput[] {
    return this.#withdraw('Released', WATCHING);
  }

  /** What is known of the nodes is newer than the record. */
  distrust(): void {
    this.#trustedUntil = undefined;
  }

  /** The record of a claim that was yielded to may be waiting to be read, so its time starts anew. */
  wait(now: Instant, { options }: Situation): void {
    if (this.#state.state === 'Yielded')
      this.#state = { ...this.#state, until: after(now, options.claimTrust) };
  }

  /** Takes the wanted record, the API's, as the truth, unless it is older than what this node knows. */
  #believe(now: Instant, { options }: Situation): readonly TenureOutput[] {
    const state = this.#state;
    const { record } = this.#wanted;
    if (state.state === 'Refused') {
      if (isSameRecord(record, state.from)) return NOTHING;
      // Even an older epoch than the refused one is news here: the API just said that our knowledge was wrong
      // (a cluster restored from a backup goes back).
      this.#state = WATCHING;
    } else if (record.epoch < (isHeld(state) ? state.epoch : this.#record.epoch)) return NOTHING;
    else if (state.state === 'Yielded' && !isSameRecord(record, this.#record)) this.#state = WATCHING;
    // Who has just claimed lives, also if it was dead when we last heard of the nodes: each watch has its own delay.
    if (!isSameRecord(record, this.#record)) this.#trustedUntil = after(now, options.recordTrust);
    this.#record = record;
    this.#highest = Math.max(this.#highest, record.epoch);
    if (!isHeld(state)) return NOTHING;
    const isMine = record.epoch === state.epoch && record.holder === options.node;
    if (!isMine) return this.#withdraw('TakenOver', WATCHING);
    this.#state = { state: 'Holding', epoch: state.epoch };
    return NOTHING;
  }

  hear(now: Instant, claim: HeardClaim, situation: Situation): readonly TenureOutput[] {
    const { epoch } = claim;
    this.#highest = Math.max(this.#highest, epoch);
    if (!this.#isLeftTo(claim, situation)) return NOTHING;
    const until = after(now, situation.options.claimTrust);
    const outputs = this.#withdraw('TakenOver', { state: 'Yielded', epoch, until });
    // A record that is not from this claim may have come before it, when it looked stale beside the own claim.
    return [...outputs, ...this.#believe(now, situation)];
  }

  /**
   * A holder that hears from the API leaves it to the API who wins. One that hangs has nothing but the claim, and the
   * same goes for a while after: the record may be waiting to be read. Who does not hold it lets the claimant go on,
   * unless that one hangs.
   */
  #isLeftTo({ epoch, ...claim }: HeardClaim, { isAble }: Situation): boolean {
    const state = this.#state;
    switch (state.state) {
      case 'Holding':
        return !isAble && epoch > state.epoch;
      case 'Claiming': {
        const isTie = epoch === state.epoch;
        // What was recorded since makes the API refuse this node's claim, whatever the epochs are.
        const isLost = claim.isRecorded && epoch > state.from.epoch;
        return !isAble && (epoch > state.epoch || isLost || (isTie && claim.winsTies));
      }
      case 'Yielded':
        return epoch >= state.epoch && !claim.isByHung;
      case 'Refused':
        return false;
      default:
        return epoch > this.#record.epoch && !claim.isByHung;
    }
  }

  recorded(epoch: number, { options }: Situation): void {
    if (this.#state.state !== 'Claiming' || this.#state.epoch !== epoch) return;
    this.#state = { state: 'Holding', epoch };
    this.#record = { holder: options.node, epoch };
  }

  refused(now: Instant, epoch: number, situation: Situation): readonly TenureOutput[] {
    const state = this.#state;
    // Only a claim in flight can be lost: when the record already shows it, the refused write was a repetition.
    if (state.state !== 'Claiming' || state.epoch !== epoch) return NOTHING;
    const outputs = this.#withdraw('LostElection', { state: 'Refused', from: state.from });
    // The record that won may have come before the refusal, when it still looked stale.
    return [...outputs, ...this.#believe(now, situation)];
  }

  #withdraw(reason: WithdrawReason, next: State): readonly TenureOutput[] {
    const wasHeld = isHeld(this.#state);
    this.#state = next;
    return wasHeld ? [{ kind: 'withdraw', uid: this.#wanted.uid, reason }] : NOTHING;
  }

  /** Claims what is vacant when it is this node's turn, and finds out when to look again. */
  review(now: Instant, situation: Situation): readonly TenureOutput[] {
    const state = this.#state;
    this.#deadline = undefined;
    if (isHeld(state) || state.state === 'Refused') return NOTHING;
    if (state.state === 'Yielded' && !(situation.isAble && hasPassed(state.until, now))) {
      if (situation.isAble) this.#deadline = state.until;
      return NOTHING;
    }
    const next = this.#vacancy(now, situation);
    this.#state = next;
    if (next.state === 'Waiting' && hasPassed(next.claimAt, now)) return this.#claim();
    if (this.#isTrusted(now, situation)) this.#deadline = this.#trustedUntil;
    if (next.state === 'Waiting') this.#deadline = earlier(this.#deadline, next.claimAt);
    return NOTHING;
  }

  /** Whether the holder counts as alive by its record alone. */
  #isTrusted(now: Instant, { alive, hung }: Situation): boolean {
    const { holder } = this.#record;
    const until = this.#trustedUntil;
    if (holder === undefined || until === undefined || hasPassed(until, now)) return false;
    return alive?.has(holder) === false && !hung.has(holder);
  }

  #vacancy(now: Instant, situation: Situation): State {
    if (situation.isLeaving || !situation.isAble) return WATCHING;
    const { options, able } = situation;
    const record = this.#record;
    const { holder } = record;
    const isAdded = holder !== undefined && this.#isTrusted(now, situation);
    const alive = isAdded ? new Set([...(able ?? []), holder]) : able;
    const rank = rankToClaim({ me: options.node, candidates: this.#wanted.candidates, record, alive });
    if (rank === undefined) return WATCHING;
    const state = this.#state;
    // The wait counts from when the address became vacant, also when the ranks change meanwhile.
    const isSameVacancy = state.state === 'Waiting' && isSameRecord(state.vacancy, record);
    const since = isSameVacancy ? state.since : now;
    const claimAt = after(since, times(options.claimStagger, rank));
    return { state: 'Waiting', vacancy: record, since, claimAt };
  }

  #claim(): readonly TenureOutput[] {
    const { uid } = this.#wanted;
    const from = this.#record;
    const epoch = this.#highest + 1;
    this.#highest = epoch;
    this.#state = { state: 'Claiming', epoch, from };
    return [
      { kind: 'announce', uid, epoch },
      { kind: 'claim', uid, epoch, previous: from.epoch },
    ];
  }
}
