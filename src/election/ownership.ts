// Which addresses this node holds: a pure machine over all VirtualIPs that concern it. Liveness and the API's record
// come in as inputs; announcing, claiming and withdrawing go out. ELECTION.md sections 4 and 8.
//
// A claim is answered at once and recorded in parallel: the API arbitrates, a refusal takes the address back.

import type { Machine, Timeout } from '../protocol/machine.ts';
import { type Duration, times } from '../time/duration.ts';
import { after, earlier, hasPassed, type Instant } from '../time/instant.ts';
import type { OwnershipRecord, WithdrawReason } from './record.ts';
import { rankToClaim } from './succession.ts';

export interface OwnershipOptions {
  /** The name of this node. */
  readonly node: string;
  /** How much later each further candidate claims, so that the first one's claim can be seen. */
  readonly claimStagger: Duration;
  /** How long who has just recorded a claim counts as alive at most: the duration of a node's Lease. */
  readonly recordTrust: Duration;
  /** How long a claim that was heard counts without being heard again. */
  readonly claimTrust: Duration;
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

export type OwnershipInput =
  /** The whole wanted state; what is held and not in it is withdrawn. */
  | { readonly kind: 'want'; readonly addresses: readonly WantedOwnership[] }
  /** The whole set of living nodes. Nothing is taken from anybody before the first of these. */
  | { readonly kind: 'liveness'; readonly alive: readonly string[] }
  | { readonly kind: 'recorded'; readonly uid: string; readonly epoch: number }
  | { readonly kind: 'refused'; readonly uid: string; readonly epoch: number }
  /** Whether this node may take addresses now; what it holds it keeps anyway (ELECTION.md section 3). */
  | { readonly kind: 'able'; readonly isAble: boolean }
  /** The whole set of nodes whose main threads hang: passed over as if they were dead, also as holders. */
  | { readonly kind: 'hung'; readonly nodes: readonly string[] }
  /** Other nodes were heard claiming. Only the newer claim counts here: what else orders claims is the API's. */
  | { readonly kind: 'claimed'; readonly claims: readonly HeardClaim[] }
  /** Claim nothing more; keep each held address until somebody else has recorded a claim to it. */
  | { readonly kind: 'leave' };

export type OwnershipOutput =
  | { readonly kind: 'announce'; readonly uid: string; readonly epoch: number }
  /** Record this node as holder at `epoch`, if the record's epoch still is `previous`. */
  | { readonly kind: 'claim'; readonly uid: string; readonly epoch: number; readonly previous: number }
  | { readonly kind: 'withdraw'; readonly uid: string; readonly reason: WithdrawReason }
  /** Once, after `leave`: nothing is held any more. */
  | { readonly kind: 'left' };

export interface HeldOwnership {
  readonly uid: string;
  readonly epoch: number;
  /** The API has the claim. */
  readonly isRecorded: boolean;
}

type Tenure =
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

interface Entry {
  wanted: WantedOwnership;
  /** The last record that was believed. */
  record: OwnershipRecord;
  /** The highest epoch seen or claimed: the next claim is above it. */
  highest: number;
  tenure: Tenure;
  /** Until when the holder of `record` counts as alive, because the record is newer than what is known of the nodes. */
  trustedUntil: Instant | undefined;
}

/** How many released addresses are remembered; a late record is late by seconds, not by thousands of releases. */
const REMEMBERED = 4096;

const WATCHING: Tenure = { state: 'Watching' };

const isSameRecord = (a: OwnershipRecord, b: OwnershipRecord): boolean =>
  a.epoch === b.epoch && a.holder === b.holder;

const without = (all: ReadonlySet<string>, some: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...all].filter((each) => !some.has(each)));

const isHeld = (tenure: Tenure): tenure is Extract<Tenure, { readonly state: 'Claiming' | 'Holding' }> =>
  tenure.state === 'Claiming' || tenure.state === 'Holding';

export class Ownership implements Machine<OwnershipInput, OwnershipOutput> {
  readonly #options: OwnershipOptions;
  readonly #entries = new Map<string, Entry>();
  /** The highest epochs of what was released last, oldest first. */
  readonly #released = new Map<string, number>();
  #alive: ReadonlySet<string> | undefined;
  #hung: ReadonlySet<string> = new Set();
  /** Who lives and does not hang. */
  #able: ReadonlySet<string> | undefined;
  #departure: 'Staying' | 'Leaving' | 'Left' = 'Staying';
  #isAble = true;
  #deadline: Instant | undefined;

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  deadline(): Instant | undefined {
    return this.#deadline;
  }

