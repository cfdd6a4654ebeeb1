// Of several controllers one acts, by the Lease fairlead-controller: the others stand by, ready to take over. Who loses
// the Lease ends its process, because a write that is under way can not be called back.

import { hostname } from 'node:os';
import type { Controller } from '../cloudprovider/controller.ts';
import { HeartbeatKey } from '../cloudprovider/heartbeat-key.ts';
import { createBootClock } from '../host/linux/boot-clock.ts';
import type { Random } from '../host/linux/random.ts';
import { createWallClock } from '../host/linux/wall-clock.ts';
import { hasCode } from '../kube/api-error.ts';
import type { Connection } from '../kube/connection.ts';
import { electLeader, type LeaderElector } from '../kube/leader-election.ts';
import { processTime } from '../kube/time.ts';
import type { ApiOutage } from '../observe/api-outage.ts';
import type { Log } from '../observe/log.ts';
import type { ControllerMetrics } from '../observe/metrics.ts';
import type { Failure } from './failure.ts';
import { keepHeapSmall } from './memory.ts';
import type { Patience } from './patience.ts';

export interface LeadershipParts {
  readonly connection: Connection;
  readonly controller: Controller;
  readonly failure: Failure;
  readonly patience: Patience;
  readonly log: Log;
  readonly metrics: ControllerMetrics;
  readonly outage: ApiOutage;
  readonly random: Random;
  readonly namespace: string;
  /** Of the health server: tells replicas on one host apart. */
  readonly port: number;
}

/** In what is told of an outage. */
const LEADER_LEASE = 'leader Lease';

/** The same after a restart of the container, which so goes on without waiting for its own Lease to expire. */
export const replicaName = (port: number): string => `${hostname()}:${port}`;

export class Leadership {
  readonly #parts: LeadershipParts;
  readonly #elector: LeaderElector;
  /** Why the Lease was not read or written last. */
  #problem: Error | undefined;
  readonly #key: HeartbeatKey;
  #state: 'Candidate' | 'StandingBy' | 'Leading' | 'Stopping' = 'Candidate';

  constructor(parts: LeadershipParts) {
    this.#parts = parts;
    this.#elector = this.#createElector();
    const { connection: api, namespace, random, log } = parts;
    this.#key = new HeartbeatKey({ api, namespace, random: random.bytes, timers: processTime, log });
  }

  start(): void {
    this.#parts.metrics.leading(false);
    this.#elector.start();
  }

  /** A replica that stands by is ready too: it has nothing to do. */
  notReady(): string | undefined {
    if (this.#state === 'Stopping') return 'stopping';
    if (this.#state === 'Candidate') return 'nobody is known to lead yet';
    if (this.#state === 'StandingBy') return undefined;
    return this.#parts.controller.isSynced() ? undefined : 'leading, not synced yet';
  }

  /** Whether this replica may act at this moment, by the clock and not by what is known of it. */
  mayAct(): boolean {
    return this.#elector.isLeader();
  }

  /** Ends the work, then gives the Lease back, so that the next one begins at once. */
  async stop(): Promise<void> {
    this.#state = 'Stopping';
    this.#key.stop();
    await this.#parts.controller.stop();
    await this.#elector.stop();
  }

  #createElector(): LeaderElector {
    const { connection, random, namespace, log } = this.#parts;
    const clock = createBootClock();
    const wallClock = createWallClock();
    return electLeader(connection, {
      namespace,
      name: 'fairlead-controller',
      holder: replicaName(this.#parts.port),
      labels: { 'app.kubernetes.io/name': 'fairlead', 'app.kubernetes.io/component': 'controller' },
      timestamp: () => wallClock.timestamp(),
      random: random.fraction,
      time: { now: () => clock.now(), after: processTime.after },
      onStarted: () => this.#lead(),
      onStopped: () => this.#lose(),
      onLeader: (holder) => {
        log.info('another replica leads', { holder });
        if (this.#state === 'Candidate') this.#state = 'StandingBy';
      },
      onAnswered: () => this.#parts.outage.succeeded(LEADER_LEASE),
      onProblem: (error) => this.#report(error),
    });
  }

  #lead(): void {
    const { controller, failure, log, metrics } = this.#parts;
    if (this.#state === 'Stopping') return;
    this.#state = 'Leading';
    log.info('this replica leads');
    metrics.leading(true);
    this.#key.start();
    // Not before: the list of everything is what a large young generation makes fast, and others wait for it.
    controller.start().then(keepHeapSmall, (error: unknown) => {
      // Stopped before everything was seen once.
      if (this.#state !== 'Stopping') failure.died(error instanceof Error ? error : new Error(String(error)));
    });
  }

  #lose(): void {
    this.#parts.metrics.leading(false);
    if (this.#state !== 'Stopping') this.#parts.failure.leadershipLost(this.#problem);
  }

  #report(error: Error): void {
    const { patience, log, outage } = this.#parts;
    if (hasCode(error, 'Conflict', 'AlreadyExists'))
      log.debug('leader Lease written by another replica', { error });
    else outage.failed(LEADER_LEASE, error);
    this.#problem = error;
    if (this.#state === 'Candidate') patience.failed('leader Lease', error);
  }
}
