// Claims for VirtualIPs that are deleted: a node without the API, or with a watch that stands still, does not know, while
// its address may be somebody else's by now. Who knows says REVOKED for as long as it hears such a claim; who is told asks
// the API, and is silent unless that lists the address. ELECTION.md section 10.
//
// Deleted is only what this node has seen deleted: it was listed, and the API has shown that it is not any more. A uid never
// comes back, so that stays true however old the watch gets. A uid that was never seen may be too new to be known.

import { after, hasPassed, type Instant } from '../time/instant.ts';
import type { ElectionInput } from './election-messages.ts';
import type { Entries } from './entries.ts';
import { isCurrent, type Segment } from './segment.ts';
import type { Segments } from './segments.ts';
import type { ElectionOptions, Entry } from './tenure.ts';
import type { Transitions } from './transitions.ts';

/** So many of the last deletions are remembered. */
const REMEMBERED = 4096;

/** What a frame has room for beside its news; more wait until the claims for the first are gone. */
const AT_ONCE = 10;

/** On one segment: what its peers have to be told. */
export interface Revocation {
  readonly segment: number;
  /** As heartbeats carry them; empty: nothing more. */
  readonly uids: readonly bigint[];
}

export interface RevocationsParts {
  readonly options: ElectionOptions;
  readonly entries: Entries;
  readonly segments: Segments;
  readonly steps: Transitions;
}

export class Revocations {
  readonly #parts: RevocationsParts;
  /** Oldest first. */
  readonly #deleted = new Set<bigint>();
  /** What is being told, by segment. */
  readonly #told = new Map<number, readonly bigint[]>();

  constructor(parts: RevocationsParts) {
    this.#parts = parts;
  }

  /** The API has shown that these are deleted. */
  add(uids: readonly bigint[]): void {
    for (const uid of uids) this.#deleted.add(uid);
    for (const uid of this.#deleted) {
      if (this.#deleted.size <= REMEMBERED) break;
      this.#deleted.delete(uid);
    }
    this.#tellAll();
  }

  /** These are wanted from now on, or not any more. */
  wanted(uids: readonly bigint[]): void {
    if (uids.some((uid) => this.#deleted.has(uid))) this.#tellAll();
  }

  #tellAll(): void {
    for (const index of this.#parts.segments.indexes()) this.#tell(index);
  }

  /** Only peers that come or go, and claims for what is deleted, change what has to be told. */
  hear(now: Instant, { segment, news }: Extract<ElectionInput, { readonly kind: 'heard' }>): void {
    let isConcerned = false;
    for (const each of news) {
      if (each.kind === 'revoked') for (const uid of each.uids) this.#ask(now, uid);
      const isNews =
        each.kind === 'claims' &&
        [...each.changed.map(({ uid }) => uid), ...each.gone].some((uid) => this.#deleted.has(uid));
      isConcerned ||= isNews || each.kind === 'peer';
    }
    if (isConcerned) this.#tell(segment);
  }

  /** The segment has begun anew, or is no more. */
  forget(index: number): void {
    this.#told.delete(index);
  }

  #tell(index: number): void {
    const segment = this.#parts.segments.get(index);
    if (segment === undefined) return;
    const before = this.#told.get(index) ?? [];
    const uids = [...this.#deleted].filter((uid) => this.#isClaimed(uid, segment)).slice(0, AT_ONCE);
    if (uids.length === before.length && uids.every((uid, i) => uid === before[i])) return;
    this.#told.set(index, uids);
    this.#parts.steps.outputs.push({ kind: 'revoke', segment: index, uids });
  }

  #isClaimed(uid: bigint, segment: Segment): boolean {
    // Of two uids that begin with the same 64 bits the one that is listed has to be left alone.
    if (this.#parts.entries.getShort(uid) !== undefined) return false;
    for (const [node, claim] of segment.claimsOf(uid)) {
      const peer = segment.peer(node);
      if (peer !== undefined && isCurrent(claim, peer)) return true;
    }
    return false;
  }

  /** Also for what somebody else claims: this node must not be the next one to take it. */
  #ask(now: Instant, uid: bigint): void {
    const { entries, options, steps } = this.#parts;
    const entry = entries.getShort(uid);
    if (entry === undefined) return;
    const { revocation } = entry;
    const isOpen =
      revocation === undefined ||
      (revocation.state === 'Refuted' && hasPassed(after(revocation.since, options.refutalTrust), now));
    if (!isOpen) return;
    entry.revocation = { state: 'Asked', since: now };
    entries.touch(entry);
    steps.outputs.push({ kind: 'revoked', uid: entry.wanted.uid });
  }

  /** What the API says of it, as the main thread knows. */
  judge(now: Instant, { uid, isListed }: Extract<ElectionInput, { readonly kind: 'judged' }>): void {
    const entry = this.#parts.entries.get(uid);
    if (entry?.revocation === undefined) return;
    entry.revocation = isListed ? { state: 'Refuted', since: now } : { state: 'Revoked' };
    this.#parts.entries.touch(entry);
  }

  /** The API has its time to answer; what is held is answered until then, and nothing is taken. */
  isRevoked(now: Instant, entry: Entry): boolean {
    const { entries, options } = this.#parts;
    const { revocation } = entry;
    if (revocation?.state === 'Asked') {
      const until = after(revocation.since, options.revokePatience);
      if (hasPassed(until, now)) entry.revocation = { state: 'Revoked' };
      else entries.wakeAt(entry, until);
    }
    return entry.revocation?.state === 'Revoked';
  }
}
