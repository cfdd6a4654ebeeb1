// A peer's claims as it last told them: whole from pages, or kept up by the changes that ride in its heartbeats. The
// digest in each of its frames says whether the copy is right. ELECTION.md section 1.

import type { ClaimsPage, PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { claimsDigest as digestOf } from '../protocol/heartbeat/peer-claim.ts';

/** Pages of one telling: they belong together only under one digest. */
interface Telling {
  readonly digest: bigint;
  readonly pages: Map<number, readonly PeerClaim[]>;
}

/** Beyond all that a node can hold (61,000 addresses): what says so is a mistake, and not worth the memory. */
const MAX_PAGES = 1024;

export class ClaimsMirror {
  #claims: ReadonlyMap<bigint, PeerClaim> = new Map();
  #digest = 0n;
  #said = 0n;
  #incoming: Telling | undefined;

  /** The peer claims something else than the copy shows: its claims have to be asked for. */
  get isStale(): boolean {
    return this.#said !== this.#digest;
  }

  /** The copy as it was last right. */
  get claims(): readonly PeerClaim[] {
    return [...this.#claims.values()];
  }

  /** Takes what a frame of the peer says of its claims; returns those that it told, each true for itself. */
  take(digest: bigint, told: ClaimsPage | undefined): readonly PeerClaim[] {
    this.#said = digest;
    if (digest === 0n && this.isStale) this.#become([], digest);
    // What changed rides in three frames, and pages that another peer asked for come here too.
    if (told === undefined || !this.isStale) return told?.claims ?? [];
    // No pages: what changed since the frame before.
    if (told.pages === 0) this.#amend(digest, told.claims);
    else if (told.pages <= MAX_PAGES) this.#collect(digest, told);
    return told.claims;
  }

  #amend(digest: bigint, changes: readonly PeerClaim[]): void {
    const claims = new Map(this.#claims);
    for (const claim of changes) claims.set(claim.uid, claim);
    this.#tryToBecome([...claims.values()], digest);
  }

  #collect(digest: bigint, { page, pages, claims }: ClaimsPage): void {
    if (this.#incoming?.digest !== digest) this.#incoming = { digest, pages: new Map() };
    this.#incoming.pages.set(page, claims);
    if (this.#incoming.pages.size < pages) return;
    const all = [...this.#incoming.pages.values()].flat();
    this.#incoming = undefined;
    this.#tryToBecome(all, digest);
  }

  /** Else something went, or a frame was lost: the digest stays another one, and pages are asked for. */
  #tryToBecome(claims: readonly PeerClaim[], digest: bigint): void {
    if (digestOf(claims) === digest) this.#become(claims, digest);
  }

  #become(claims: readonly PeerClaim[], digest: bigint): void {
    this.#claims = new Map(claims.map((claim) => [claim.uid, claim]));
    this.#digest = digest;
    this.#incoming = undefined;
  }
}
