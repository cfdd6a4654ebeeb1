// The node side: connects the API (VirtualIPs, Leases) with the wire worker, which elects and answers. The worker is
// told what is wanted and who is alive; the API is told what the worker claims and has let go.

import type { KubeObject, ListWatch, WatchState } from '../kube/api.ts';
import { seconds } from '../time/duration.ts';
import type { DataPlaneHealth, FromWorker, ToWorker } from '../wire-worker/messages.ts';
import type { AgentDeps, AgentOptions } from './agent-deps.ts';
import { announcerLinks, announcerSegments } from './announcer-links.ts';
import { type AnnouncerFacts, AnnouncerReporter } from './announcer-reporter.ts';
import { Departure } from './departure.ts';
import { HeartbeatKeys } from './heartbeat-keys.ts';
import { LivenessFeed } from './liveness-feed.ts';
import { OwnNode } from './own-node.ts';
import { ProxyHealth } from './proxy-health.ts';
import { Revoked } from './revoked.ts';
import { type Saved, SavedState, savedObject } from './saved-state.ts';
import { VirtualIPReconciler } from './virtual-ip-reconciler.ts';
import { VirtualIPs } from './virtual-ips.ts';
import { Wanted } from './wanted.ts';
import { WireState } from './wire-state.ts';
import { WireTotals } from './wire-totals.ts';

/** Writes to the API that are in flight at the same time. */
const WRITERS = 16;

/** Below the 30 s that Kubernetes gives a Pod by default, with time left to stop. */
const DEPARTURE_LIMIT = seconds(25);

const LAST_REPORT_LIMIT = seconds(1);

/** An API that has not answered a list for so long after the start counts as away: what was saved has to do. */
const API_PATIENCE = seconds(3);

export class Agent {
  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #wire = new WireState();
  readonly #virtualIPs: VirtualIPs;
  readonly #wanted: Wanted;
  readonly #reconciler: VirtualIPReconciler;
  readonly #feed: LivenessFeed;
  readonly #reporter: AnnouncerReporter;
  readonly #totals: WireTotals;
  readonly #heartbeatKeys: HeartbeatKeys;
  readonly #saved: SavedState | undefined;
  readonly #proxyHealth: ProxyHealth;
  readonly #revoked: Revoked;
  readonly #ownNode: OwnNode;
  #departure: Departure | undefined;
  #hasSynced = false;
  #knowsAllLeases = false;

