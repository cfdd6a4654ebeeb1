// The keys whose last reconcile failed. When the API can be watched again they are tried at once: after a long outage
// their back-off may be minutes.

import type { KubeObject, ListWatch, ReconcileResult, WorkQueue } from '../kube/api.ts';

export class RetryingKeys {
  readonly #keys = new Set<string>();

  constructor(watches: readonly ListWatch<KubeObject>[], queue: Pick<WorkQueue, 'add'>) {
    for (const watch of watches) {
      watch.onState((state) => {
        if (state === 'Synced') for (const key of this.#keys) queue.add(key);
      });
    }
  }

  note(key: string, { kind }: ReconcileResult): void {
    if (kind === 'retry') this.#keys.add(key);
    else this.#keys.delete(key);
  }
}
