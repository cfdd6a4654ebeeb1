// The cloud-provider side: gives Services of our class an address and says so in their status. It decides nothing
// before it has seen everything once, so an address never changes because the controller was restarted.

import type { KubeObject, ListWatch, ReconcileResult } from '../kube/api.ts';
import { between } from '../time/instant.ts';
import { AllocationBook } from './allocation-book.ts';
import { Arrivals } from './arrivals.ts';
import { CandidateLists } from './candidate-lists.ts';
import { ClusterState } from './cluster-state.ts';
import { ClusterWrites } from './cluster-writes.ts';
import { type ControllerDeps, type ControllerOptions, rulesOf } from './deps.ts';
import { LIVENESS_KEY, NodeLiveness } from './node-liveness.ts';
import { Overlaps } from './overlaps.ts';
import { PlacementNodes } from './placement-nodes.ts';
import { PoolStatusReconciler } from './pool-status.ts';
import { REBALANCE_KEY, Rebalancer } from './rebalancer.ts';
import { RefusalRetries } from './refusal-retries.ts';
import { Reporter } from './reporter.ts';
import { RetryingKeys } from './retrying-keys.ts';
import { ServiceAddresses } from './service-addresses.ts';
import { ServiceNodes } from './service-nodes.ts';
import { ServiceReconciler } from './service-reconciler.ts';
import { StatusRepairs } from './status-repairs.ts';
import { serviceKey, Triggers, WAITING_KEY } from './triggers.ts';
import { VirtualIPReconciler } from './virtual-ip-reconciler.ts';
import { WaitingServices } from './waiting-services.ts';

type Reconcile = (name: string) => Promise<ReconcileResult>;

export class Controller {
  readonly #deps: ControllerDeps;
  readonly #options: ControllerOptions;
  readonly #triggers: Triggers;
  /** By what comes before the first slash of a key. */
  readonly #reconcilers: Readonly<Record<string, Reconcile>>;
  readonly #retrying: RetryingKeys;
  #isSynced = false;
  #isStopped = false;

  /** Listens to the watches, but starts nothing. */
  constructor(deps: ControllerDeps, options: ControllerOptions) {
    this.#deps = deps;
    this.#options = options;
    const { queue, clock, wallClock, log, metrics } = deps;
    const rules = rulesOf(options);
    const state = new ClusterState(deps.watches, deps.translate);
    const book = new AllocationBook(state, { rules, waiting: new WaitingServices(state) });
    const placement = new PlacementNodes();
    const liveness = new NodeLiveness(state.leases, { clock, queue });
    const endpoints = new ServiceNodes(deps.watches.endpointSlices, deps.translate.endpointSlice);
    const lists = new CandidateLists({ state, nodes: placement, endpoints });
    const writes = new ClusterWrites(deps.api);
    const timestamp = () => wallClock.timestamp();
    const reporter = new Reporter(deps.events);
    const shared = { state, book, placement, lists, writes, reporter, log, timestamp, metrics, rules };
    const addresses = new ServiceAddresses(shared);
    const repairs = new StatusRepairs({ clock, queue, reporter });
    const arrivals = new Arrivals(clock);
    const retries = new RefusalRetries(clock);
    const overlaps = new Overlaps(clock, options.replacementOverlap);
    const parts = { addresses, repairs, arrivals, retries, overlaps };
    const services = new ServiceReconciler({ ...shared, ...parts });
    const virtualIPs = new VirtualIPReconciler(shared);
    const isOn = options.rebalance === 'Slow';
    const rebalancer = new Rebalancer({ ...shared, isOn, clock, queue });
    const pools = new PoolStatusReconciler({ ...shared, clock, interval: options.poolStatusInterval });
    this.#retrying = new RetryingKeys(this.#watches(), queue);
    const sources = { state, book, placement, lists, endpoints, rebalancer, liveness, queue, options };
    this.#triggers = new Triggers(sources);
    this.#reconcilers = {
      service: (key) => services.reconcile(key),
      vip: (name) => virtualIPs.reconcile(name),
      pool: (name) => pools.reconcile(name),
      [REBALANCE_KEY]: () => rebalancer.reconcile(),
      [WAITING_KEY]: async () => {
        for (const key of book.takeServed()) queue.add(serviceKey(key));
        return { kind: 'done' };
      },
      [LIVENESS_KEY]: async () => {
        liveness.wake();
        return { kind: 'done' };
      },
    };
  }

  /** Starts the watches and resolves when every one has been seen completely and the work has begun. */
  async start(): Promise<void> {
    const watches = this.#watches();
    for (const watch of watches) watch.start();
    try {
      await Promise.all(watches.map((watch) => watch.synced()));
    } catch (error) {
      // A watch that is stopped before it was complete rejects, and that is how `stop` ends a start.
      if (!this.#isStopped) throw error;
    }
    if (this.#isStopped) return;
    this.#isSynced = true;
    this.#triggers.open();
    this.#deps.queue.start(this.#options.workers, (key) => this.#reconcile(key));
    this.#deps.log.info('controller started', { ...rulesOf(this.#options) });
  }

  /** Resolves when what was being reconciled has ended and its events are sent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#isSynced = false;
    this.#triggers.close();
    await this.#deps.queue.stop();
    for (const watch of this.#watches()) watch.stop();
    await this.#deps.events.flush();
  }

  /** Whether it has seen everything once and works; for readiness. */
  isSynced(): boolean {
    return this.#isSynced;
  }

  #watches(): readonly ListWatch<KubeObject>[] {
    return Object.values(this.#deps.watches);
  }

  async #reconcile(key: string): Promise<ReconcileResult> {
    const { clock, metrics, log } = this.#deps;
    const slash = key.indexOf('/');
    const reconcile = this.#reconcilers[slash < 0 ? key : key.slice(0, slash)];
    if (reconcile === undefined) throw new Error(`no reconciler for the key ${key}`);
    const started = clock.now();
    const report = (result: 'done' | 'retry' | 'after' | 'failed') =>
      metrics.reconciled(result, between(started, clock.now()) / 1000);
    try {
      const result = await reconcile(key.slice(slash + 1));
      this.#retrying.note(key, result);
      report(result.kind);
      return result;
    } catch (error) {
      // Only a bug of ours comes here; the other keys must not suffer from it.
      report('failed');
      log.error('reconcile failed', { key, error });
      return { kind: 'retry' };
    }
  }
}
