// The addresses that concern a node, by both of their names; which of them have to be looked at; and how high the epochs
// of those were that do not concern it any more.

import { DeadlineQueue } from '../time/deadline-queue.ts';
import { earlier, hasPassed, type Instant } from '../time/instant.ts';
import { type Entry, WATCHING, type WantedElection } from './tenure.ts';

/** How many released addresses are remembered; a late record is late by seconds, not by thousands of releases. */
const REMEMBERED = 4096;

export class Entries {
  readonly #entries = new Map<string, Entry>();
  readonly #byShortUid = new Map<bigint, Entry>();
  /** The highest epochs of what was released last, oldest first. */
  readonly #released = new Map<string, number>();
  readonly #touched = new Set<Entry>();
  readonly #queue = new DeadlineQueue<string>();

  get(uid: string): Entry | undefined {
    return this.#entries.get(uid);
  }

  /** By what heartbeats call it. */
  getShort(uid: bigint): Entry | undefined {
    return this.#byShortUid.get(uid);
  }

  uids(): Iterable<string> {
    return this.#entries.keys();
  }

  all(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** To be looked at again at the end of a step. */
  touch(entry: Entry | undefined): void {
    if (entry !== undefined) this.#touched.add(entry);
  }

  touchAll(): void {
    for (const entry of this.all()) this.#touched.add(entry);
  }

  touchSegment(segment: number): void {
    for (const entry of this.all()) if (entry.wanted.segment === segment) this.#touched.add(entry);
  }

  /** To be looked at again then; each has one deadline, the earliest that anything about it asks for. */
  wakeAt(entry: Entry, due: Instant): void {
    const next = earlier(entry.due, due) ?? due;
    entry.due = next;
    this.#queue.set(entry.wanted.uid, next);
  }

  /** When the next one has to be looked at. */
  deadline(): Instant | undefined {
    return this.#queue.first()?.due;
  }

  /** Those that were touched since the last call, and those whose time has come. */
  takeTouched(now: Instant): readonly Entry[] {
    for (let first = this.#queue.first(); first !== undefined && hasPassed(first.due, now); ) {
      this.#queue.delete(first.key);
      this.touch(this.#entries.get(first.key));
      first = this.#queue.first();
    }
    const touched = [...this.#touched];
    for (const entry of touched) {
      entry.due = undefined;
      this.#queue.delete(entry.wanted.uid);
    }
    this.#touched.clear();
    return touched;
  }

  /** The entry of an address as it is wanted now. */
  want(now: Instant, wanted: WantedElection): Entry {
    const known = this.#entries.get(wanted.uid);
    if (known !== undefined) {
      known.wanted = wanted;
      return known;
    }
    const { uid, record } = wanted;
    const entry: Entry = {
      ...{ wanted, record, recordedAt: now, claimedFrom: record, tenure: WATCHING },
      highest: Math.max(record.epoch, this.#released.get(uid) ?? 0),
      ...{
        due: undefined,
        heard: 0,
        revocation: undefined,
        resortOf: undefined,
        offer: undefined,
        offeredBy: undefined,
        refusedAt: undefined,
        beaten: undefined,
      },
    };
    this.#entries.set(uid, entry);
    this.#byShortUid.set(wanted.shortUid, entry);
    this.#released.delete(uid);
    return entry;
  }

  /** An address may come back while the record of it is still the old one, and its epoch must not go back then. */
  delete(entry: Entry): void {
    const { uid, shortUid } = entry.wanted;
    this.#touched.delete(entry);
    this.#queue.delete(uid);
    this.#entries.delete(uid);
    this.#byShortUid.delete(shortUid);
    this.#released.set(uid, entry.highest);
    const [oldest] = this.#released.keys();
    if (this.#released.size > REMEMBERED && oldest !== undefined) this.#released.delete(oldest);
  }
}
