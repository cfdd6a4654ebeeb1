// The heartbeats of this node on all its links: opens and closes their sockets as links come and go, and keeps every
// link told what this node claims. Silent until it has been given keys.

import { canAnswer } from '../announce/l2/link-choice.ts';
import type { Link, PortReservation, WireHost } from '../host/host.ts';
import { HEARTBEAT_PORT, type PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { seconds } from '../time/duration.ts';
import { after, earlier, hasPassed, type Instant } from '../time/instant.ts';
import { HeartbeatCounters, type HeartbeatTotals } from './heartbeat-counters.ts';
import {
  HEARTBEAT_GROUP_MAC,
  type HeartbeatEvent,
  HeartbeatLink,
  type SelfReport,
} from './heartbeat-link.ts';
import { type HeartbeatSettings, identityOf } from './heartbeat-settings.ts';
import type { Log } from './log.ts';

/** How long after a socket could not be opened it is tried again, if no change of a link comes first. */
const RETRY = seconds(1);

export interface HeartbeatsDeps {
  readonly node: string;
  readonly host: Pick<WireHost, 'openHeartbeatSocket' | 'reservePort' | 'digests'>;
  readonly self: () => SelfReport;
  readonly log: Log;
}

export class Heartbeats {
  readonly #deps: HeartbeatsDeps;
  readonly #counters = new HeartbeatCounters();
  readonly #links = new Map<number, HeartbeatLink>();
  #settings: HeartbeatSettings | undefined;
  #reservation: PortReservation | undefined;
  #present: readonly Link[] = [];
  #claims: readonly PeerClaim[] = [];
  #retryAt: Instant | undefined;
  #fds: readonly number[] = [];

  constructor(deps: HeartbeatsDeps) {
    this.#deps = deps;
  }

  /** The sockets' descriptors: the same array until one is opened or closed. */
  get fds(): readonly number[] {
    return this.#fds;
  }

  get hasMore(): boolean {
    for (const link of this.#links.values()) if (link.hasMore) return true;
    return false;
  }

  totals(): HeartbeatTotals {
    return this.#counters.totals();
  }

  deadline(): Instant | undefined {
    let deadline = this.#retryAt;
    for (const link of this.#links.values()) deadline = earlier(deadline, link.deadline());
    return deadline;
  }

  /** Begins, or begins anew with other keys; peers prove themselves again within an interval or two. */
  configure(now: Instant, settings: HeartbeatSettings): void {
    this.#settings = settings;
    this.#reserve();
    this.#closeAll();
    this.update(now, this.#present);
  }

  /** Not having the port is no reason to be silent: the frames come in anyway, with the kernel's refusals as noise. */
  #reserve(): void {
    if (this.#reservation !== undefined) return;
    try {
      this.#reservation = this.#deps.host.reservePort(HEARTBEAT_PORT);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#deps.log('warn', 'heartbeat port is not reserved', { port: HEARTBEAT_PORT, reason });
    }
  }

  update(now: Instant, links: readonly Link[]): void {
    this.#present = links;
    this.#retryAt = undefined;
    if (this.#settings === undefined) return;
    const fitting = new Map(links.filter(canAnswer).map((link) => [link.index, link]));
    for (const [index, known] of this.#links) {
      if (fitting.has(index) && known.socket.isBound()) continue;
      known.close();
      this.#links.delete(index);
    }
    for (const link of fitting.values()) {
      const known = this.#links.get(link.index);
      if (known === undefined) this.#open(now, link, this.#settings);
      else known.update(link);
    }
    this.#fds = Array.from(this.#links.values(), ({ socket }) => socket.fd);
  }

  #open(now: Instant, link: Link, settings: HeartbeatSettings): void {
    const { node, host, self, log } = this.#deps;
    try {
      const identity = identityOf(node, settings, host.digests);
      const socket = host.openHeartbeatSocket(link, HEARTBEAT_PORT, HEARTBEAT_GROUP_MAC);
      const opened = new HeartbeatLink(link, socket, { identity, self, counters: this.#counters });
      this.#links.set(link.index, opened);
      opened.claim(now, this.#claims);
      opened.tell(now, { kind: 'timeout' });
    } catch (error) {
      this.#retryAt = after(now, RETRY);
      const reason = error instanceof Error ? error.message : String(error);
      log('warn', 'open heartbeat socket failed', { link: link.name, index: link.index, reason });
    }
  }

  /** What this node claims, whole. */
  claim(now: Instant, claims: readonly PeerClaim[]): void {
    this.#claims = claims;
    for (const link of this.#links.values()) link.claim(now, claims);
  }

  /** Says at once what has changed in this node's report of itself. */
  hurry(now: Instant): void {
    for (const link of this.#links.values()) link.tell(now, { kind: 'urgent' });
  }

  receive(now: Instant, ready: readonly number[]): readonly HeartbeatEvent[] {
    const events: HeartbeatEvent[] = [];
    for (const link of this.#links.values())
      if (link.hasMore || ready.includes(link.socket.fd)) events.push(...link.receive(now));
    return events;
  }

  timeouts(now: Instant): void {
    if (this.#retryAt !== undefined && hasPassed(this.#retryAt, now)) this.update(now, this.#present);
    for (const link of this.#links.values()) {
      const deadline = link.deadline();
      if (deadline !== undefined && hasPassed(deadline, now)) link.tell(now, { kind: 'timeout' });
    }
  }

  close(): void {
    this.#closeAll();
    this.#reservation?.close();
    this.#reservation = undefined;
  }

  #closeAll(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#fds = [];
  }
}
