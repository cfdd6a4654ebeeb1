// Whether this node may hold addresses that it is no candidate for: its own Node, read from the API at the start and once a
// minute. As long as it could not be read the answer is no; later what was read last counts.

import type { KubeApi, KubeObject } from '../kube/api.ts';
import { NODE } from '../kube/kinds.ts';
import type { Timer, Timers } from '../kube/time.ts';
import type { Log } from '../observe/log.ts';
import { type Duration, minutes, seconds } from '../time/duration.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';
import { apiErrorCode } from './api-errors.ts';

export interface OwnNodeDeps {
  readonly node: string;
  readonly api: KubeApi;
  readonly timers: Timers;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Whether a Node is excluded from load balancers. */
  readonly isExcluded: (node: KubeObject) => boolean;
  /** Called when `isAble` has become another. */
  readonly onChange: () => void;
}

const CHECK_INTERVAL = minutes(1);
const RETRIES: RetrySchedule = { first: seconds(1), factor: 2, limit: CHECK_INTERVAL, jitter: 0.3 };

export class OwnNode {
  readonly #deps: OwnNodeDeps;
  #isAble = false;
  #failures = 0;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(deps: OwnNodeDeps) {
    this.#deps = deps;
  }

  /** It is there and not excluded, as far as is known. */
  isAble(): boolean {
    return this.#isAble;
  }

  start(): void {
    void this.#keep();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #keep(): Promise<void> {
    const pause = await this.#read();
    if (!this.#isStopped) this.#timer = this.#deps.timers.after(pause, 'own-node', () => void this.#keep());
  }

  /** Resolves with the pause until the next look. */
  async #read(): Promise<Duration> {
    const { api, node, isExcluded, random, log } = this.#deps;
    try {
      this.#become(!isExcluded(await api.get<KubeObject>(NODE, { name: node })));
      this.#failures = 0;
      return CHECK_INTERVAL;
    } catch (error) {
      const code = apiErrorCode(error);
      if (code === undefined) throw error;
      if (code === 'NotFound') this.#become(false);
      // Told of by the Announcer's reporter, which has to read it too.
      log.debug('own Node not read', { node, error });
      return retryDelay(RETRIES, this.#failures++, random());
    }
  }

  #become(isAble: boolean): void {
    if (isAble === this.#isAble || this.#isStopped) return;
    this.#isAble = isAble;
    this.#deps.onChange();
  }
}
