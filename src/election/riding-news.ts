// What changed of this node's claims and is still to be told: each change rides in the next few frames, so that one that
// is lost loses nothing. ELECTION.md section 1.

import type { ClaimsPage, PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';

/** A change rides in this many frames. */
const NEWS_FRAMES = 3;
/** So many changes and listed sessions fit into one frame together; more changes are left to pages. */
const NEWS_LIMIT = 40;

export class RidingNews {
  /** Claims that changed or ended lately, each with how many frames it still rides in. */
  readonly #news = new Map<bigint, { readonly claim: PeerClaim; frames: number }>();

  add(news: readonly PeerClaim[]): void {
    for (const claim of news) this.#news.set(claim.uid, { claim, frames: NEWS_FRAMES });
    // More than a frame holds: the others see the digest and ask for pages.
    if (this.#news.size > NEWS_LIMIT) this.#news.clear();
  }

  /** For the next frame. */
  take(): ClaimsPage | undefined {
    if (this.#news.size === 0) return undefined;
    const claims = Array.from(this.#news.values(), ({ claim }) => claim);
    for (const [uid, news] of this.#news) if (--news.frames === 0) this.#news.delete(uid);
    return { page: 0, pages: 0, claims };
  }
}
