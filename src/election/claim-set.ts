// The claims of one node by uid, with their digest: what changes costs the same however many there are.

import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { claimHash, digestOfSum } from '../protocol/heartbeat/peer-claim.ts';

export class ClaimSet {
  readonly #claims = new Map<bigint, PeerClaim>();
  /** Of the hashes of all claims, by exclusive or: adding one again takes it out. */
  #sum = 0n;

  constructor(claims: Iterable<PeerClaim> = []) {
    for (const claim of claims) this.set(claim);
  }

  /** As heartbeats carry it. */
  get digest(): bigint {
    return digestOfSum(this.#sum, this.#claims.size);
  }

  get all(): ReadonlyMap<bigint, PeerClaim> {
    return this.#claims;
  }

  set(claim: PeerClaim): void {
    this.delete(claim.uid);
    this.#claims.set(claim.uid, claim);
    this.#sum ^= claimHash(claim);
  }

  delete(uid: bigint): void {
    const known = this.#claims.get(uid);
    if (known === undefined) return;
    this.#claims.delete(uid);
    this.#sum ^= claimHash(known);
  }
}
