// What this node claims, as it tells it to its peers: the digest that goes with each heartbeat, and all of it in pages
// that fit a frame when a peer has asked. ELECTION.md section 1.

import type { ClaimsPage, PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { goneClaim, isSameClaim } from '../protocol/heartbeat/peer-claim.ts';
import { ClaimSet } from './claim-set.ts';

/** What became of some of the claims; a uid is in one of the lists at most. */
export interface ClaimsChange {
  readonly changed: readonly PeerClaim[];
  /** Uids of what is not claimed any more. */
  readonly gone: readonly bigint[];
}

export interface ClaimsNews {
  /** What the peers do not know yet, as heartbeats tell it. */
  readonly news: readonly PeerClaim[];
  /** Something is claimed that was not before or not at this epoch, is being given up, or is not claimed any more. */
  readonly isUrgent: boolean;
}

export class ClaimsOffer {
  /** With 20 bytes for each and the header of a frame this stays below 1,400 bytes. */
  static readonly PER_PAGE = 60;

  readonly #claims = new ClaimSet();
  #isAsked = false;

  get digest(): bigint {
    return this.#claims.digest;
  }

  /** Takes what changed. */
  change({ changed, gone }: ClaimsChange): ClaimsNews {
    const { all } = this.#claims;
    const different = changed.filter((claim) => !isSameClaim(all.get(claim.uid), claim));
    const isNew = ({ uid, epoch, state }: PeerClaim): boolean => {
      const known = all.get(uid);
      return known?.epoch !== epoch || known.state !== state;
    };
    const ended = gone.flatMap((uid) => all.get(uid) ?? []);
    const isUrgent = ended.length > 0 || different.some(isNew);
    for (const claim of different) this.#claims.set(claim);
    for (const { uid } of ended) this.#claims.delete(uid);
    return { news: [...different, ...ended.map(goneClaim)], isUrgent };
  }

  /** A peer wants all claims; any number of peers that ask before the next answer get the same one. */
  ask(): void {
    this.#isAsked = true;
  }

  /** All pages if they were asked for since the last call, else none. */
  takePages(): readonly ClaimsPage[] {
    if (!this.#isAsked) return [];
    this.#isAsked = false;
    const claims = [...this.#claims.all.values()];
    const pages = Math.ceil(claims.length / ClaimsOffer.PER_PAGE);
    return Array.from({ length: pages }, (_, page) => ({
      page,
      pages,
      claims: claims.slice(page * ClaimsOffer.PER_PAGE, (page + 1) * ClaimsOffer.PER_PAGE),
    }));
  }
}