  constructor(deps: AgentDeps, options: AgentOptions) {
    this.#deps = deps;
    this.#options = options;
    const { node } = options;
    const send = (message: ToWorker): void => deps.worker.send(message);
    const virtualIPs = new VirtualIPs(deps.virtualIPs, deps.log);
    const onDropped = (names: readonly string[]): void => this.#queueAll(names);
    this.#virtualIPs = virtualIPs;
    const isHeld = (uid: string): boolean => this.#wire.held(uid) !== undefined;
    const isAble = (): boolean => this.#ownNode.isAble();
    this.#wanted = new Wanted({ ...deps, node, virtualIPs, isHeld, isAble, send, onDropped });
    this.#ownNode = new OwnNode({ ...deps, node, onChange: () => this.#wanted.updateAll() });
    const parts = { node, virtualIPs, wanted: this.#wanted, wire: this.#wire, send };
    const countClaim = deps.metrics.claim.bind(deps.metrics);
    this.#reconciler = new VirtualIPReconciler({ ...deps, ...parts, countClaim });
    const onAlive = (): void => this.#tellAlive();
    const onReachable = (isReachable: boolean): void => this.#reachable(isReachable);
    const { liveness: machine } = deps;
    const onOwnDeleted = (): void => this.#ownLeaseDeleted();
    const handlers = { onAlive, onReachable, onOwnDeleted };
    this.#feed = new LivenessFeed({ ...deps, machine, node, ...handlers }, options.lease);
    this.#reporter = new AnnouncerReporter({ ...deps, ...options });
    this.#totals = new WireTotals(send, deps.timers);
    const { session, namespace, heartbeat } = options;
    this.#heartbeatKeys = new HeartbeatKeys({
      ...deps,
      namespace,
      settings: { session, ...heartbeat },
      send: (settings) => send({ kind: 'heartbeats', settings }),
      onRead: () => this.#saved?.changed(),
      onState: () => this.#report(),
    });
    this.#proxyHealth = new ProxyHealth({
      ...deps,
      mode: options.proxyHealth,
      ask: deps.proxyStatus,
      onChange: (health) => this.#proxyChanged(health),
    });
    const watchState = (): WatchState => deps.virtualIPs.state();
    this.#revoked = new Revoked({ ...deps, virtualIPs, send, watchState });
    const { store } = deps;
    const collect = (): Saved => this.#collect();
    this.#saved = store && new SavedState({ ...deps, store, collect });
  }

  /** Starts everything; what fails at first is tried for ever. */
  start(): void {
    const { worker, virtualIPs, leases, lease, queue, metrics } = this.#deps;
    worker.onMessage((message) => this.#receive(message));
    worker.onExit((error) => {
      if (error !== undefined) this.#options.onFatal(error);
    });
    // First, so that the controller and the other agents count this node in as early as possible.
    lease.start();
    this.#virtualIPs.onChange((name) => this.#changed(name));
    this.#virtualIPs.onDeleted((uid) => worker.send({ kind: 'deleted', uids: [uid] }));
    virtualIPs.onState((state) => {
      if (state === 'Synced') void this.#revoked.lookAgain();
    });
    this.#heartbeatKeys.start();
    this.#proxyHealth.start();
    this.#ownNode.start();
    queue.start(WRITERS, (name) => this.#reconciler.reconcile(name));
    this.#follow('VirtualIP', virtualIPs, () => {
      this.#hasSynced = true;
      this.#virtualIPs.forgetSaved();
      this.#wanted.open();
    });
    void this.#restore();
    this.#follow('Lease', leases, () => {
      this.#knowsAllLeases = true;
      this.#tellAlive();
    });
    metrics.attach({
      heldCount: () => this.#wire.heldCount(),
      isProxyHealthy: () => this.#proxyHealth.health !== 'Unhealthy',
      leaseAge: () => this.#feed.renewAge(),
      wireTotals: () => this.#totals.read(),
    });
  }

  /** How many addresses this node answers for. */
  heldCount(): number {
    return this.#wire.heldCount();
  }

  /** Why only a restart can help, or undefined. */
  notAlive(): string | undefined {
    return this.#deps.worker.isStuck() ? 'the wire worker hangs' : undefined;
  }

  /** Why the agent can not do its work fully, or undefined when it can. */
  notReady(): string | undefined {
    const { virtualIPs, leases } = this.#deps;
    if (this.#departure !== undefined) return 'leaving';
    if (!this.#wire.isReady()) return 'the wire worker is starting';
    if (virtualIPs.state() !== 'Synced') return `VirtualIPs: ${virtualIPs.state()}`;
    if (leases.state() !== 'Synced') return `Leases: ${leases.state()}`;
    const { isInUse, problem } = this.#heartbeatKeys.state();
    if (!isInUse) return `no heartbeat key: ${problem?.message ?? 'not read yet'}`;
    if (!this.#feed.isReachable()) return "this node's Lease is not renewed";
    return this.#proxyHealth.health === 'Unhealthy' ? 'kube-proxy is not healthy' : undefined;
  }

  /** Hands over what is held, then ends everything. Takes 27 s at most. */
  async stop(): Promise<void> {
    const { virtualIPs, leases, lease, queue, log } = this.#deps;
    const result = await this.#depart();
    log.info('agent has left', { result, held: this.#wire.heldCount() });
    this.#wanted.close();
    this.#heartbeatKeys.stop();
    this.#proxyHealth.stop();
    this.#ownNode.stop();
    this.#saved?.stop();
    await Promise.all([this.#stopWorker(), this.#lastReport()]);
    this.#feed.stop();
    lease.stop();
    leases.stop();
    virtualIPs.stop();
    await queue.stop();
  }

  async #depart(): Promise<string> {
    const { worker, lease, log } = this.#deps;
    const departure = new Departure({
      ...this.#deps,
      node: this.#options.node,
      virtualIPs: this.#virtualIPs,
      wire: this.#wire,
      alive: () => this.#feed.alive(),
      releaseLease: () => lease.release(),
    });
    this.#departure = departure;
    log.info('agent is leaving', { held: this.#wire.heldCount() });
    worker.send({ kind: 'leave' });
    return departure.run(DEPARTURE_LIMIT);
  }

  async #stopWorker(): Promise<void> {
    try {
      await this.#deps.worker.stop();
    } catch (error) {
      this.#deps.log.error('wire worker not stopped in time', { error });
    }
  }

  async #lastReport(): Promise<void> {
    const links = this.#links();
    if (links === undefined) {
      this.#reporter.stop();
      return;
    }
    const time = Promise.withResolvers<void>();
    const timer = this.#deps.timers.after(LAST_REPORT_LIMIT, 'last-report', time.resolve);
    const facts = { ...links, ...this.#health(), held: 0, notReady: 'stopped' };
    await Promise.race([this.#reporter.finish(facts), time.promise]);
    timer.cancel();
  }

  /** With the API away since before the start, this node goes on with what it knew then. */
  async #restore(): Promise<void> {
    const { timers, log } = this.#deps;
    const saved = await this.#saved?.load();
    if (saved === undefined) return;
    timers.after(API_PATIENCE, 'saved-state-restore', () => {
      if (this.#hasSynced || this.#departure !== undefined) return;
      log.warn('API not reached; going on with what was saved', { virtualIPs: saved.virtualIPs.length });
      this.#virtualIPs.restore(saved.virtualIPs);
      if (saved.keys !== undefined) this.#heartbeatKeys.restore(saved.keys);
      this.#wanted.open();
    });
  }

  #collect(): Saved {
    const { node } = this.#options;
    const virtualIPs = Array.from(this.#wanted.names()).flatMap((name) => {
      const virtualIP = this.#virtualIPs.get(name);
      if (virtualIP === undefined) return [];
      const held = this.#wire.held(virtualIP.uid);
      return savedObject(virtualIP, held && { holder: node, epoch: held.epoch });
    });
    return { keys: this.#heartbeatKeys.used(), virtualIPs };
  }

  #follow(kind: string, watch: ListWatch<KubeObject>, onSynced: () => void): void {
    this.#deps.metrics.watchState(kind, watch.state());
    watch.onState((state) => {
      this.#deps.metrics.watchState(kind, state);
      this.#deps.log.info('watch state', { kind, state });
      this.#report();
    });
    watch.start();
    // It rejects only when it is stopped before, and then nobody waits for it.
    watch.synced().then(onSynced, () => {});
  }

  #changed(name: string): void {
    this.#wanted.update(name);
    this.#deps.queue.add(name);
    this.#departure?.check();
    this.#saved?.changed();
  }

  #queueAll(names: readonly string[]): void {
    for (const name of names) this.#deps.queue.add(name);
  }

  #heldChanged(names: readonly string[]): void {
    for (const name of names) this.#wanted.update(name);
    this.#queueAll(names);
    this.#saved?.changed();
  }

  /** The set is complete only once all Leases were listed. */
  #tellAlive(): void {
    if (!this.#knowsAllLeases) return;
    const alive = this.#feed.alive();
    this.#deps.log.info('nodes alive', { alive });
    this.#deps.worker.send({ kind: 'liveness', alive });
    this.#departure?.check();
  }

  #reachable(isReachable: boolean): void {
    if (isReachable) this.#deps.log.info('own Lease renewed');
    else this.#deps.log.warn('own Lease not renewed for too long; no node is suspected');
    this.#report();
  }

  #proxyChanged(health: DataPlaneHealth): void {
    this.#deps.worker.send({ kind: 'data-plane', health });
    this.#report();
  }

  /** The others wait for the rest of its time, and must not be kept waiting for the next renewal. */
  #ownLeaseDeleted(): void {
    if (this.#departure !== undefined) return;
    this.#deps.log.warn('own Lease was deleted; it is made anew');
    this.#deps.lease.renew();
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.#wire.ready();
        break;
      case 'links':
        this.#wire.setLinks(message.links);
        break;
      case 'peers':
        this.#wire.setPeers(message.link, message.peers);
        break;
      case 'held':
        this.#heldChanged(this.#wire.setHeld(message));
        break;
      case 'claim':
        this.#reconciler.claim(message);
        this.#deps.queue.add(message.name);
        return;
      case 'withdrawn':
        this.#withdrawn(message);
        return;
      case 'revoked':
        void this.#revoked.ask(message);
        return;
      case 'left':
        this.#wire.left();
        break;
      case 'counters':
        this.#totals.receive(message.counters);
        return;
      case 'log':
        this.#deps.log[message.level](message.message, message.values);
        return;
    }
    this.#departure?.check();
    this.#report();
  }

  #withdrawn(message: Extract<FromWorker, { readonly kind: 'withdrawn' }>): void {
    const { name, reason } = message;
    this.#deps.log.info('address withdrawn', { name, reason });
    this.#reconciler.withdrawn(message);
    this.#deps.queue.add(name);
  }

  /** The first report waits for the links, which tell the controller what this node can announce. */
  #report(): void {
    const links = this.#links();
    if (links === undefined || this.#departure !== undefined) return;
    this.#reporter.report({ ...links, held: this.#wire.heldCount(), ...this.#health() });
  }

  #health(): Pick<AnnouncerFacts, 'notReady' | 'heartbeatKey'> {
    return { notReady: this.notReady(), heartbeatKey: this.#heartbeatKeys.state() };
  }

  #links(): Pick<AnnouncerFacts, 'links' | 'segments'> | undefined {
    const links = this.#wire.links();
    return links && { links: announcerLinks(links), segments: announcerSegments(links, this.#wire.peers()) };
  }
}
