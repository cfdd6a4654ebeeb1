// The wire worker's loop: waits in poll(2) for frames, link changes, messages of the main thread and the machines'
// deadlines, and does what the election says. Knows the host as a type only, so it runs against fakes too.

import { L2Announcer } from '../announce/l2/l2-announcer.ts';
import { L2Counters } from '../announce/l2/l2-counters.ts';
import type { HeldElection } from '../election/election-messages.ts';
import type { ElectorOptions } from '../election/elector.ts';
import type { LinkMonitor, Waker, WireHost } from '../host/host.ts';
import { type Duration, milliseconds, times } from '../time/duration.ts';
import { between, earlier, hasPassed, type Instant } from '../time/instant.ts';
import { type Decision, ElectionDriver } from './election-driver.ts';
import { DEFAULT_HEARTBEAT, electionTimes, type HeartbeatTimes } from './election-times.ts';
import { shortId } from './heartbeat-settings.ts';
import { LinkTable } from './link-table.ts';
import { type Log, logTo } from './log.ts';
import { LOOK_INTERVAL, type MainWatch } from './main-watch.ts';
import type { DataPlaneHealth, FromWorker, ToWorker } from './messages.ts';
import { NodeIds } from './node-ids.ts';
import { Quiet } from './quiet.ts';
import { Reporter } from './reporter.ts';
import { WantedAddresses } from './wanted-addresses.ts';

export interface WireLoopOptions {
  readonly host: WireHost;
  readonly node: string;
  /** The main thread's waker, which says that messages are waiting. */
  readonly wakerFd: number;
  /** The next message of the main thread, if there is one. */
  readonly receive: () => ToWorker | undefined;
  readonly post: (message: FromWorker) => void;
  /** Undefined where the main thread is not watched: it counts as moving. */
  readonly mainWatch?: MainWatch;
  readonly heartbeat?: HeartbeatTimes;
  /** Other times for the election than those that follow from the heartbeat's. */
  readonly election?: Partial<ElectorOptions>;
}

