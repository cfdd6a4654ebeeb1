// Whether this node's kube-proxy does its work, by its own health check: an address whose packets nobody translates is
// of no use here, and another node takes it. ELECTION.md section 3.

import type { Timers } from '../kube/time.ts';
import type { Log } from '../observe/log.ts';
import { Poller } from '../observe/poller.ts';
import { type Duration, seconds } from '../time/duration.ts';
import { reasonOf } from '../wire-worker/log.ts';
import type { DataPlaneHealth } from '../wire-worker/messages.ts';

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
  /** Called with every change; at first it is `Healthy`. */
  readonly onChange: (health: DataPlaneHealth) => void;
}

const INTERVAL = seconds(1);
/**
 * So many answers in a row until it is trusted: what ended it may have ended the others, and they do not all begin in the
 * same second. One that begins first would take what its holder is about to keep.
 */
const ANSWERS = 3;
/** So many in a row, because kube-proxy is restarted and updated, and what it has made of its rules stays meanwhile. */
const MISSES = 3;

/** kube-proxy answers 503 when its rules are too old, or its node is about to be deleted (KEP-3836). */
const HEALTHY = 200;

export class ProxyHealth {
  readonly #deps: ProxyHealthDeps;
  readonly #poller: Poller;
  #isExpected: boolean;
  #health: DataPlaneHealth = 'Healthy';
  #answers = 0;
  #misses = 0;

  constructor(deps: ProxyHealthDeps) {
    this.#deps = deps;
    this.#poller = new Poller({ timers: deps.timers, name: 'proxy-health', poll: () => this.#poll() });
    this.#isExpected = deps.mode === 'Required';
  }

  start(): void {
    if (this.#deps.mode !== 'Off') this.#poller.start();
  }

  stop(): void {
    this.#poller.stop();
  }

  get health(): DataPlaneHealth {
    return this.#health;
  }

  async #poll(): Promise<Duration> {
    const problem = await this.#problem();
    if (this.#poller.isStopped) return INTERVAL;
    if (problem === undefined) this.#hit();
    else this.#miss(problem);
    return INTERVAL;
  }

  /** Undefined if it is healthy. */
  async #problem(): Promise<string | undefined> {
    try {
      const status = await this.#deps.ask();
      return status === HEALTHY ? undefined : `status ${status}`;
    } catch (error) {
      return reasonOf(error);
    }
  }

  #hit(): void {
    this.#misses = 0;
    this.#answers++;
    this.#isExpected = true;
    if (this.#health === 'Unhealthy') {
      this.#deps.log.info('kube-proxy is healthy again', {});
      this.#become('Recovering');
    }
    if (this.#health === 'Recovering' && this.#answers >= ANSWERS) this.#become('Healthy');
  }

  #miss(problem: string): void {
    this.#misses++;
    this.#answers = 0;
    if (this.#misses < MISSES || this.#health === 'Unhealthy') return;
    if (this.#isExpected) {
      this.#deps.log.error('kube-proxy is not healthy; addresses go to other nodes', { problem });
      this.#become('Unhealthy');
    } else if (this.#misses === MISSES) {
      this.#deps.log.info('no kube-proxy is healthy here; it is not waited for', { problem });
    }
  }

  #become(health: DataPlaneHealth): void {
    this.#health = health;
    this.#deps.onChange(health);
  }
}
