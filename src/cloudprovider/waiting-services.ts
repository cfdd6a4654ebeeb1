// The Services that were refused an address. When something is freed they are tried again at once, the oldest first,
// instead of when their back-off is over.

import type { ClusterState } from './cluster-state.ts';

export class WaitingServices {
  readonly #keys = new Set<string>();
  readonly #state: ClusterState;

  constructor(state: ClusterState) {
    this.#state = state;
    state.services.onChange(({ key, now }) => {
      if (now === undefined) this.#keys.delete(key);
    });
  }

  add(key: string): void {
    this.#keys.add(key);
  }

  remove(key: string): void {
    this.#keys.delete(key);
  }

  /** In order of creation. */
  keys(): readonly string[] {
    return inOrderOfCreation(this.#keys, this.#state);
  }
}

/** Creation times have seconds only, so resource names decide between Services of the same second. */
export function inOrderOfCreation(keys: Iterable<string>, { services }: ClusterState): readonly string[] {
  const dated = [...keys].map((key) => ({ key, at: services.get(key)?.meta.creationTimestamp ?? '' }));
  dated.sort((a, b) => (a.at === b.at ? (a.key < b.key ? -1 : 1) : a.at < b.at ? -1 : 1));
  return dated.map(({ key }) => key);
}
