// Makes the key of the heartbeats where there is none, and leaves one that is there alone. A chart can not: each
// rendering would make another one.

import type { ApiErrorCode, KubeApi, KubeObject } from '../kube/api.ts';
import { hasCode } from '../kube/api-error.ts';
import { SECRET } from '../kube/kinds.ts';
import type { Timers } from '../kube/time.ts';
import type { Log } from '../observe/log.ts';
import { Poller } from '../observe/poller.ts';
import { HEARTBEAT_KEY_LENGTH, HEARTBEAT_SECRET, heartbeatSecretData } from '../resource/heartbeat-secret.ts';
import { type Duration, seconds } from '../time/duration.ts';

export interface HeartbeatKeyDeps {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly random: (count: number) => Uint8Array;
  readonly timers: Timers;
  readonly log: Log;
}

/** One that was deleted comes back after this long; the agents go on with the key that they have. */
const CHECK_INTERVAL = seconds(60);
const RETRY_INTERVAL = seconds(5);

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export class HeartbeatKey {
  readonly #deps: HeartbeatKeyDeps;
  readonly #poller: Poller;
  #isFailing = false;
  /** The highest id that was seen in the Secret: another key under the same id would be taken for a forgery. */
  #lastId = 0;

  constructor(deps: HeartbeatKeyDeps) {
    this.#deps = deps;
    this.#poller = new Poller({ timers: deps.timers, name: 'heartbeat-key', poll: () => this.#ensure() });
  }

  /** Looks now and from then on. */
  start(): void {
    this.#poller.start();
  }

  stop(): void {
    this.#poller.stop();
  }

  /** Resolves with the pause until the next look. */
  async #ensure(): Promise<Duration> {
    const { api, namespace, log } = this.#deps;
    try {
      const ref = { namespace, name: HEARTBEAT_SECRET };
      const secret = await unless('NotFound', api.get<Secret>(SECRET, ref));
      if (secret === undefined) await this.#create();
      else
        this.#lastId = Math.max(0, ...Object.keys(secret.data ?? {}).flatMap((name) => Number(name) || []));
      this.#isFailing = false;
      return CHECK_INTERVAL;
    } catch (error) {
      log[this.#isFailing ? 'debug' : 'warn']('heartbeat key not read or made', { error });
      this.#isFailing = true;
      return RETRY_INTERVAL;
    }
  }

  async #create(): Promise<void> {
    const { api, namespace, random, log } = this.#deps;
    const key = random(HEARTBEAT_KEY_LENGTH);
    // Who leads since a moment ago knows no former id: agents may have one all the same.
    const id = this.#lastId === 0 ? 1 + ((random(1)[0] ?? 0) % 255) : (this.#lastId % 255) + 1;
    const data = heartbeatSecretData(key, id);
    const metadata = { name: HEARTBEAT_SECRET, labels: { 'app.kubernetes.io/name': 'fairlead' } };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data };
    // Another replica may have been first: its key is as good as ours.
    const made = await unless('AlreadyExists', api.create<KubeObject>(SECRET, namespace, secret));
    if (made === undefined) return;
    this.#lastId = id;
    log.info('heartbeat key made', { secret: HEARTBEAT_SECRET, id });
  }
}

/** The result, or undefined if the API answered with this code. */
async function unless<T>(code: ApiErrorCode, request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (hasCode(error, code)) return undefined;
    throw error;
  }
}