export class WireLoop {
  readonly #options: WireLoopOptions;
  readonly #host: WireHost;
  readonly #waker: Waker;
  readonly #monitor: LinkMonitor;
  readonly #counters = new L2Counters();
  readonly #log: Log;
  readonly #table: LinkTable;
  readonly #announcer = new L2Announcer();
  readonly #wanted: WantedAddresses;
  readonly #reporter: Reporter;
  readonly #mainWatch: MainWatch | undefined;
  readonly #election: ElectionDriver;
  /** How long this thread may stand still before the others take its node for dead. */
  readonly #detection: Duration;
  readonly #quiet: Quiet;
  #fds: {
    readonly sockets: readonly number[];
    readonly election: readonly number[];
    readonly all: readonly number[];
  };
  #turns = 0;
  #turnedAt: Instant | undefined;
  #isStopped = false;
  #dataPlane: DataPlaneHealth = 'Healthy';
  #malformedSeen = 0;

  constructor(options: WireLoopOptions) {
    const { host, node, post } = options;
    this.#options = options;
    this.#host = host;
    this.#log = logTo(post);
    this.#waker = host.openWaker(options.wakerFd);
    this.#monitor = host.openLinkMonitor();
    this.#table = new LinkTable({
      openArpSocket: (link) => host.openArpSocket(link),
      counters: this.#counters,
      log: this.#log,
    });
    const ids = new NodeIds((name) => shortId(name, host.digests));
    this.#wanted = new WantedAddresses(this.#log, (name) => ids.idOf(name));
    this.#reporter = new Reporter(post);
    this.#mainWatch = options.mainWatch;
    const { heartbeat = DEFAULT_HEARTBEAT, election } = options;
    this.#detection = times(heartbeat.interval, heartbeat.multiplier);
    this.#quiet = new Quiet(heartbeat.interval);
    this.#election = new ElectionDriver({
      ...{ node, host, ids, wanted: this.#wanted, log: this.#log },
      options: { ...electionTimes(heartbeat), ...election },
      reportPeers: (link, peers) => post({ kind: 'peers', link, peers }),
      mainAge: () => this.#mainWatch?.age ?? milliseconds(0),
    });
    this.#fds = { sockets: [], election: [], all: [this.#waker.fd, this.#monitor.fd] };
  }

  /** Learns the links and says that the worker is ready; then messages that came before are handled. */
  start(): void {
    const now = this.#host.clock.now();
    this.#refreshLinks(now);
    this.#options.post({ kind: 'ready' });
    this.#handleMessages(now);
  }

  /** Runs until a `stop` message. */
  run(): void {
    this.start();
    // A stop that came before the first turn has taken its wake-up with it: waiting for another would be for ever.
    while (!this.#isStopped && this.turn());
  }

  /** Waits once and handles all that is due; false after a `stop` message. */
  turn(): boolean {
    const timeout = this.#timeout();
    const ready = this.#host.poller.wait(this.#pollSet(), timeout);
    this.#turns++;
    const now = this.#host.clock.now();
    this.#noticeGap(now, timeout);
    if (this.#mainWatch !== undefined) this.#lookAtMain(now, this.#mainWatch);
    // What the main thread withdraws is not answered from the next frame on, so messages come before frames.
    if (ready.includes(this.#waker.fd)) this.#handleMessages(now);
    if (this.#isStopped) return false;
    for (const link of this.#table.sockets.values()) if (ready.includes(link.socket.fd)) link.receive();
    // Frames are taken before the links are looked at: who asks after a change of the MAC learns the new one.
    if (ready.length > 0 && this.#monitor.drain()) this.#refreshLinks(now);
    this.#answer();
    this.#perform(now, this.#election.receive(now, ready));
    this.#endQuiet(now);
    this.#timeouts(now);
    return true;
  }

  /** This thread stood still, and others may have taken over what it holds (ELECTION.md section 2). */
  #noticeGap(now: Instant, timeout: number | undefined): void {
    const before = this.#turnedAt;
    this.#turnedAt = now;
    if (before === undefined || timeout === undefined) return;
    const gap = between(before, now) - timeout;
    if (gap <= this.#detection) return;
    this.#log('warn', 'stood still; answers nothing until others were heard', { ms: Math.round(gap) });
    this.#quiet.begin();
    this.#perform(now, this.#election.step(now, { kind: 'gap' }));
  }

  #answer(): void {
    for (const link of this.#table.sockets.values())
      if (this.#quiet.isQuiet) link.discard();
      else link.answer();
  }

  #endQuiet(now: Instant): void {
    const postponed = this.#quiet.end(now, this.#election.hasMore);
    if (postponed === undefined) return;
    this.#announcer.reconcile(now, this.#table);
    this.#announce(now, postponed);
  }

  #pollSet(): readonly number[] {
    const sockets = this.#table.fds;
    const election = this.#election.fds;
    if (sockets !== this.#fds.sockets || election !== this.#fds.election)
      this.#fds = { sockets, election, all: [this.#waker.fd, this.#monitor.fd, ...sockets, ...election] };
    return this.#fds.all;
  }

  /** Milliseconds until the next deadline or look at the main thread; undefined if there is none. */
  #timeout(): number | undefined {
    if (this.#election.hasMore) return 0;
    let deadline = earlier(this.#election.deadline(), this.#table.deadline());
    deadline = earlier(deadline, this.#quiet.deadline());
    if (!this.#quiet.isQuiet)
      for (const link of this.#table.sockets.values()) deadline = earlier(deadline, link.deadline());
    const look = this.#mainWatch === undefined ? undefined : LOOK_INTERVAL;
    if (deadline === undefined) return look;
    return Math.min(Math.max(0, between(this.#host.clock.now(), deadline)), look ?? Number.POSITIVE_INFINITY);
  }

  // One step of each machine a turn: what is due after that makes the next turn's timeout 0, and frames come between.
  #timeouts(now: Instant): void {
    this.#perform(now, this.#election.timeouts(now));
    if (!this.#quiet.isQuiet)
      for (const link of this.#table.sockets.values()) if (isDue(link.deadline(), now)) link.timeout(now);
    if (isDue(this.#table.deadline(), now)) this.#refreshLinks(now);
  }

  #handleMessages(now: Instant): void {
    this.#waker.drain();
    for (let message = this.#options.receive(); message !== undefined; message = this.#options.receive()) {
      this.#handle(now, message);
      if (this.#isStopped) return;
    }
  }

  #handle(now: Instant, message: ToWorker): void {
    switch (message.kind) {
      case 'stop':
        this.#isStopped = true;
        return;
      case 'count':
        for (const link of this.#table.sockets.values()) link.count();
        this.#options.post({
          kind: 'counters',
          counters: {
            ...this.#counters.totals(),
            turns: this.#turns,
            heartbeats: this.#election.totals(),
          },
        });
        return;
      case 'want':
        return this.#want(now, message);
      case 'liveness':
        return this.#perform(now, this.#election.setAlive(now, message.alive));
      case 'data-plane':
        this.#dataPlane = message.health;
        return this.#tellSelf(now);
      case 'deleted':
        return this.#perform(now, this.#election.setDeleted(now, message.uids));
      case 'heartbeats':
        return this.#perform(now, this.#election.configure(now, message.settings));
      default:
        return this.#perform(now, this.#election.step(now, message));
    }
  }

  #want(now: Instant, message: Extract<ToWorker, { readonly kind: 'want' }>): void {
    const decisions = this.#election.want(now, message);
    // What is held already may have got other interfaces.
    const held = message.addresses.map(({ uid }) => uid).filter((uid) => this.#election.heldOf(uid));
    this.#perform(now, decisions, held);
  }

  /** Nothing more is taken while the main thread hangs; what is held is answered until an able node has claimed it. */
  #lookAtMain(now: Instant, watch: MainWatch): void {
    const change = watch.look(now);
    if (change === undefined) return;
    if (change === 'Hangs') this.#log('error', 'main thread hangs', { ms: Math.round(watch.age) });
    if (change === 'Moves') this.#log('warn', 'main thread moves again', {});
    this.#tellSelf(now);
  }

  #tellSelf(now: Instant): void {
    const { isAble, isHung } = this.#mainWatch ?? MOVING;
    const self = {
      isAble: isAble && this.#dataPlane === 'Healthy',
      isHung,
      isUnable: this.#dataPlane === 'Unhealthy',
    };
    this.#perform(now, this.#election.step(now, { kind: 'self', ...self }));
  }

  /** The wire first, then the main thread: an address is answered before its claim is written, and silent before that is said. */
  #perform(now: Instant, decisions: readonly Decision[], others: readonly string[] = []): void {
    const changed = new Set([...others, ...decisions.flatMap(touched)]);
    if (changed.size > 0) this.#announce(now, changed);
    for (const decision of decisions) this.#tell(decision);
  }

  #tell(output: Decision): void {
    switch (output.kind) {
      case 'announce':
        return;
      case 'claim': {
        const { uid, epoch, previous } = output;
        const link = this.#election.linkOf(uid);
        this.#options.post({ kind: 'claim', uid, name: this.#wanted.nameOf(uid), epoch, previous, link });
        return;
      }
      case 'revoked': {
        const { uid } = output;
        this.#options.post({ kind: 'revoked', uid, name: this.#wanted.nameOf(uid) });
        return;
      }
      case 'withdraw': {
        const { uid, reason } = output;
        this.#options.post({ kind: 'withdrawn', uid, name: this.#wanted.nameOf(uid), reason });
        return;
      }
      case 'left':
        this.#options.post({ kind: 'left' });
    }
  }

  /** Makes what is answered equal to what is held of these. */
  #announce(now: Instant, uids: Iterable<string>): void {
    const held: HeldElection[] = [];
    const gone: string[] = [];
    for (const uid of uids) {
      const each = this.#election.heldOf(uid);
      if (each === undefined) gone.push(uid);
      else held.push(each);
    }
    const answered = this.#quiet.postpone(held);
    const changed = answered.map((each) => this.#wanted.announced(each));
    this.#announcer.change(now, { changed, gone }, this.#table);
    this.#reportHeld(held, gone);
  }

  #reportHeld(held: readonly HeldElection[], gone: readonly string[]): void {
    const reports = held.map(({ uid, epoch }) => {
      return { uid, name: this.#wanted.nameOf(uid), epoch, link: this.#announcer.linkOf(uid) };
    });
    this.#reporter.reportHeld(reports, gone);
  }

  #refreshLinks(now: Instant): void {
    const links = this.#monitor.links();
    if (links === undefined) {
      this.#table.postpone(now);
      this.#reporter.reportLinks(this.#table.links, this.#monitor.gateways());
      return;
    }
    this.#table.update(now, links, this.#monitor.takeInterrupted());
    const gateways = this.#monitor.gateways();
    this.#perform(now, this.#election.setLinks(now, links, gateways));
    if (!this.#quiet.isQuiet) this.#announcer.reconcile(now, this.#table);
    this.#reportHeld(this.#election.held(), []);
    this.#reporter.reportLinks(links, gateways);
    const malformed = this.#monitor.malformedMessages;
    if (malformed > this.#malformedSeen)
      this.#log('warn', 'netlink messages not understood', { count: malformed - this.#malformedSeen });
    this.#malformedSeen = malformed;
  }

  /** Closes what the loop opened; the waker stays with the thread that made it. */
  close(): void {
    this.#table.close();
    this.#election.close();
    this.#monitor.close();
  }
}

/** A main thread that is not watched. */
const MOVING: Pick<MainWatch, 'isAble' | 'isHung'> = { isAble: true, isHung: false };

/** The uid of an address that is answered from now on, or not any more. */
const touched = (output: Decision): readonly string[] =>
  output.kind === 'announce' || output.kind === 'withdraw' ? [output.uid] : [];

const isDue = (deadline: Instant | undefined, now: Instant): boolean =>
  deadline !== undefined && hasPassed(deadline, now);
