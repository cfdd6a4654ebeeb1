// The wire worker's loop: waits in poll(2) for frames, link changes, messages of the main thread and the machines'
// deadlines, and does what the ownership machine says. Knows the host as a type only, so it runs against fakes too.

import { L2Announcer } from '../announce/l2/l2-announcer.ts';
import { L2Counters } from '../announce/l2/l2-counters.ts';
import {
  type HeldOwnership,
  Ownership,
  type OwnershipInput,
  type OwnershipOutput,
} from '../election/ownership.ts';
import type { LinkMonitor, Waker, WireHost } from '../host/host.ts';
import type { Timeout } from '../protocol/machine.ts';
import { milliseconds, seconds } from '../time/duration.ts';
import { between, earlier, hasPassed, type Instant } from '../time/instant.ts';
import type { SelfReport } from './heartbeat-link.ts';
import { LinkTable } from './link-table.ts';
import { type Log, logTo } from './log.ts';
import { LOOK_INTERVAL, type MainWatch } from './main-watch.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { Peers } from './peers.ts';
import { Reporter } from './reporter.ts';
import { WantedAddresses } from './wanted-addresses.ts';

/**
 * The k-th candidate claims k times this later. ELECTION.md section 4 asks for 50 ms, for claims that are heard on the
 * LAN; while they travel through the API only, a slow write would make the second candidate claim too.
 */
const CLAIM_STAGGER = milliseconds(500);

/** The default duration of a node's Lease. */
const RECORD_TRUST = seconds(15);

