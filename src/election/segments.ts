// What the election hears, by segment, and which addresses have to be looked at because of it.

import type { Instant } from '../time/instant.ts';
import type { ElectionInput } from './election-messages.ts';
import type { Entries } from './entries.ts';
import { Segment } from './segment.ts';

/** What is heard; `segment` inputs begin and end the hearing. */
export type HeardInput = Extract<ElectionInput, { readonly kind: 'segment' | 'peer' | 'claims' | 'offered' }>;

type Heard<K extends HeardInput['kind']> = Extract<HeardInput, { readonly kind: K }>;

export class Segments {
  readonly #entries: Entries;
  readonly #segments = new Map<number, Segment>();

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  get(segment: number | undefined): Segment | undefined {
    return segment === undefined ? undefined : this.#segments.get(segment);
  }

  take(now: Instant, input: HeardInput): void {
    switch (input.kind) {
      case 'segment':
        return this.#setSegment(now, input);
      case 'peer':
        return this.#setPeer(now, input);
      case 'claims':
        return this.#setClaims(input);
      case 'offered':
        return this.#offered(input);
    }
  }

  #setSegment(now: Instant, { segment, isOpen }: Heard<'segment'>): void {
    if (isOpen) this.#segments.set(segment, new Segment(now));
    else this.#segments.delete(segment);
    this.#entries.touchSegment(segment);
  }

  #setPeer(now: Instant, { segment, node, peer }: Heard<'peer'>): void {
    const known = this.#segments.get(segment);
    if (peer === undefined) known?.forget(node);
    else known?.setPeer(now, node, peer);
    this.#entries.touchSegment(segment);
  }

  #setClaims({ segment, node, changed, gone }: Heard<'claims'>): void {
    const known = this.#segments.get(segment);
    for (const claim of changed) {
      known?.claim(node, claim);
      const entry = this.#entries.getShort(claim.uid);
      if (entry === undefined) continue;
      entry.highest = Math.max(entry.highest, claim.epoch);
      this.#entries.touch(entry);
    }
    for (const uid of gone) {
      known?.unclaim(node, uid);
      const entry = this.#entries.getShort(uid);
      entry?.beaten.delete(node);
      this.#entries.touch(entry);
    }
  }

  #offered({ uid, epoch }: Heard<'offered'>): void {
    const entry = this.#entries.getShort(uid);
    if (entry === undefined || epoch < entry.highest) return;
    entry.highest = epoch;
    entry.isOffered = true;
    this.#entries.touch(entry);
  }
}
