// Whether this node's kube-proxy does its work, by its own health check: an address whose packets nobody translates is
// of no use here, and another node takes it. ELECTION.md section 3.

import type { Timer, Timers } from '../kube/time.ts';
import type { Log } from '../observe/log.ts';
import { seconds } from '../time/duration.ts';

/**
 * `Auto`: a kube-proxy that has been healthy since the agent's start has to stay so, because a cluster may have none;
 * `Required`: it has to be healthy from the start; `Off`: it is not asked.
 */
export type ProxyHealthMode = 'Auto' | 'Required' | 'Off';

export interface ProxyHealthDeps {
  readonly mode: ProxyHealthMode;
  /** Asks its health check; resolves with the HTTP status, rejects when there is no answer within a second. */
  readonly ask: () => Promise<number>;
  readonly timers: Timers;
  readonly log: Log;
  /** Called with every change; at first it counts as healthy. */
  readonly onChange: (isHealthy: boolean) => void;
}

const INTERVAL = seconds(1);
/** So many in a row, because kube-proxy is restarted and updated, and what it has made of its rules stays meanwhile. */
const MISSES = 3;

/** kube-proxy answers 503 when its rules are too old, or its node is about to be deleted (KEP-3836). */
const HEALTHY = 200;

export class ProxyHealth {
  readonly #deps: ProxyHealthDeps;
  #isExpected: boolean;
  #isHealthy = true;
  #misses = 0;
  #isStopped = false;
  #timer: Timer | undefined;

  constructor(deps: ProxyHealthDeps) {
    this.#deps = deps;
    this.#isExpected = deps.mode === 'Required';
  }

  start(): void {
    if (this.#deps.mode !== 'Off') void this.#keep();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  get isHealthy(): boolean {
    return this.#isHealthy;
  }

  async #keep(): Promise<void> {
    const problem = await this.#problem();
    if (this.#isStopped) return;
    if (problem === undefined) this.#hit();
    else this.#miss(problem);
    this.#timer = this.#deps.timers.after(INTERVAL, 'proxy-health', () => void this.#keep());
  }

  /** Undefined if it is healthy. */
  async #problem(): Promise<string | undefined> {
    try {
      const status = await this.#deps.ask();
      return status === HEALTHY ? undefined : `status ${status}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #hit(): void {
    this.#misses = 0;
    this.#isExpected = true;
    if (this.#isHealthy) return;
    this.#deps.log.info('kube-proxy is healthy again', {});
    this.#become(true);
  }

  #miss(problem: string): void {
    this.#misses++;
    if (this.#misses < MISSES || !this.#isHealthy) return;
    if (this.#isExpected) {
      this.#deps.log.error('kube-proxy is not healthy; addresses go to other nodes', { problem });
      this.#become(false);
    } else if (this.#misses === MISSES) {
      this.#deps.log.info('no kube-proxy is healthy here; it is not waited for', { problem });
    }
  }

  #become(isHealthy: boolean): void {
    this.#isHealthy = isHealthy;
    this.#deps.onChange(isHealthy);
  }
}
