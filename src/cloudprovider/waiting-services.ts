// The Services that were refused an address, and why. When something is freed they are tried again at once, the oldest
// first, instead of when their back-off is over.

import type { Refusal } from '../ipam/refusal.ts';
import type { ClusterState } from './cluster-state.ts';

export class WaitingServices {
  readonly #refusals = new Map<string, Refusal>();
  readonly #state: ClusterState;

  constructor(state: ClusterState) {
    this.#state = state;
    state.services.onChange(({ key, now }) => {
      if (now === undefined) this.#refusals.delete(key);
    });
  }

  /** Undefined for one that waits for nothing (any more). */
  set(key: string, refusal: Refusal | undefined): void {
    if (refusal === undefined) this.#refusals.delete(key);
    else this.#refusals.set(key, refusal);
  }

  refusal(key: string): Refusal | undefined {
    return this.#refusals.get(key);
  }

  /** In order of creation. */
  keys(): readonly string[] {
    return inOrderOfCreation(this.#refusals.keys(), this.#state);
  }
}

/** Creation times have seconds only, so resource names decide between Services of the same second. */
export function inOrderOfCreation(keys: Iterable<string>, { services }: ClusterState): readonly string[] {
  const dated = [...keys].map((key) => ({ key, at: services.get(key)?.meta.creationTimestamp ?? '' }));
  dated.sort((a, b) => (a.at === b.at ? (a.key < b.key ? -1 : 1) : a.at < b.at ? -1 : 1));
  return dated.map(({ key }) => key);
}
