// This node's claims on their way to one peer that asked for them: in pages that fit a frame, once per heartbeat
// interval at most. ELECTION.md section 1.

import type { ClaimsPage, PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';

export class ClaimsOffer {
  /** With 20 bytes for each, and its header and one HEARD entry, a frame stays below 1,400 bytes. */
  static readonly PER_PAGE = 60;

  #isAsked = false;

  /** The peer wants all claims; asking twice before the answer is asking once. */
  ask(): void {
    this.#isAsked = true;
  }

  /** All pages if they were asked for since the last call, else none. */
  take(claims: readonly PeerClaim[]): readonly ClaimsPage[] {
    if (!this.#isAsked) return [];
    this.#isAsked = false;
    const pages = Math.max(1, Math.ceil(claims.length / ClaimsOffer.PER_PAGE));
    return Array.from({ length: pages }, (_, page) => ({
      page,
      pages,
      claims: claims.slice(page * ClaimsOffer.PER_PAGE, (page + 1) * ClaimsOffer.PER_PAGE),
    }));
  }
}
