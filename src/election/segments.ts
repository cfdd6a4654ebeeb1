// What the election hears, by segment, and which addresses have to be looked at because of it.

import type { Offer } from '../protocol/heartbeat/heartbeat-frame.ts';
import type { Instant } from '../time/instant.ts';
import type { NodeId } from './claim-order.ts';
import type { ElectionInput, News } from './election-messages.ts';
import type { Entries } from './entries.ts';
import { Segment } from './segment.ts';
import type { WantedElection } from './tenure.ts';

/** What is heard; the other two say when hearing begins, begins anew and ends. */
export type HearingInput = Extract<ElectionInput, { readonly kind: 'segment' | 'heard' | 'gap' }>;

export class Segments {
  readonly #entries: Entries;
  readonly #segments = new Map<number, Segment>();

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  get(segment: number | undefined): Segment | undefined {
    return segment === undefined ? undefined : this.#segments.get(segment);
  }

  indexes(): Iterable<number> {
    return this.#segments.keys();
  }

  /** The highest epoch at which a peer claims the address, or claimed it last; also while nobody here wanted it. */
  highestClaim({ segment, shortUid }: Pick<WantedElection, 'segment' | 'shortUid'>): number {
    const claims = this.get(segment)?.claimsOf(shortUid) ?? [];
    return Math.max(0, ...Array.from(claims, ([, { epoch }]) => epoch));
  }

  take(now: Instant, input: HearingInput): void {
    switch (input.kind) {
      case 'segment':
        if (input.isOpen) this.#segments.set(input.segment, new Segment(now));
        else this.#segments.delete(input.segment);
        return this.#entries.touchSegment(input.segment);
      case 'heard':
        for (const news of input.news) this.#hear(now, input.segment, news);
        return;
      case 'gap':
        for (const segment of this.#segments.values()) segment.listenAnew(now);
        return this.#entries.touchAll();
    }
  }

  #hear(now: Instant, segment: number, news: News): void {
    const known = this.#segments.get(segment);
    if (known === undefined) return;
    // Told of the addresses that it concerns by the election itself.
    if (news.kind === 'revoked') return;
    if (news.kind === 'claims') return this.#setClaims(now, known, news);
    if (news.kind === 'offered') {
      for (const offer of news.offers) this.#offered(news.nodeId, offer);
      return;
    }
    if (news.peer === undefined) known.forget(news.nodeId);
    else known.setPeer(now, news.nodeId, news.peer);
    this.#entries.touchSegment(segment);
  }

  #setClaims(
    now: Instant,
    known: Segment,
    { nodeId, changed, gone }: Extract<News, { readonly kind: 'claims' }>,
  ): void {
    for (const claim of changed) {
      known.claim(now, nodeId, claim);
      const entry = this.#entries.getShort(claim.uid);
      if (entry === undefined) continue;
      entry.heard = Math.max(entry.heard, claim.epoch);
      entry.highest = Math.max(entry.highest, claim.epoch);
      this.#entries.touch(entry);
    }
    for (const uid of gone) {
      known.unclaim(nodeId, uid);
      this.#entries.touch(this.#entries.getShort(uid));
    }
  }

  #offered(by: NodeId, { uid, epoch }: Offer): void {
    const entry = this.#entries.getShort(uid);
    if (entry === undefined || epoch < entry.highest) return;
    entry.highest = epoch;
    entry.offeredBy = by;
    this.#entries.touch(entry);
  }
}
