// What this node claims, as it tells it to its peers: the digest that goes with each heartbeat, and all of it in pages
// that fit a frame when a peer has asked. ELECTION.md section 1.

import type { ClaimsPage, PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { claimsDigest } from '../protocol/heartbeat/peer-claim.ts';

export interface ClaimsChange {
  /** Those that were not told like this before. */
  readonly changed: readonly PeerClaim[];
  /** One of them was not claimed before, or not at this epoch. */
  readonly isAnyNew: boolean;
}

export class ClaimsOffer {
  /** With 20 bytes for each and the header of a frame this stays below 1,400 bytes. */
  static readonly PER_PAGE = 60;

  #claims: ReadonlyMap<bigint, PeerClaim> = new Map();
  #digest = 0n;
  #isAsked = false;

  get digest(): bigint {
    return this.#digest;
  }

  has(uid: bigint): boolean {
    return this.#claims.has(uid);
  }

  /** Takes the whole list, which has each uid once. */
  replace(claims: readonly PeerClaim[]): ClaimsChange {
    const before = this.#claims;
    const changed = claims.filter((claim) => !isSame(before.get(claim.uid), claim));
    this.#claims = new Map(claims.map((claim) => [claim.uid, claim]));
    if (changed.length > 0 || claims.length !== before.size) this.#digest = claimsDigest(claims);
    return { changed, isAnyNew: changed.some(({ uid, epoch }) => before.get(uid)?.epoch !== epoch) };
  }

  /** A peer wants all claims; any number of peers that ask before the next answer get the same one. */
  ask(): void {
    this.#isAsked = true;
  }

  /** All pages if they were asked for since the last call, else none. */
  takePages(): readonly ClaimsPage[] {
    if (!this.#isAsked) return [];
    this.#isAsked = false;
    const claims = [...this.#claims.values()];
    const pages = Math.ceil(claims.length / ClaimsOffer.PER_PAGE);
    return Array.from({ length: pages }, (_, page) => ({
      page,
      pages,
      claims: claims.slice(page * ClaimsOffer.PER_PAGE, (page + 1) * ClaimsOffer.PER_PAGE),
    }));
  }
}

const isSame = (a: PeerClaim | undefined, b: PeerClaim): boolean =>
  a !== undefined &&
  a.epoch === b.epoch &&
  a.state === b.state &&
  a.isRecorded === b.isRecorded &&
  a.isAlone === b.isAlone &&
  a.createdAt === b.createdAt;