/** Ten heartbeats, and as many chances to hear a claim again. */
const CLAIM_TRUST = seconds(1);

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
  readonly #ownership: Ownership;
  readonly #wanted: WantedAddresses;
  readonly #reporter: Reporter;
  readonly #mainWatch: MainWatch | undefined;
  readonly #peers: Peers;
  #fds: {
    readonly sockets: readonly number[];
    readonly peers: readonly number[];
    readonly all: readonly number[];
  };
  #turns = 0;
  #isStopped = false;
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
    this.#ownership = new Ownership({
      node,
      claimStagger: CLAIM_STAGGER,
      recordTrust: RECORD_TRUST,
      claimTrust: CLAIM_TRUST,
    });
    this.#wanted = new WantedAddresses(this.#log);
    this.#reporter = new Reporter(post);
    this.#mainWatch = options.mainWatch;
    const self = (): SelfReport => this.#self();
    this.#peers = new Peers({ node, host, wanted: this.#wanted, self, log: this.#log });
    this.#fds = { sockets: [], peers: [], all: [this.#waker.fd, this.#monitor.fd] };
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
    const ready = this.#host.poller.wait(this.#pollSet(), this.#timeout());
    this.#turns++;
    const now = this.#host.clock.now();
    if (this.#mainWatch !== undefined) this.#lookAtMain(now, this.#mainWatch);
    // What the main thread withdraws is not answered from the next frame on, so messages come before frames.
    if (ready.includes(this.#waker.fd)) this.#handleMessages(now);
    if (this.#isStopped) return false;
    for (const link of this.#table.sockets.values()) if (ready.includes(link.socket.fd)) link.receive();
    // Frames are taken before the links are looked at: who asks after a change of the MAC learns the new one.
    if (ready.length > 0 && this.#monitor.drain()) this.#refreshLinks(now);
    for (const link of this.#table.sockets.values()) link.answer();
    for (const input of this.#peers.receive(now, ready)) this.#step(now, input);
    this.#timeouts(now);
    return true;
  }

  #pollSet(): readonly number[] {
    const sockets = this.#table.fds;
    const peers = this.#peers.fds;
    if (sockets !== this.#fds.sockets || peers !== this.#fds.peers)
      this.#fds = { sockets, peers, all: [this.#waker.fd, this.#monitor.fd, ...sockets, ...peers] };
    return this.#fds.all;
  }

  /** Milliseconds until the next deadline or look at the main thread; undefined if there is none. */
  #timeout(): number | undefined {
    let deadline = earlier(this.#ownership.deadline(), this.#table.deadline());
    if (this.#peers.hasMore) return 0;
    deadline = earlier(deadline, this.#peers.deadline());
    for (const link of this.#table.sockets.values()) deadline = earlier(deadline, link.deadline());
    const look = this.#mainWatch === undefined ? undefined : LOOK_INTERVAL;
    if (deadline === undefined) return look;
    return Math.min(Math.max(0, between(this.#host.clock.now(), deadline)), look ?? Number.POSITIVE_INFINITY);
  }

  // One step of each machine a turn: what is due after that makes the next turn's timeout 0, and frames come between.
  #timeouts(now: Instant): void {
    // A claim that is still heard may be what a wait was for.
    if (isDue(this.#ownership.deadline(), now))
      for (const input of this.#peers.claimsTo(now, this.#ownership.due(now))) this.#step(now, input);
    if (isDue(this.#ownership.deadline(), now)) this.#step(now, { kind: 'timeout' });
    for (const link of this.#table.sockets.values()) if (isDue(link.deadline(), now)) link.timeout(now);
    this.#peers.tell(now, (uid) => this.#ownership.heldOf(uid));
    this.#peers.timeouts(now);
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
            heartbeats: this.#peers.totals(),
          },
        });
        return;
      case 'want':
        this.#step(now, { kind: 'want', ...this.#wanted.take(message) });
        return;
      case 'liveness':
        for (const input of this.#peers.setAlive(message.alive)) this.#step(now, input);
        return;
      case 'heartbeats':
        this.#peers.configure(now, message.settings);
        return;
      default:
        this.#step(now, message);
    }
  }

  /** Nothing more is taken while the main thread hangs; what is held is answered until an able node has claimed it. */
  #lookAtMain(now: Instant, watch: MainWatch): void {
    const change = watch.look(now);
    if (change === undefined) return;
    if (change === 'Hangs') this.#log('error', 'main thread hangs', { ms: Math.round(watch.age) });
    if (change === 'Moves') this.#log('warn', 'main thread moves again', {});
    this.#step(now, { kind: 'able', isAble: watch.isAble });
    if (change === 'Hangs' || change === 'Moves') this.#peers.hurry(now);
    // One that moves hears from the API who has claimed what; one that hangs has only what it has heard.
    if (!watch.isAble) for (const input of this.#peers.claims(now)) this.#step(now, input);
  }

  #self(): SelfReport {
    const idle = { isHung: false, isAble: true, age: milliseconds(0) };
    const { isHung, isAble, age } = this.#mainWatch ?? idle;
    const flags = { isLeaving: false, isUnable: !isAble, isHung, hasNoApi: false, isAlone: false };
    return { flags, mainAge: age };
  }

  /** The wire first, then the main thread: an address is answered before its claim is written, and silent before that is said. */
  #step(now: Instant, input: OwnershipInput | Timeout): void {
    const outputs = this.#ownership.step(now, input);
    const changed = new Set(outputs.flatMap(touched));
    if (changed.size > 0) this.#peers.heldChanged(changed, 'Now');
    if (input.kind === 'recorded') this.#peers.heldChanged([input.uid], 'Soon');
    if (input.kind === 'want') {
      // What is held already may be recorded now, or have got other interfaces.
      const kept = input.addresses.map(({ uid }) => uid).filter((uid) => this.#ownership.heldOf(uid));
      this.#peers.heldChanged(kept, 'Soon');
      for (const uid of kept) changed.add(uid);
    }
    if (changed.size > 0) this.#announce(now, changed);
    for (const output of outputs) this.#tell(output);
  }

  #tell(output: OwnershipOutput): void {
    switch (output.kind) {
      case 'announce':
        return;
      case 'claim': {
        const { uid, epoch, previous } = output;
        this.#options.post({ kind: 'claim', uid, name: this.#wanted.nameOf(uid), epoch, previous });
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
    const held: HeldOwnership[] = [];
    const gone: string[] = [];
    for (const uid of uids) {
      const each = this.#ownership.heldOf(uid);
      if (each === undefined) gone.push(uid);
      else held.push(each);
    }
    const changed = held.map((each) => this.#wanted.announced(each));
    this.#announcer.change(now, { changed, gone }, this.#table);
    this.#reportHeld(held, gone);
  }

  #reportHeld(held: readonly HeldOwnership[], gone: readonly string[]): void {
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
    this.#peers.update(now, links);
    this.#announcer.reconcile(now, this.#table);
    this.#reportHeld(this.#ownership.held(), []);
    this.#reporter.reportLinks(links, this.#monitor.gateways());
    const malformed = this.#monitor.malformedMessages;
    if (malformed > this.#malformedSeen)
      this.#log('warn', 'netlink messages not understood', { count: malformed - this.#malformedSeen });
    this.#malformedSeen = malformed;
  }

  /** Closes what the loop opened; the waker stays with the thread that made it. */
  close(): void {
    this.#table.close();
    this.#peers.close();
    this.#monitor.close();
  }
}

/** The uid of an address that is answered from now on, or not any more. */
const touched = (output: OwnershipOutput): readonly string[] =>
  output.kind === 'announce' || output.kind === 'withdraw' ? [output.uid] : [];

const isDue = (deadline: Instant | undefined, now: Instant): boolean =>
  deadline !== undefined && hasPassed(deadline, now);
