// Gives the wire worker what it needs to exchange heartbeats: the cluster's identity and the keys, read from the API as
// soon as they are there and again once a minute. Without them the agent is not ready, works by Leases alone, and sends
// nothing: there are no heartbeats without authentication.

import type { Clock } from '../host/host.ts';
import type { KubeApi, KubeObject } from '../kube/api.ts';
import { NAMESPACE, SECRET } from '../kube/kinds.ts';
import type { Timers } from '../kube/time.ts';
import type { Log } from '../observe/log.ts';
import { Poller } from '../observe/poller.ts';
import { HEARTBEAT_SECRET, readHeartbeatKeys } from '../resource/heartbeat-secret.ts';
import { formatProblems } from '../resource/parsed.ts';
import { type Duration, seconds } from '../time/duration.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';
import type { HeartbeatSettings } from '../wire-worker/heartbeat-settings.ts';
import { reasonOf } from '../wire-worker/log.ts';
import { apiErrorCode } from './api-errors.ts';
import { KeyRing, type Keys } from './key-ring.ts';
import type { SavedKeys } from './saved-state.ts';

export interface HeartbeatKeysDeps {
  readonly api: KubeApi;
  readonly namespace: string;
  /** What does not come from the API. */
  readonly settings: Pick<HeartbeatSettings, 'session' | 'intervalMs' | 'multiplier'>;
  readonly timers: Timers;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly send: (settings: HeartbeatSettings) => void;
  /** Called when the Secret was read anew. */
  readonly onRead: () => void;
  /** Called when `state` is another than before. */
  readonly onState: () => void;
}

const CHECK_INTERVAL = seconds(60);
/** As long as there is no key: the controller makes the Secret as soon as it leads, which may be never. */
const WAIT: RetrySchedule = { first: seconds(1), factor: 2, limit: seconds(15), jitter: 0.2 };

/** Whether there is a key, as a condition says it. */
export interface KeyState {
  readonly isInUse: boolean;
  /** What is wrong with the Secret as it is now; a key that was read before stays in use. */
  readonly problem?: { readonly reason: KeyProblem; readonly message: string };
}

export type KeyProblem = 'KeyMissing' | 'KeyForbidden' | 'KeyMalformed' | 'KeyNotRead';

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, unknown>>;
}

export class HeartbeatKeys {
  readonly #deps: HeartbeatKeysDeps;
  readonly #poller: Poller;
  #clusterUid: string | undefined;
  /** What was read last and could be used, as it is saved. */
  #used: SavedKeys | undefined;
  /** resourceVersion of the Secret that was read last, usable or not. */
  #seen: string | undefined;
  /** What was logged last, so that a problem that stays is logged once. */
  #problem: KeyState['problem'];
  readonly #ring = new KeyRing();
  /** What was read last and can be used. */
  #read: { readonly clusterUid: string; readonly keys: Keys } | undefined;
  /** What was sent last, as text. */
  #sent = '';
  #attempts = 0;

  constructor(deps: HeartbeatKeysDeps) {
    this.#deps = deps;
    this.#poller = new Poller({ timers: deps.timers, name: 'heartbeat-keys', poll: () => this.#poll() });
  }

  start(): void {
    this.#poller.start();
  }

  stop(): void {
    this.#poller.stop();
  }

  /** What heartbeats are made with now. */
  used(): SavedKeys | undefined {
    return this.#used;
  }

  state(): KeyState {
    const isInUse = this.#used !== undefined;
    return { isInUse, ...(this.#problem !== undefined && { problem: this.#problem }) };
  }

  /** Begins with what was read before this start, unless the API was quicker. */
  restore({ clusterUid, data }: SavedKeys): void {
    if (this.#used === undefined) this.#use(clusterUid, data);
  }

  async #poll(): Promise<Duration> {
    const pause = await this.#look();
    // A key that was read before may be old enough to be used now.
    if (!this.#poller.isStopped) this.#send();
    return pause;
  }

  /** Resolves with the pause until the next look. */
  async #look(): Promise<Duration> {
    const { api, namespace } = this.#deps;
    try {
      this.#clusterUid ??= (await api.get<KubeObject>(NAMESPACE, { name: 'kube-system' })).metadata.uid;
      const secret = await api.get<Secret>(SECRET, { namespace, name: HEARTBEAT_SECRET });
      this.#take(this.#clusterUid, secret);
      return CHECK_INTERVAL;
    } catch (error) {
      this.#tell('heartbeat key not read', { reason: problemOf(error), message: reasonOf(error) });
      if (this.#seen !== undefined) return CHECK_INTERVAL;
      return retryDelay(WAIT, this.#attempts++, this.#deps.random());
    }
  }

  #take(clusterUid: string, { metadata, data = {} }: Secret): void {
    if (this.#poller.isStopped) return;
    // It may have been away, and be what it was.
    if (this.#problem !== undefined && this.#problem.reason !== 'KeyMalformed') this.#setProblem(undefined);
    if (this.#seen === metadata.resourceVersion) return;
    this.#seen = metadata.resourceVersion;
    this.#use(clusterUid, data);
    this.#deps.onRead();
  }

  #use(clusterUid: string, data: Readonly<Record<string, unknown>>): void {
    const parsed = readHeartbeatKeys(data);
    if (parsed.kind === 'problems') {
      const message = formatProblems(parsed.problems);
      this.#tell('heartbeat key not usable', { reason: 'KeyMalformed', message });
      return;
    }
    // The keys were read, so that each value is text.
    this.#used = { clusterUid, data: data as SavedKeys['data'] };
    this.#read = { clusterUid, keys: parsed.value };
    this.#setProblem(undefined);
    this.#send();
  }

  /** Gives the worker the keys of now, if they are others than before. */
  #send(): void {
    if (this.#read === undefined) return;
    const { clusterUid } = this.#read;
    const { keys, active } = this.#ring.use(this.#deps.clock.now(), this.#read.keys);
    const sent = JSON.stringify([keys.map(({ id, secret }) => [id, [...secret]]), active]);
    if (this.#sent === sent) return;
    this.#deps.log.info(this.#sent === '' ? 'heartbeats begin' : 'heartbeat keys changed', {
      keys: keys.map(({ id }) => id),
      active,
    });
    this.#sent = sent;
    this.#deps.send({ ...this.#deps.settings, clusterUid, keys, activeKey: active });
  }

  #tell(message: string, problem: NonNullable<KeyState['problem']>): void {
    const isNews = this.#problem?.message !== problem.message;
    const inUse = this.#used === undefined ? 'none' : 'the one that was read before';
    const values = { secret: HEARTBEAT_SECRET, problem: problem.message, inUse };
    this.#deps.log[isNews ? 'warn' : 'debug'](message, values);
    if (isNews) this.#setProblem(problem);
  }

  #setProblem(problem: KeyState['problem']): void {
    this.#problem = problem;
    this.#deps.onState();
  }
}

function problemOf(error: unknown): KeyProblem {
  const code = apiErrorCode(error);
  if (code === 'NotFound') return 'KeyMissing';
  return code === 'Forbidden' ? 'KeyForbidden' : 'KeyNotRead';
}
