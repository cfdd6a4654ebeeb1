// `--rebalance Slow`: moves one address at a time from a node that holds too many to one that holds few, when nothing
// else is going on. Off by default: each move breaks the TCP connections of those who use the address.

import type { Clock } from '../host/host.ts';
import type { ReconcileResult, WorkQueue } from '../kube/api.ts';
import { ApiError } from '../kube/api-error.ts';
import type { Log } from '../observe/log.ts';
import { seconds } from '../time/duration.ts';
import { after, between, type Instant } from '../time/instant.ts';
import type { CandidateLists } from './candidate-lists.ts';
import type { ClusterState } from './cluster-state.ts';
import type { ClusterWrites } from './cluster-writes.ts';

export const REBALANCE_KEY = 'rebalance';

/** Nodes that come and go, as when a cluster is upgraded, are no time for it. */
const QUIET = seconds(60);
/** Between two moves. */
const PAUSE = seconds(10);

export interface RebalancerDeps {
  readonly isOn: boolean;
  readonly state: ClusterState;
  readonly lists: CandidateLists;
  readonly writes: ClusterWrites;
  readonly clock: Clock;
  readonly queue: Pick<WorkQueue, 'addAfter'>;
  readonly log: Log;
}

export class Rebalancer {
  readonly #deps: RebalancerDeps;
  #notBefore: Instant;

  constructor(deps: RebalancerDeps) {
    this.#deps = deps;
    this.#notBefore = after(deps.clock.now(), QUIET);
  }

  /** A node came, went, died or lives again. */
  nodesChanged(): void {
    this.#notBefore = after(this.#deps.clock.now(), QUIET);
    this.schedule();
  }

  /** Somebody may hold too much now. */
  schedule(): void {
    const { isOn, queue } = this.#deps;
    if (isOn) queue.addAfter(REBALANCE_KEY, Math.max(PAUSE, this.#remaining()));
  }

  /** What the queue runs under REBALANCE_KEY. Rejects for a bug of ours only. */
  async reconcile(): Promise<ReconcileResult> {
    const wait = this.#remaining();
    if (wait > 0) return { kind: 'after', milliseconds: wait };
    const { state, lists, writes, log } = this.#deps;
    const move = lists.nextMove();
    const virtualIP = move && state.virtualIP(move.name);
    if (move === undefined || virtualIP === undefined) return { kind: 'done' };
    const { name, from, to, candidates } = move;
    try {
      log.info('address is moved, because its node holds too many', { virtualIP: name, from, to });
      state.virtualIPs.note(await writes.replanVirtualIP(virtualIP, { candidates }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      log.warn('address could not be moved', { virtualIP: name, error });
      lists.settle(name);
    }
    return { kind: 'after', milliseconds: PAUSE };
  }

  #remaining(): number {
    return Math.max(0, between(this.#deps.clock.now(), this.#notBefore));
  }
}
