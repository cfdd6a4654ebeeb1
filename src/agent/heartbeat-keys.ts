// Gives the wire worker what it needs to exchange heartbeats: the cluster's identity and the keys, read from the API as
// soon as they are there and again once a minute. Without them the agent works by Leases alone.

import type { KubeApi, KubeObject } from '../kube/api.ts';
import { NAMESPACE, SECRET } from '../kube/kinds.ts';
import type { Timer, Timers } from '../kube/time.ts';
import type { Log } from '../observe/log.ts';
import { HEARTBEAT_SECRET, readHeartbeatKeys } from '../resource/heartbeat-secret.ts';
import { formatProblems } from '../resource/parsed.ts';
import { type Duration, seconds } from '../time/duration.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';
import type { HeartbeatSettings } from '../wire-worker/heartbeat-settings.ts';
import type { SavedKeys } from './saved-state.ts';

export interface HeartbeatKeysDeps {
  readonly api: KubeApi;
  readonly namespace: string;
  /** What does not come from the API. */
  readonly settings: Pick<HeartbeatSettings, 'session' | 'intervalMs' | 'multiplier'>;
  readonly timers: Timers;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly send: (settings: HeartbeatSettings) => void;
  /** Called when keys were read that can be used. */
  readonly onRead: () => void;
}

const CHECK_INTERVAL = seconds(60);
/** As long as there is no key: the controller makes the Secret as soon as it leads, which may be never. */
const WAIT: RetrySchedule = { first: seconds(1), factor: 2, limit: seconds(15), jitter: 0.2 };

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, unknown>>;
}

export class HeartbeatKeys {
  readonly #deps: HeartbeatKeysDeps;
  #clusterUid: string | undefined;
  /** What was sent last. */
  #used: SavedKeys | undefined;
  /** resourceVersion of the Secret that was read last, usable or not. */
  #seen: string | undefined;
  /** What was logged last, so that a problem that stays is logged once. */
  #problem: string | undefined;
  #attempts = 0;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(deps: HeartbeatKeysDeps) {
    this.#deps = deps;
  }

  start(): void {
    void this.#keep();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** What heartbeats are made with now. */
  used(): SavedKeys | undefined {
    return this.#used;
  }

  /** Begins with what was read before this start, unless the API was quicker. */
  restore({ clusterUid, data }: SavedKeys): void {
    if (this.#used === undefined) this.#use(clusterUid, data);
  }

  async #keep(): Promise<void> {
    const pause = await this.#read();
    if (this.#isStopped) return;
    this.#timer = this.#deps.timers.after(pause, 'heartbeat-keys', () => void this.#keep());
  }

  /** Resolves with the pause until the next look. */
  async #read(): Promise<Duration> {
    const { api, namespace } = this.#deps;
    try {
      this.#clusterUid ??= (await api.get<KubeObject>(NAMESPACE, { name: 'kube-system' })).metadata.uid;
      const secret = await api.get<Secret>(SECRET, { namespace, name: HEARTBEAT_SECRET });
      this.#take(this.#clusterUid, secret);
      return CHECK_INTERVAL;
    } catch (error) {
      this.#tell('heartbeat key not read', error instanceof Error ? error.message : String(error));
      if (this.#seen !== undefined) return CHECK_INTERVAL;
      return retryDelay(WAIT, this.#attempts++, this.#deps.random());
    }
  }

  #take(clusterUid: string, { metadata, data = {} }: Secret): void {
    if (this.#isStopped || this.#seen === metadata.resourceVersion) return;
    this.#seen = metadata.resourceVersion;
    this.#use(clusterUid, data);
    this.#deps.onRead();
  }

  #use(clusterUid: string, data: Readonly<Record<string, unknown>>): void {
    const parsed = readHeartbeatKeys(data);
    if (parsed.kind === 'problems') {
      this.#tell('heartbeat key not usable', formatProblems(parsed.problems));
      return;
    }
    this.#problem = undefined;
    const { keys, active } = parsed.value;
    // The keys were read, so that each value is text.
    this.#used = { clusterUid, data: data as SavedKeys['data'] };
    this.#deps.log.info('heartbeats begin', { keys: keys.map(({ id }) => id), active });
    this.#deps.send({ ...this.#deps.settings, clusterUid, keys, activeKey: active });
  }

  #tell(message: string, problem: string): void {
    const isNews = this.#problem !== problem;
    this.#problem = problem;
    this.#deps.log[isNews ? 'warn' : 'debug'](message, { secret: HEARTBEAT_SECRET, problem });
  }
}
