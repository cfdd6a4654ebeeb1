// What becomes of an address in the election of one node, with what is said because of it: from watched over probed and
// asked for to held, and back. When it does is decided in election.ts.

import { seconds } from '../time/duration.ts';
import { after, type Instant } from '../time/instant.ts';
import type { ElectionOutput } from './election-messages.ts';
import type { Entries } from './entries.ts';
import type { HeldEntries } from './held.ts';
import type { ElectionView } from './occupancy.ts';
import type { WithdrawReason } from './record.ts';
import { type ElectionOptions, type Entry, type Held, WATCHING } from './tenure.ts';

/** How often a node that hears nobody asks the wire again. */
export const PROBE_INTERVAL = seconds(1);

export interface TransitionsParts {
  readonly options: ElectionOptions;
  readonly entries: Entries;
  readonly held: HeldEntries;
}

export class Transitions {
  readonly #parts: TransitionsParts;
  /** Of the step that is being taken. */
  outputs: ElectionOutput[] = [];
  /** How many addresses are held. */
  heldCount = 0;

  constructor(parts: TransitionsParts) {
    this.#parts = parts;
  }

  /** Somebody else's, or nobody's: not asked for any more. */
  watch(entry: Entry): void {
    if (entry.tenure.state === 'Asking') this.withdraw(entry, 'TakenOver');
    if (entry.tenure.state !== 'Refused') entry.tenure = WATCHING;
  }

  beginToProbe(entry: Entry, now: Instant): void {
    entry.tenure = { state: 'Probing', probedAt: now, address: 'Pending', gateway: 'Pending' };
    this.outputs.push({ kind: 'probe', uid: entry.wanted.uid });
    this.#parts.entries.wakeAt(entry, after(now, PROBE_INTERVAL));
  }

  beginToAsk(entry: Entry, now: Instant): void {
    const epoch = ++entry.highest;
    entry.tenure = { state: 'Asking', since: now, epoch };
    this.record(entry, epoch);
    this.#parts.entries.wakeAt(entry, after(now, this.#parts.options.aloneWait));
  }

  /** Answers, and has it recorded in parallel. */
  claim(entry: Entry, view: ElectionView): void {
    const { tenure } = entry;
    const epoch = tenure.state === 'Asking' ? tenure.epoch : ++entry.highest;
    this.answer(entry, view, epoch);
    if (tenure.state !== 'Asking') this.record(entry, epoch);
  }

  answer(entry: Entry, { segment, options }: ElectionView, epoch: number): void {
    const isRecorded = entry.record.holder === options.me;
    entry.tenure = { state: 'Held', epoch, isRecorded, isAlone: segment.isAlone, isDoubtful: false };
    const { candidates } = entry.wanted;
    entry.resortOf = candidates.includes(options.me) ? undefined : candidates;
    entry.beaten = undefined;
    this.heldCount++;
    this.#parts.held.note(entry);
    this.outputs.push({ kind: 'announce', uid: entry.wanted.uid, epoch });
  }

  record(entry: Entry, epoch: number): void {
    entry.refusedAt = undefined;
    entry.claimedFrom = entry.record;
    this.outputs.push({ kind: 'claim', uid: entry.wanted.uid, epoch, previous: entry.record.epoch });
  }

  become(entry: Entry, held: Held, changes: Pick<Held, 'isAlone' | 'isDoubtful'>): Held {
    if (held.isAlone === changes.isAlone && held.isDoubtful === changes.isDoubtful) return held;
    const kept = { ...held, ...changes };
    entry.tenure = kept;
    this.#parts.held.note(entry);
    return kept;
  }

  raise(entry: Entry, held: Held, above: number): void {
    const epoch = Math.max(entry.highest, above, held.epoch) + 1;
    entry.highest = epoch;
    entry.tenure = { ...held, epoch };
    this.#parts.held.note(entry);
    this.outputs.push({ kind: 'announce', uid: entry.wanted.uid, epoch });
    this.record(entry, epoch);
  }

  withdraw(entry: Entry, reason: WithdrawReason): void {
    const { state } = entry.tenure;
    if (state === 'Held') {
      this.heldCount--;
      this.#parts.held.note(entry);
    }
    if (state === 'Held' || state === 'Asking')
      this.outputs.push({ kind: 'withdraw', uid: entry.wanted.uid, reason });
    entry.tenure = WATCHING;
    entry.offer = undefined;
    entry.refusedAt = undefined;
  }
}
