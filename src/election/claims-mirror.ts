// A peer's claims as it last told them: whole from pages, or kept up by the changes that ride in its heartbeats. The
// digest in each of its frames says whether the copy is right. ELECTION.md section 1.

import type { HeartbeatFrame, PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { claimsDigest as digestOf } from '../protocol/heartbeat/peer-claim.ts';

/** Pages of one telling: they belong together only under one digest. */
interface Pages {
  readonly digest: bigint;
  readonly pages: Map<number, readonly PeerClaim[]>;
}

export class ClaimsMirror {
  #claims: ReadonlyMap<bigint, PeerClaim> = new Map();
  #digest = 0n;
  #said = 0n;
  #incoming: Pages | undefined;

  /** The peer claims something else than the copy shows: its claims have to be asked for. */
  get isStale(): boolean {
    return this.#said !== this.#digest;
  }

  /** Takes a frame of the peer; returns the claims that it told, if it told any. */
  take({ claimsDigest, body }: HeartbeatFrame): readonly PeerClaim[] | undefined {
    this.#said = claimsDigest;
    if (claimsDigest === 0n && this.#digest !== 0n) this.#become([], 0n);
    if (body.claims === undefined) return undefined;
    const { page, pages, claims } = body.claims;
    // No pages: what changed since the frame before.
    if (pages === 0) this.#amend(claims, claimsDigest);
    else this.#collect(claimsDigest, { page, pages, claims });
    return claims;
  }

  #amend(changes: readonly PeerClaim[], digest: bigint): void {
    const claims = new Map(this.#claims);
    for (const claim of changes) claims.set(claim.uid, claim);
    const all = [...claims.values()];
    // Else something went, or a frame was lost: the digest stays another one, and pages are asked for.
    if (digestOf(all) === digest) this.#become(all, digest);
  }

  #collect(
    digest: bigint,
    {
      page,
      pages,
      claims,
    }: { readonly page: number; readonly pages: number; readonly claims: readonly PeerClaim[] },
  ): void {
    if (this.#incoming?.digest !== digest) this.#incoming = { digest, pages: new Map() };
    this.#incoming.pages.set(page, claims);
    if (this.#incoming.pages.size < pages) return;
    const all = [...this.#incoming.pages.values()].flat();
    this.#incoming = undefined;
    if (digestOf(all) === digest) this.#become(all, digest);
  }

  #become(claims: readonly PeerClaim[], digest: bigint): void {
    this.#claims = new Map(claims.map((claim) => [claim.uid, claim]));
    this.#digest = digest;
  }
}
