// A peer's claims as it last told them: whole from pages, or kept up by the changes that ride in its heartbeats. The
// digest in each of its frames says whether the copy is right. ELECTION.md section 1.

import type { ClaimsPage, PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { isGone, isSameClaim } from '../protocol/heartbeat/peer-claim.ts';
import { ClaimSet } from './claim-set.ts';

/** Pages of one telling: they belong together only under one digest. */
interface Telling {
  readonly digest: bigint;
  readonly pages: Map<number, readonly PeerClaim[]>;
}

/** Beyond all that a node can hold (61,000 addresses): what says so is a mistake, and not worth the memory. */
const MAX_PAGES = 1024;

/** What is known of a peer's claims has changed. */
export interface MirrorChange {
  readonly changed: readonly PeerClaim[];
  /** Uids of what it does not claim any more. */
  readonly gone: readonly bigint[];
}

const NOTHING: MirrorChange = { changed: [], gone: [] };

export class ClaimsMirror {
  /** Right under its own digest, which is the one that was said when it was made. */
  #copy = new ClaimSet();
  /** What was given out: that of the copy, and what was told since. */
  readonly #given = new Map<bigint, PeerClaim>();
  /** Something was given out that is not in the copy. */
  #isAhead = false;
  #said = 0n;
  #incoming: Telling | undefined;

  /** The peer claims something else than the copy shows: its claims have to be asked for. */
  get isStale(): boolean {
    return this.#said !== this.#copy.digest;
  }

  /** Takes what a frame of the peer says of its claims; what it tells is true for itself, also while others are missing. */
  take(digest: bigint, told: ClaimsPage | undefined): MirrorChange {
    this.#said = digest;
    // What was given out beyond the copy may have ended without a word that was heard.
    if (!this.isStale) return this.#isAhead ? this.#become(this.#copy) : NOTHING;
    if (digest === 0n) return this.#become(new ClaimSet());
    if (told === undefined) return NOTHING;
    // No pages: what changed since the frame before.
    if (told.pages === 0) return this.#amend(digest, told.claims);
    return told.pages <= MAX_PAGES ? this.#collect(digest, told) : NOTHING;
  }

  /** Nothing is claimed any more. */
  clear(): MirrorChange {
    this.#said = 0n;
    return this.#become(new ClaimSet());
  }

  /** If a frame was lost, the digest stays another one, the copy as it was, and pages are asked for. */
  #amend(digest: bigint, changes: readonly PeerClaim[]): MirrorChange {
    const copy = this.#copy;
    const before = changes.map(({ uid }) => ({ uid, claim: copy.all.get(uid) }));
    for (const claim of changes)
      if (isGone(claim)) copy.delete(claim.uid);
      else copy.set(claim);
    if (copy.digest === digest) {
      this.#incoming = undefined;
      return this.#isAhead ? this.#become(copy) : this.#give(changes);
    }
    for (const { uid, claim } of before.toReversed())
      if (claim === undefined) copy.delete(uid);
      else copy.set(claim);
    return this.#giveAhead(changes);
  }

  #giveAhead(told: readonly PeerClaim[]): MirrorChange {
    this.#isAhead = true;
    return this.#give(told);
  }

  #give(told: readonly PeerClaim[]): MirrorChange {
    const changed = told.filter((claim) => !isGone(claim) && !isSameClaim(this.#given.get(claim.uid), claim));
    const gone = told.filter((claim) => isGone(claim) && this.#given.has(claim.uid)).map(({ uid }) => uid);
    // Also what says the same, so that the copy and this have one object between them.
    for (const claim of told) if (!isGone(claim)) this.#given.set(claim.uid, claim);
    for (const uid of gone) this.#given.delete(uid);
    return { changed, gone };
  }

  #collect(digest: bigint, { page, pages, claims }: ClaimsPage): MirrorChange {
    if (this.#incoming?.digest !== digest) this.#incoming = { digest, pages: new Map() };
    this.#incoming.pages.set(page, claims);
    if (this.#incoming.pages.size < pages) return this.#giveAhead(claims);
    const all = new ClaimSet([...this.#incoming.pages.values()].flat());
    this.#incoming = undefined;
    return all.digest === digest ? this.#become(all) : this.#giveAhead(claims);
  }

  #become(copy: ClaimSet): MirrorChange {
    this.#copy = copy;
    this.#isAhead = false;
    this.#incoming = undefined;
    const gone = [...this.#given.keys()].filter((uid) => !copy.all.has(uid));
    for (const uid of gone) this.#given.delete(uid);
    const { changed } = this.#give([...copy.all.values()]);
    return { changed, gone };
  }
}
