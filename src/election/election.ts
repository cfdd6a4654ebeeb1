// Which addresses this node holds: a pure machine over all VirtualIPs that concern it, fed with what is heard on the
// segments, with the API's records, and with whose Leases live. ELECTION.md sections 2 to 9.
//
// Who takes an address answers at once, tells the peers, and has it recorded in parallel; who hears nobody asks first.

import type { Machine, Timeout } from '../protocol/machine.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import type { NodeId } from './claim-order.ts';
import { contest, isLostUnheard, isRefusalOpen, refusalOverAt, verdictOfRecord } from './contest.ts';
import type { ElectionInput, ElectionOutput } from './election-messages.ts';
import { Entries } from './entries.ts';
import { HeldEntries } from './held.ts';
import { turnOf } from './last-resort.ts';
import { claimantOf, type ElectionView, occupantOf } from './occupancy.ts';
import { nextOffer } from './offer.ts';
import { Revocations } from './revocations.ts';
import { Segments } from './segments.ts';
import {
  type Asking,
  type ElectionOptions,
  type Entry,
  type Held,
  isHeld,
  isSameRecord,
  type Probing,
  WATCHING,
} from './tenure.ts';
import { PROBE_INTERVAL, Transitions } from './transitions.ts';

export class Election implements Machine<ElectionInput, ElectionOutput> {
  readonly #options: ElectionOptions;
  readonly #entries = new Entries();
  readonly #segments = new Segments(this.#entries);
  readonly held = new HeldEntries(this.#entries);
  readonly #steps: Transitions;
  readonly #revocations: Revocations;
  #leases: ReadonlySet<NodeId> | undefined;
  #isAble = true;
  /** What is held is answered until somebody else has claimed it. */
  #isGivingUp = false;
  #departure: 'Staying' | 'Leaving' | 'Left' = 'Staying';

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#steps = new Transitions({ options, entries: this.#entries, held: this.held });
    const parts = { entries: this.#entries, segments: this.#segments, steps: this.#steps };
    this.#revocations = new Revocations({ options, ...parts });
  }

  deadline(): Instant | undefined {
    return this.#entries.deadline();
  }

  /** Nobody is heard on the segment. */
  isAlone(segment: number): boolean {
    return this.#segments.get(segment)?.isAlone ?? true;
  }

  step(now: Instant, input: ElectionInput | Timeout): readonly ElectionOutput[] {
    this.#steps.outputs = [];
    this.#take(now, input);
    for (const entry of this.#entries.takeTouched(now)) this.#look(now, entry);
    this.#finishLeaving();
    return this.#steps.outputs;
  }

  #take(now: Instant, input: ElectionInput | Timeout): void {
    switch (input.kind) {
      case 'want':
        return this.#want(now, input);
      case 'segment':
        this.#revocations.forget(input.segment);
        return this.#segments.take(now, input);
      case 'heard':
        this.#segments.take(now, input);
        return this.#revocations.hear(now, input);
      case 'deleted':
        return this.#revocations.add(input.uids);
      case 'judged':
        return this.#revocations.judge(now, input);
      case 'gap':
        this.#segments.take(now, input);
        return this.held.doubt();
      case 'leases':
        this.#leases = new Set(input.alive);
        return this.#entries.touchAll();
      case 'recorded':
        return this.#recorded(now, input);
      case 'refused':
        return this.#refused(now, input);
      case 'self':
        [this.#isAble, this.#isGivingUp] = [input.isAble, input.isHung || input.isUnable];
        return this.#entries.touchAll();
      case 'probed':
        return this.#probed(input);
      case 'leave':
        if (this.#departure === 'Staying') this.#departure = 'Leaving';
        return this.#entries.touchAll();
      case 'timeout':
    }
  }

  #want(
    now: Instant,
    { isWhole, addresses, dropped: named }: Extract<ElectionInput, { readonly kind: 'want' }>,
  ): void {
    const wanted = new Set(isWhole ? addresses.map(({ uid }) => uid) : []);
    const gone = isWhole ? [...this.#entries.uids()].filter((uid) => !wanted.has(uid)) : named;
    const dropped = gone.flatMap((uid) => this.#drop(uid) ?? []);
    for (const each of addresses) {
      const entry = this.#entries.want(now, each);
      entry.heard = Math.max(entry.heard, this.#segments.highestClaim(each));
      this.#believe(now, entry);
    }
    this.#revocations.wanted([...dropped, ...addresses.map(({ shortUid }) => shortUid)]);
  }

  /** Returns what heartbeats call it. */
  #drop(uid: string): bigint | undefined {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return undefined;
    this.#steps.withdraw(entry, 'Released');
    this.#entries.delete(entry);
    return entry.wanted.shortUid;
  }

  /** Takes the wanted record, the API's, as the truth, unless it is older than what this node knows. */
  #believe(now: Instant, entry: Entry): void {
    this.#entries.touch(entry);
    const { record } = entry.wanted;
    if (isSameRecord(record, entry.record)) return;
    // Even an older epoch than the refused one is news: the API has just said that what is known here was wrong (a
    // cluster restored from a backup goes back).
    const isRefused = entry.tenure.state === 'Refused';
    if (record.epoch < entry.record.epoch && !isRefused) return;
    this.#setRecord(now, entry, record);
    if (isRefused) entry.tenure = WATCHING;
  }

  #setRecord(now: Instant, entry: Entry, record: Entry['record']): void {
    entry.record = record;
    entry.recordedAt = now;
    entry.highest = Math.max(entry.highest, record.epoch);
    if (!isHeld(entry.tenure)) return;
    entry.tenure = { ...entry.tenure, isRecorded: record.holder === this.#options.me };
    this.held.note(entry);
  }

  #recorded(now: Instant, { uid, epoch }: { readonly uid: string; readonly epoch: number }): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined || epoch < entry.record.epoch) return;
    entry.refusedAt = undefined;
    this.#setRecord(now, entry, { holder: this.#options.me, epoch });
    this.#entries.touch(entry);
  }

  #refused(now: Instant, { uid, epoch }: { readonly uid: string; readonly epoch: number }): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    const { tenure } = entry;
    const isAsked = (tenure.state === 'Asking' || isHeld(tenure)) && tenure.epoch === epoch;
    // When the record already shows the claim, the refused write was a repetition.
    if (!isAsked || (isHeld(tenure) && tenure.isRecorded && entry.record.epoch === epoch)) return;
    this.#entries.touch(entry);
    if (isHeld(tenure)) {
      entry.refusedAt = now;
      return;
    }
    this.#steps.withdraw(entry, 'LostElection');
    // The record that won may have come before the refusal.
    if (isSameRecord(entry.record, entry.claimedFrom)) entry.tenure = { state: 'Refused', since: now };
  }

  #probed({ uid, address, gateway }: Extract<ElectionInput, { readonly kind: 'probed' }>): void {
    const entry = this.#entries.get(uid);
    if (entry?.tenure.state !== 'Probing') return;
    entry.tenure = { ...entry.tenure, address, gateway };
    this.#entries.touch(entry);
  }

