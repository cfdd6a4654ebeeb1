// A peer's claims as it last told them: whole from pages, or kept up by the changes that ride in its heartbeats. The
// digest in each of its frames says whether the copy is right. ELECTION.md section 1.

import type { ClaimsPage, PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { isGone } from '../protocol/heartbeat/peer-claim.ts';
import { ClaimSet } from './claim-set.ts';

/** Pages of one telling: they belong together only under one digest. */
interface Telling {
  readonly digest: bigint;
  readonly pages: Map<number, readonly PeerClaim[]>;
}

/** Beyond all that a node can hold (61,000 addresses): what says so is a mistake, and not worth the memory. */
const MAX_PAGES = 1024;

export class ClaimsMirror {
  /** Right under its own digest, which is the one that was said when it was made. */
  #copy = new ClaimSet();
  #said = 0n;
  #incoming: Telling | undefined;

  /** The peer claims something else than the copy shows: its claims have to be asked for. */
  get isStale(): boolean {
    return this.#said !== this.#copy.digest;
  }

  /** The copy as it was last right, by uid; it is the copy itself, and changes with the next frame. */
  get claims(): ReadonlyMap<bigint, PeerClaim> {
    return this.#copy.all;
  }

  /** Takes what a frame of the peer says of its claims; returns those that it told, each true for itself. */
  take(digest: bigint, told: ClaimsPage | undefined): readonly PeerClaim[] {
    this.#said = digest;
    if (digest === 0n && this.isStale) this.#become(new ClaimSet());
    // What changed rides in three frames, and pages that another peer asked for come here too.
    if (told !== undefined && this.isStale) this.#learn(digest, told);
    return told?.claims.filter((claim) => !isGone(claim)) ?? [];
  }

  #learn(digest: bigint, told: ClaimsPage): void {
    // No pages: what changed since the frame before.
    if (told.pages === 0) this.#amend(digest, told.claims);
    else if (told.pages <= MAX_PAGES) this.#collect(digest, told);
  }

  /** If a frame was lost, the digest stays another one, the copy as it was, and pages are asked for. */
  #amend(digest: bigint, changes: readonly PeerClaim[]): void {
    const copy = this.#copy;
    const before = changes.map(({ uid }) => ({ uid, claim: copy.all.get(uid) }));
    for (const claim of changes)
      if (isGone(claim)) copy.delete(claim.uid);
      else copy.set(claim);
    if (copy.digest === digest) return this.#become(copy);
    for (const { uid, claim } of before.toReversed())
      if (claim === undefined) copy.delete(uid);
      else copy.set(claim);
  }

  #collect(digest: bigint, { page, pages, claims }: ClaimsPage): void {
    if (this.#incoming?.digest !== digest) this.#incoming = { digest, pages: new Map() };
    this.#incoming.pages.set(page, claims);
    if (this.#incoming.pages.size < pages) return;
    const all = new ClaimSet([...this.#incoming.pages.values()].flat());
    this.#incoming = undefined;
    if (all.digest === digest) this.#become(all);
  }

  #become(copy: ClaimSet): void {
    this.#copy = copy;
    this.#incoming = undefined;
  }
}
