// Prometheus metrics of both programs, with the prefix fairlead_ and a registry of their own (never prom-client's
// global one). Series stay few: labels are links, pools, kinds and reasons, never addresses or Services.

import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export type WatchStateName = 'Syncing' | 'Synced' | 'Lost';
const WATCH_STATES: readonly WatchStateName[] = ['Syncing', 'Synced', 'Lost'];

export interface ProgramOptions {
  readonly version: string;
  /** Resident memory of the process in bytes. */
  readonly residentMemory: () => number;
}

/** What both programs report. */
export class ProgramMetrics {
  readonly registry = new Registry();
  readonly #watch: Gauge<'kind' | 'state'>;

  constructor(component: string, { version, residentMemory }: ProgramOptions) {
    const registers = [this.registry];
    const info = { name: 'fairlead_build_info', help: 'Version of the running program; always 1.' };
    new Gauge({ ...info, labelNames: ['component', 'version'], registers }).set({ component, version }, 1);
    new Gauge({
      name: 'fairlead_resident_memory_bytes',
      help: 'Resident memory of the process.',
      registers,
      collect() {
        this.set(residentMemory());
      },
    });
    this.#watch = new Gauge({
      name: 'fairlead_watch_state',
      help: 'State of the watch of a kind: 1 for the present one of Syncing, Synced, Lost.',
      labelNames: ['kind', 'state'],
      registers,
    });
  }

  watchState(kind: string, state: WatchStateName): void {
    for (const each of WATCH_STATES) this.#watch.set({ kind, state: each }, each === state ? 1 : 0);
  }

  /** The page for Prometheus. */
  async page(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.registry.contentType, body: await this.registry.metrics() };
  }
}

/** How a reconcile ended: `done`, `retry` with back-off, `after` a set time, or `failed` with an exception. */
export type ReconcileOutcome = 'done' | 'retry' | 'after' | 'failed';

export class ControllerMetrics extends ProgramMetrics {
  readonly #reconciles: Histogram<'result'>;
  readonly #allocations: Gauge<'pool' | 'family'>;
  readonly #refusals: Counter<'reason'>;
  readonly #leader: Gauge;

  constructor(options: ProgramOptions & { readonly queueLength: () => number }) {
    super('controller', options);
    const registers = [this.registry];
    new Gauge({
      name: 'fairlead_queue_length',
      help: 'Keys waiting in the work queue.',
      registers,
      collect() {
        this.set(options.queueLength());
      },
    });
    const help = 'Whether this replica is the one that acts.';
    this.#leader = new Gauge({ name: 'fairlead_leader', help, registers });
    this.#reconciles = new Histogram({
      name: 'fairlead_reconcile_seconds',
      help: 'Duration of reconciles by result.',
      labelNames: ['result'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    });
    this.#refusals = new Counter({
      name: 'fairlead_allocation_refusals_total',
      help: 'How often a Service was told that it gets no address, by reason (docs/guide/refusals.md).',
      labelNames: ['reason'],
      registers,
    });
    this.#allocations = new Gauge({
      name: 'fairlead_allocations',
      help: 'Addresses in use by pool and family.',
      labelNames: ['pool', 'family'],
      registers,
    });
  }

  /** A Service was told that it gets no address, for this reason. */
  refused(reason: string): void {
    this.#refusals.inc({ reason });
  }

  leading(isLeader: boolean): void {
    this.#leader.set(isLeader ? 1 : 0);
  }

  reconciled(result: ReconcileOutcome, seconds: number): void {
    this.#reconciles.observe({ result }, seconds);
  }

  /** The whole list: pools that are not in it vanish from the page. */
  allocations(
    counts: Iterable<{ readonly pool: string; readonly family: string; readonly count: number }>,
  ): void {
    this.#allocations.reset();
    for (const { pool, family, count } of counts) this.#allocations.set({ pool, family }, count);
  }
}
