// Feeds the agents' Leases to the machine that judges which nodes are alive, and wakes it at its deadline through the
// work queue, so that the controller has no timer of its own.

import { LeaseLiveness, type LivenessInput } from '../election/lease-liveness.ts';
import type { Clock } from '../host/host.ts';
import type { WorkQueue } from '../kube/api.ts';
import type { LeaseView } from '../plan/views.ts';
import type { Timeout } from '../protocol/machine.ts';
import { seconds } from '../time/duration.ts';
import { between } from '../time/instant.ts';
import type { Mirror } from './mirror.ts';

export const LIVENESS_KEY = 'liveness';
const LEASE_PREFIX = 'fairlead-agent-';
const DEFAULT_DURATION_SECONDS = 15;

export interface LivenessDeps {
  readonly clock: Clock;
  readonly queue: Pick<WorkQueue, 'addAfter'>;
}

export class NodeLiveness {
  readonly #deps: LivenessDeps;
  readonly #machine = new LeaseLiveness();
  #onChange: (alive: readonly string[]) => void = () => {};

  constructor(leases: Mirror<LeaseView>, deps: LivenessDeps) {
    this.#deps = deps;
    leases.onChange(({ before, now }) => {
      if (now !== undefined) this.#step(this.#inputOf(now.value));
      else if (before !== undefined) this.#step({ kind: 'gone', node: nodeOf(before.value) });
    });
    leases.watch.onState((state) => {
      if (state !== 'Syncing') this.#step({ kind: 'reachable', isReachable: state === 'Synced' });
    });
  }

  onChange(handler: (alive: readonly string[]) => void): void {
    this.#onChange = handler;
  }

  alive(): readonly string[] {
    return this.#machine.alive();
  }

  /** What the queue runs under LIVENESS_KEY. */
  wake(): void {
    this.#step({ kind: 'timeout' });
    this.schedule();
  }

  /** Asks the queue for the machine's next timeout. */
  schedule(): void {
    const deadline = this.#machine.deadline();
    if (deadline === undefined) return;
    const delay = between(this.#deps.clock.now(), deadline);
    // Rounded up: a timer that fires a moment too early would only have to be set again.
    this.#deps.queue.addAfter(LIVENESS_KEY, Math.max(1, Math.ceil(delay)));
  }

  #inputOf({ name, holder, renewTime, durationSeconds }: LeaseView): LivenessInput {
    return {
      kind: 'lease',
      node: nodeOf({ name }),
      holder,
      renewTime,
      duration: seconds(durationSeconds || DEFAULT_DURATION_SECONDS),
    };
  }

  #step(input: LivenessInput | Timeout): void {
    for (const output of this.#machine.step(this.#deps.clock.now(), input)) this.#onChange(output.alive);
  }
}

const nodeOf = ({ name }: Pick<LeaseView, 'name'>): string =>
  name.startsWith(LEASE_PREFIX) ? name.slice(LEASE_PREFIX.length) : name;