  #look(now: Instant, entry: Entry): void {
    if (this.#revocations.isRevoked(now, entry)) return this.#steps.withdraw(entry, 'Revoked');
    const view = this.#viewOf(now, entry);
    if (isHeld(entry.tenure)) this.#keep(entry, entry.tenure, view);
    if (isHeld(entry.tenure)) return view && this.#offer(entry, entry.tenure, view);
    if (view !== undefined && this.#mayTake(entry, view)) this.#consider(entry, view);
    else this.#steps.watch(entry);
    entry.offeredBy = undefined;
  }

  /** Undefined where this node could not answer for the address. */
  #viewOf(now: Instant, { wanted }: Entry): ElectionView | undefined {
    const segment = this.#segments.get(wanted.segment);
    return segment && { now, segment, options: this.#options, leases: this.#leases };
  }

  #mayTake({ wanted, revocation }: Entry, { segment }: ElectionView): boolean {
    if (revocation?.state === 'Asked') return false;
    if (this.#departure !== 'Staying' || !this.#isAble || this.#isGivingUp) return false;
    return !segment.isMute && (wanted.isLastResort || wanted.candidates.includes(this.#options.me));
  }

  /** If it has not yet, it will be looked at again then. */
  #hasListened(entry: Entry, { now, segment, options }: ElectionView): boolean {
    const listenedAt = segment.listenedAt(options.listening);
    if (hasPassed(listenedAt, now)) return true;
    this.#entries.wakeAt(entry, listenedAt);
    return false;
  }

  /** An address that is not held here, and that this node may take. */
  #consider(entry: Entry, view: ElectionView): void {
    const { now, options } = view;
    const { tenure } = entry;
    if (!this.#hasListened(entry, view)) return;
    if (tenure.state === 'Refused') {
      const retryAt = after(tenure.since, options.retryPause);
      if (!hasPassed(retryAt, now)) return this.#entries.wakeAt(entry, retryAt);
      entry.tenure = WATCHING;
    }
    // One that leaves may not know yet that somebody else has taken it.
    const claimant = claimantOf(entry, view, entry.offeredBy);
    if (entry.offeredBy !== undefined && claimant === undefined) return this.#steps.claim(entry, view);
    const occupant = occupantOf(entry, view);
    if (occupant === undefined) return this.#await(entry, view);
    this.#steps.watch(entry);
    if (occupant.until !== undefined) this.#entries.wakeAt(entry, occupant.until);
  }

  /** A vacant address: until those before this node have had their time. */
  #await(entry: Entry, view: ElectionView): void {
    const { now, segment } = view;
    const { tenure } = entry;
    const turn = turnOf(entry, view);
    if (turn.kind === 'Others') {
      this.#steps.watch(entry);
      if (turn.until !== undefined) this.#entries.wakeAt(entry, turn.until);
      return;
    }
    if (tenure.state === 'Asking') return this.#ask(entry, tenure, view);
    if (tenure.state === 'Probing' && segment.isAlone) return this.#probe(entry, tenure, view);
    const since = tenure.state === 'Waiting' ? tenure.since : now;
    const claimAt = after(since, turn.wait);
    if (!hasPassed(claimAt, now)) {
      entry.tenure = { state: 'Waiting', since };
      return this.#entries.wakeAt(entry, claimAt);
    }
    const { holder } = entry.record;
    const isOthers = holder !== undefined && holder !== this.#options.me;
    if (segment.isAlone && isOthers) this.#steps.beginToProbe(entry, now);
    else this.#steps.claim(entry, view);
  }

  /**
   * Hearing nobody may mean that this node is the one that is cut off. Then nothing may be recorded either: the API would
   * take the address from a holder that is well, and that everybody else hears. ELECTION.md section 6.
   */
  #probe(entry: Entry, { address, gateway, probedAt }: Probing, { now }: ElectionView): void {
    if (address === 'Silent' && gateway === 'Answered') return this.#steps.beginToAsk(entry, now);
    const probeAt = after(probedAt, PROBE_INTERVAL);
    if (hasPassed(probeAt, now)) this.#steps.beginToProbe(entry, now);
    else this.#entries.wakeAt(entry, probeAt);
  }

