// Whether this node may hold addresses that it is no candidate for: its own Node, read from the API at the start and once a
// minute. As long as it could not be read the answer is no; later what was read last counts.

import type { KubeApi, KubeObject } from '../kube/api.ts';
import { NODE } from '../kube/kinds.ts';
import type { Timers } from '../kube/time.ts';
import type { Log } from '../observe/log.ts';
import { Poller } from '../observe/poller.ts';
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
  readonly #poller: Poller;
  #isAble = false;
  #failures = 0;

  constructor(deps: OwnNodeDeps) {
    this.#deps = deps;
    this.#poller = new Poller({ timers: deps.timers, name: 'own-node', poll: () => this.#read() });
  }

  /** It is there and not excluded, as far as is known. */
  isAble(): boolean {
    return this.#isAble;
  }

  start(): void {
    this.#poller.start();
  }

  stop(): void {
    this.#poller.stop();
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
    if (isAble === this.#isAble || this.#poller.isStopped) return;
    this.#isAble = isAble;
    this.#deps.onChange();
  }
}
