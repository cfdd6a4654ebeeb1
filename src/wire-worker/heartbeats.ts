// The heartbeat sockets of this node: opens and closes them as links come and go. Silent until it has been given keys.

import { canAnswer } from '../announce/l2/link-choice.ts';
import type { Link, PortReservation, WireHost } from '../host/host.ts';
import { HEARTBEAT_PORT } from '../protocol/heartbeat/heartbeat-frame.ts';
import { seconds } from '../time/duration.ts';
import { after, earlier, hasPassed, type Instant } from '../time/instant.ts';
import type { HeartbeatCounters } from './heartbeat-counters.ts';
import { HeartbeatDrops } from './heartbeat-drops.ts';
import {
  HEARTBEAT_GROUP_MAC,
  HeartbeatLink,
  type HeartbeatSockets,
  type ReceivedHeartbeat,
} from './heartbeat-link.ts';
import type { HeartbeatIdentity } from './heartbeat-settings.ts';
import { type Log, reasonOf } from './log.ts';

/** How long after a socket could not be opened it is tried again, if no change of a link comes first. */
const RETRY = seconds(1);

export interface HeartbeatsDeps {
  readonly host: Pick<WireHost, 'openHeartbeatSocket' | 'openStrangersSocket' | 'reservePort'>;
  readonly counters: HeartbeatCounters;
  readonly log: Log;
}

export class Heartbeats {
  readonly #deps: HeartbeatsDeps;
  readonly #drops: HeartbeatDrops;
  readonly #links = new Map<number, HeartbeatLink>();
  /** Links whose socket could not be opened, so that each is logged once. */
  readonly #failing = new Set<number>();
  #identity: HeartbeatIdentity | undefined;
  #reservation: PortReservation | undefined;
  #present: readonly Link[] = [];
  #retryAt: Instant | undefined;
  #fds: readonly number[] = [];

  constructor(deps: HeartbeatsDeps) {
    this.#deps = deps;
    this.#drops = new HeartbeatDrops(deps.counters, deps.log);
  }

  /** The descriptors to wait for: the same array until there are others. */
  get fds(): readonly number[] {
    return this.#fds;
  }

  get hasMore(): boolean {
    for (const link of this.#links.values()) if (link.hasMore) return true;
    return false;
  }

  /** When a socket that could not be opened is tried again, something is to be logged, or `receive` has to be called. */
  deadline(): Instant | undefined {
    let deadline = earlier(this.#retryAt, this.#drops.deadline());
    for (const link of this.#links.values()) deadline = earlier(deadline, link.deadline());
    return deadline;
  }

  link(index: number): HeartbeatLink | undefined {
    return this.#links.get(index);
  }

  /** Begins, or goes on with other keys. */
  configure(now: Instant, identity: HeartbeatIdentity): void {
    this.#identity = identity;
    for (const link of this.#links.values()) link.rekey(identity);
    this.#reserve();
    this.update(now, this.#present);
  }

  /** Not having the port is no reason to be silent: the frames come in anyway, with the kernel's refusals as noise. */
  #reserve(): void {
    if (this.#reservation !== undefined) return;
    try {
      this.#reservation = this.#deps.host.reservePort(HEARTBEAT_PORT);
    } catch (error) {
      this.#deps.log('warn', 'heartbeat port is not reserved', {
        port: HEARTBEAT_PORT,
        reason: reasonOf(error),
      });
    }
  }

  update(now: Instant, links: readonly Link[]): void {
    this.#present = links;
    this.#retryAt = undefined;
    if (this.#identity === undefined) return;
    const fitting = new Map(links.filter(canAnswer).map((link) => [link.index, link]));
    for (const [index, known] of this.#links)
      if (!fitting.has(index) || !known.isBound()) this.#close(index, known);
    for (const index of this.#failing) if (!fitting.has(index)) this.#failing.delete(index);
    for (const link of fitting.values()) {
      const known = this.#links.get(link.index);
      if (known === undefined) this.#open(now, link, this.#identity);
      else known.update(link);
    }
    this.#collectFds();
  }

  #collectFds(): void {
    this.#fds = [...this.#links.values()].flatMap(({ fds }) => fds);
  }

  #open(now: Instant, link: Link, identity: HeartbeatIdentity): void {
    const sockets = this.#socketsOn(now, link);
    if (sockets === undefined) return;
    const deps = { counters: this.#deps.counters, drops: this.#drops };
    this.#links.set(link.index, new HeartbeatLink(sockets, { link, identity }, deps));
  }

  #socketsOn(now: Instant, link: Link): HeartbeatSockets | undefined {
    const { log } = this.#deps;
    try {
      const sockets = this.#openBoth(link);
      this.#failing.delete(link.index);
      return sockets;
    } catch (error) {
      this.#retryAt = after(now, RETRY);
      const level = this.#failing.has(link.index) ? 'debug' : 'warn';
      this.#failing.add(link.index);
      const values = { link: link.name, index: link.index, reason: reasonOf(error) };
      log(level, 'open heartbeat socket failed', values);
      return undefined;
    }
  }

  #openBoth(link: Link): HeartbeatSockets {
    const { host } = this.#deps;
    const known = host.openHeartbeatSocket(link, HEARTBEAT_PORT, HEARTBEAT_GROUP_MAC);
    try {
      return { known, strangers: host.openStrangersSocket(link, HEARTBEAT_PORT, HEARTBEAT_GROUP_MAC) };
    } catch (error) {
      known.close();
      throw error;
    }
  }

  /** What is waiting, by link. */
  receive(
    now: Instant,
    ready: readonly number[],
  ): readonly (ReceivedHeartbeat & { readonly link: number })[] {
    const received: (ReceivedHeartbeat & { readonly link: number })[] = [];
    let hasChanged = false;
    for (const [index, link] of this.#links) {
      const before = link.fds.length;
      for (const { frame, from } of link.receive(now, ready)) received.push({ frame, from, link: index });
      hasChanged ||= link.fds.length !== before || link.deadline() !== undefined;
    }
    if (hasChanged) this.#collectFds();
    return received;
  }

  timeouts(now: Instant): void {
    this.#drops.timeouts(now);
    if (this.#retryAt !== undefined && hasPassed(this.#retryAt, now)) this.update(now, this.#present);
  }

  close(): void {
    for (const [index, link] of this.#links) this.#close(index, link);
    this.#fds = [];
    this.#reservation?.close();
    this.#reservation = undefined;
  }

  #close(index: number, link: HeartbeatLink): void {
    link.close();
    this.#links.delete(index);
  }
}