  /** All addresses that are answered now, recorded or not. */
  held(): readonly HeldOwnership[] {
    const held: HeldOwnership[] = [];
    for (const [uid, { tenure }] of this.#entries)
      if (isHeld(tenure)) held.push({ uid, epoch: tenure.epoch, isRecorded: tenure.state === 'Holding' });
    return held;
  }

  step(now: Instant, input: OwnershipInput | Timeout): readonly OwnershipOutput[] {
    const outputs: OwnershipOutput[] = [];
    this.#take(now, input, outputs);
    if (input.kind !== 'recorded') this.#claimWhatIsDue(now, outputs);
    this.#finishLeaving(outputs);
    return outputs;
  }

  #take(now: Instant, input: OwnershipInput | Timeout, outputs: OwnershipOutput[]): void {
    switch (input.kind) {
      case 'want':
        this.#want(now, input.addresses, outputs);
        break;
      case 'liveness':
        this.#alive = new Set(input.alive);
        this.#able = without(this.#alive, this.#hung);
        for (const entry of this.#entries.values()) entry.trustedUntil = undefined;
        break;
      case 'recorded':
        this.#recorded(input.uid, input.epoch);
        break;
      case 'refused':
        this.#refused(now, input, outputs);
        break;
      case 'able':
        this.#become(now, input.isAble);
        break;
      case 'hung':
        this.#hung = new Set(input.nodes);
        this.#able = this.#alive && without(this.#alive, this.#hung);
        break;
      case 'claimed':
        for (const claim of input.claims) this.#heardClaim(now, claim, outputs);
        break;
      case 'leave':
        if (this.#departure === 'Staying') this.#departure = 'Leaving';
        break;
      case 'timeout':
    }
  }

  #want(now: Instant, addresses: readonly WantedOwnership[], outputs: OwnershipOutput[]): void {
    const uids = new Set(addresses.map((wanted) => wanted.uid));
    for (const [uid, entry] of this.#entries) {
      if (uids.has(uid)) continue;
      this.#withdraw(entry, { reason: 'Released', next: WATCHING }, outputs);
      this.#entries.delete(uid);
      this.#remember(uid, entry.highest);
    }
    for (const wanted of addresses) this.#believe(now, this.#entryOf(wanted), outputs);
  }

  #entryOf(wanted: WantedOwnership): Entry {
    const known = this.#entries.get(wanted.uid);
    if (known !== undefined) {
      known.wanted = wanted;
      return known;
    }
    const { uid, record } = wanted;
    const highest = Math.max(record.epoch, this.#released.get(uid) ?? 0);
    const entry: Entry = { wanted, record, highest, tenure: WATCHING, trustedUntil: undefined };
    this.#entries.set(uid, entry);
    this.#released.delete(uid);
    return entry;
  }

  /** An address may come back while the record of it is still the old one, and its epoch must not go back then. */
  #remember(uid: string, highest: number): void {
    this.#released.set(uid, highest);
    const [oldest] = this.#released.keys();
    if (this.#released.size > REMEMBERED && oldest !== undefined) this.#released.delete(oldest);
  }

  /** Takes the wanted record, the API's, as the truth, unless it is older than what this node knows. */
  #believe(now: Instant, entry: Entry, outputs: OwnershipOutput[]): void {
    const { tenure } = entry;
    const { record } = entry.wanted;
    if (tenure.state === 'Refused') {
      if (isSameRecord(record, tenure.from)) return;
      // Even an older epoch than the refused one is news here: the API just said that our knowledge was wrong
      // (a cluster restored from a backup goes back).
      entry.tenure = WATCHING;
    } else if (record.epoch < (isHeld(tenure) ? tenure.epoch : entry.record.epoch)) return;
    else if (tenure.state === 'Yielded' && !isSameRecord(record, entry.record)) entry.tenure = WATCHING;
    // Who has just claimed lives, also if it was dead when we last heard of the nodes: each watch has its own delay.
    if (!isSameRecord(record, entry.record)) entry.trustedUntil = after(now, this.#options.recordTrust);
    entry.record = record;
    entry.highest = Math.max(entry.highest, record.epoch);
    if (!isHeld(tenure)) return;
    const isMine = record.epoch === tenure.epoch && record.holder === this.#options.node;
    if (isMine) entry.tenure = { state: 'Holding', epoch: tenure.epoch };
    else this.#withdraw(entry, { reason: 'TakenOver', next: WATCHING }, outputs);
  }

  #heardClaim(now: Instant, claim: HeardClaim, outputs: OwnershipOutput[]): void {
    const entry = this.#entries.get(claim.uid);
    if (entry === undefined) return;
    const { epoch } = claim;
    entry.highest = Math.max(entry.highest, epoch);
    if (!this.#isLeftTo(entry, claim)) return;
    const next: Tenure = { state: 'Yielded', epoch, until: after(now, this.#options.claimTrust) };
    this.#withdraw(entry, { reason: 'TakenOver', next }, outputs);
  }

  /**
   * A holder that hears from the API leaves it to the API who wins. One that hangs has nothing but the claim, and the
   * same goes for a while after: the record may be waiting to be read. Who does not hold it lets the claimant go on,
   * unless that one hangs.
   */
  #isLeftTo({ tenure, record }: Entry, { epoch, ...claim }: HeardClaim): boolean {
    switch (tenure.state) {
      case 'Holding':
        return !this.#isAble && epoch > tenure.epoch;
      case 'Claiming': {
        const isTie = epoch === tenure.epoch;
        // What was recorded since makes the API refuse this node's claim, whatever the epochs are.
        const isLost = claim.isRecorded && epoch > tenure.from.epoch;
        return !this.#isAble && (epoch > tenure.epoch || isLost || (isTie && claim.winsTies));
      }
      case 'Yielded':
        return epoch >= tenure.epoch && !claim.isByHung;
      case 'Refused':
        return false;
      default:
        return epoch > record.epoch && !claim.isByHung;
    }
  }

  /** The record of a claim that was yielded to may be waiting to be read, so its time starts anew. */
  #become(now: Instant, isAble: boolean): void {
    this.#isAble = isAble;
    const until = after(now, this.#options.claimTrust);
    for (const entry of this.#entries.values())
      if (entry.tenure.state === 'Yielded') entry.tenure = { ...entry.tenure, until };
  }

  #recorded(uid: string, epoch: number): void {
    const entry = this.#entries.get(uid);
    if (entry?.tenure.state !== 'Claiming' || entry.tenure.epoch !== epoch) return;
    entry.tenure = { state: 'Holding', epoch };
    entry.record = { holder: this.#options.node, epoch };
  }

  #refused(
    now: Instant,
    { uid, epoch }: { readonly uid: string; readonly epoch: number },
    outputs: OwnershipOutput[],
  ): void {
    const entry = this.#entries.get(uid);
    // Only a claim in flight can be lost: when the record already shows it, the refused write was a repetition.
    if (entry?.tenure.state !== 'Claiming' || entry.tenure.epoch !== epoch) return;
    const next: Tenure = { state: 'Refused', from: entry.tenure.from };
    this.#withdraw(entry, { reason: 'LostElection', next }, outputs);
    // The record that won may have come before the refusal, when it still looked stale.
    this.#believe(now, entry, outputs);
  }

  #withdraw(
    entry: Entry,
    { reason, next }: { readonly reason: WithdrawReason; readonly next: Tenure },
    outputs: OwnershipOutput[],
  ): void {
    if (isHeld(entry.tenure)) outputs.push({ kind: 'withdraw', uid: entry.wanted.uid, reason });
    entry.tenure = next;
  }

  #claimWhatIsDue(now: Instant, outputs: OwnershipOutput[]): void {
    this.#deadline = undefined;
    for (const entry of this.#entries.values()) {
      const { tenure } = entry;
      if (isHeld(tenure) || tenure.state === 'Refused') continue;
      if (tenure.state === 'Yielded' && !(this.#isAble && hasPassed(tenure.until, now))) {
        if (this.#isAble) this.#deadline = earlier(this.#deadline, tenure.until);
        continue;
      }
      entry.tenure = this.#vacancyOf(entry, now);
      if (this.#isTrusted(entry, now)) this.#deadline = earlier(this.#deadline, entry.trustedUntil);
      if (entry.tenure.state !== 'Waiting') continue;
      if (hasPassed(entry.tenure.claimAt, now)) this.#claim(entry, outputs);
      else this.#deadline = earlier(this.#deadline, entry.tenure.claimAt);
    }
  }

  /** Whether the holder counts as alive by its record alone. */
  #isTrusted({ record: { holder }, trustedUntil }: Entry, now: Instant): boolean {
    if (holder === undefined || trustedUntil === undefined || hasPassed(trustedUntil, now)) return false;
    return this.#alive?.has(holder) === false && !this.#hung.has(holder);
  }

  #vacancyOf(entry: Entry, now: Instant): Tenure {
    if (this.#departure !== 'Staying' || !this.#isAble) return WATCHING;
    const { wanted, record, tenure } = entry;
    const { holder } = record;
    const isAdded = holder !== undefined && this.#isTrusted(entry, now);
    const alive = isAdded ? new Set([...(this.#able ?? []), holder]) : this.#able;
    const view = { me: this.#options.node, candidates: wanted.candidates, record, alive };
    const rank = rankToClaim(view);
    if (rank === undefined) return WATCHING;
    // The wait counts from when the address became vacant, also when the ranks change meanwhile.
    const isSameVacancy = tenure.state === 'Waiting' && isSameRecord(tenure.vacancy, record);
    const since = isSameVacancy ? tenure.since : now;
    const claimAt = after(since, times(this.#options.claimStagger, rank));
    return { state: 'Waiting', vacancy: record, since, claimAt };
  }

  #claim(entry: Entry, outputs: OwnershipOutput[]): void {
    const { uid } = entry.wanted;
    const epoch = entry.highest + 1;
    entry.highest = epoch;
    entry.tenure = { state: 'Claiming', epoch, from: entry.record };
    outputs.push(
      { kind: 'announce', uid, epoch },
      { kind: 'claim', uid, epoch, previous: entry.record.epoch },
    );
  }

  #finishLeaving(outputs: OwnershipOutput[]): void {
    if (this.#departure !== 'Leaving') return;
    for (const { tenure } of this.#entries.values()) if (isHeld(tenure)) return;
    this.#departure = 'Left';
    outputs.push({ kind: 'left' });
  }
}
