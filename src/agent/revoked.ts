// What a peer says of a VirtualIP: that it is deleted. The API is asked whether that is so; where it can not be, the peer is
// believed, for its address may be another VirtualIP's by now. ELECTION.md section 10.

import type { KubeApi, KubeObject, WatchState } from '../kube/api.ts';
import { VIRTUAL_IP } from '../kube/kinds.ts';
import type { Log } from '../observe/log.ts';
import type { ToWorker } from '../wire-worker/messages.ts';
import { apiErrorCode } from './api-errors.ts';
import type { VirtualIPs } from './virtual-ips.ts';

export interface RevokedDeps {
  readonly api: KubeApi;
  readonly virtualIPs: VirtualIPs;
  readonly watchState: () => WatchState;
  readonly send: (message: ToWorker) => void;
  readonly log: Log;
}

interface Named {
  readonly uid: string;
  readonly name: string;
}

export class Revoked {
  readonly #deps: RevokedDeps;
  /** Names by uid of what is not believed any more, and has not been looked up since. */
  readonly #names = new Map<string, string>();

  constructor(deps: RevokedDeps) {
    this.#deps = deps;
  }

  /** The worker wants to know; without an answer it is silent for the address in a second. */
  async ask({ uid, name }: Named): Promise<void> {
    const { send, virtualIPs, log, watchState } = this.#deps;
    const object = watchState() === 'Synced' ? await this.#read({ uid, name }) : 'Unknown';
    const isListed = typeof object === 'object';
    log.warn(isListed ? 'VirtualIP is not deleted, as a peer says' : 'VirtualIP is deleted, as a peer says', {
      name,
      ...(object === 'Unknown' && { wanted: 'an API that answers' }),
    });
    send({ kind: 'judged', uid, isListed });
    if (isListed) return virtualIPs.note(object);
    this.#names.set(uid, name);
    virtualIPs.forget({ uid, name });
  }

  /** The API is there again: what it lists is believed again. */
  async lookAgain(): Promise<void> {
    for (const [uid, name] of [...this.#names]) {
      const object = await this.#read({ uid, name });
      // It will be there again.
      if (object === 'Unknown') return;
      this.#names.delete(uid);
      if (typeof object === 'object') this.#deps.virtualIPs.note(object);
    }
  }

  /** Its present state by a quorum read. */
  async #read({ uid, name }: Named): Promise<KubeObject | 'Gone' | 'Unknown'> {
    try {
      const object = await this.#deps.api.get<KubeObject>(VIRTUAL_IP, { name });
      return object.metadata.uid === uid ? object : 'Gone';
    } catch (error) {
      const code = apiErrorCode(error);
      if (code === undefined) throw error;
      return code === 'NotFound' ? 'Gone' : 'Unknown';
    }
  }
}