  #ask(entry: Entry, { since, epoch }: Asking, view: ElectionView): void {
    const { now, segment, options } = view;
    const isRecorded = entry.record.holder === options.me;
    const waitedAt = after(since, options.aloneWait);
    const isFree = !segment.isAlone || hasPassed(waitedAt, now);
    if (isRecorded || isFree) this.#steps.answer(entry, view, epoch);
    else this.#entries.wakeAt(entry, waitedAt);
  }

  /** A held address against what others claim. */
  #keep(entry: Entry, held: Held, view: ElectionView | undefined): void {
    // Where this node could not answer, the API decides.
    if (view === undefined) return this.#keepUnheard(entry, held);
    const { segment } = view;
    const isDoubtful = held.isDoubtful && !this.#hasListened(entry, view);
    const isLeaving = this.#isGivingUp || this.#departure !== 'Staying' || entry.offer !== undefined;
    const isAlone = segment.isAlone || segment.isMute || (held.isAlone && !segment.isCompared);
    const mine = { ...held, isDoubtful, isAlone: isAlone || held.isAlone };
    const rival = contest(entry, mine, { ...view, isLeaving });
    const record = verdictOfRecord(entry, held, { ...view, isLeaving });
    if (rival.kind === 'Yield' || record.kind === 'Yield') return this.#steps.withdraw(entry, 'TakenOver');
    const kept = this.#steps.become(entry, held, { isAlone, isDoubtful });
    if (record.kind === 'Stay' && record.until !== undefined) this.#entries.wakeAt(entry, record.until);
    const above = Math.max(...[rival, record].map((each) => (each.kind === 'Raise' ? each.above : 0)));
    if (above > 0) this.#steps.raise(entry, kept, above);
    else this.#settle(entry, kept, view);
  }

  #keepUnheard(entry: Entry, held: Held): void {
    if (isLostUnheard(entry, held, this.#options.me)) this.#steps.withdraw(entry, 'TakenOver');
    else this.#steps.become(entry, held, { isAlone: true, isDoubtful: held.isDoubtful });
  }

  /** A refused claim of an address that is held: lost to a node that is not heard, and else written on top. */
  #settle(entry: Entry, held: Held, view: ElectionView): void {
    const isOpen = isRefusalOpen(entry, view);
    const overAt = refusalOverAt(entry, view);
    if (isOpen === undefined && overAt !== undefined) this.#entries.wakeAt(entry, overAt);
    if (isOpen === undefined) return;
    const { record } = entry;
    entry.refusedAt = undefined;
    if (!isOpen) {
      this.#steps.withdraw(entry, 'LostElection');
      if (isSameRecord(record, entry.claimedFrom)) entry.tenure = { state: 'Refused', since: view.now };
    } else if (record.epoch < held.epoch) this.#steps.record(entry, held.epoch);
    else if (record.epoch > held.epoch) this.#steps.raise(entry, held, record.epoch);
  }

  /** Make before break: an address that should be elsewhere is offered to one after the other, until it is taken. */
  #offer(entry: Entry, { epoch }: Held, view: ElectionView): void {
    const isMoving = this.#departure !== 'Staying';
    const wasOffered = entry.offer !== undefined;
    entry.offer = nextOffer(entry, view, isMoving);
    if (wasOffered !== (entry.offer !== undefined)) this.held.note(entry);
    const { offer } = entry;
    if (offer === undefined) return;
    const { segment, shortUid: uid } = entry.wanted;
    if (offer.at === view.now && segment !== undefined)
      this.#steps.outputs.push({ kind: 'offer', segment, uid, epoch, to: offer.to });
    this.#entries.wakeAt(entry, after(offer.at, view.options.offerPatience));
  }

  #finishLeaving(): void {
    if (this.#departure !== 'Leaving' || this.#steps.heldCount > 0) return;
    this.#departure = 'Left';
    this.#steps.outputs.push({ kind: 'left' });
  }
}
