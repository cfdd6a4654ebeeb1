// The heartbeats of this node on all its links: opens and closes their sockets as links come and go, and keeps every
// link told what this node claims. Silent until it has been given keys.

import { canAnswer } from '../announce/l2/link-choice.ts';
import type { ClaimsChange } from '../election/claims-offer.ts';
import type { Member } from '../election/membership.ts';
import type { Link, PortReservation, WireHost } from '../host/host.ts';
import { HEARTBEAT_PORT, type PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { seconds } from '../time/duration.ts';
import { after, earlier, hasPassed, type Instant } from '../time/instant.ts';
import { HeartbeatCounters, type HeartbeatTotals } from './heartbeat-counters.ts';
import { HEARTBEAT_GROUP_MAC, HeartbeatLink, type SelfReport, type ToldClaims } from './heartbeat-link.ts';
import { type HeartbeatIdentity, type HeartbeatSettings, identityOf } from './heartbeat-settings.ts';
import { type Log, reasonOf } from './log.ts';

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
  /** Links whose socket could not be opened, so that each is logged once. */
  readonly #failing = new Set<number>();
  /** What this node claims, for links that come. */
  readonly #claims = new Map<bigint, PeerClaim>();
  #identity: HeartbeatIdentity | undefined;
  #reservation: PortReservation | undefined;
  #present: readonly Link[] = [];
  #retryAt: Instant | undefined;
  #fds: readonly number[] = [];
  #areStandingsNew = false;

  constructor(deps: HeartbeatsDeps) {
    this.#deps = deps;
  }

  /** The sockets' descriptors: the same array until the next update. */
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

  /** Begins, or goes on with other keys. */
  configure(now: Instant, settings: HeartbeatSettings): void {
    this.#identity = identityOf(this.#deps.node, settings, this.#deps.host.digests);
    for (const link of this.#links.values()) link.rekey(this.#identity);
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
      if (!fitting.has(index) || !known.socket.isBound()) this.#close(index, known);
    for (const index of this.#failing) if (!fitting.has(index)) this.#failing.delete(index);
    for (const link of fitting.values()) {
      const known = this.#links.get(link.index);
      if (known === undefined) this.#open(now, link, this.#identity);
      else known.update(link);
    }
    this.#fds = Array.from(this.#links.values(), ({ socket }) => socket.fd);
  }

  #open(now: Instant, link: Link, identity: HeartbeatIdentity): void {
    const socket = this.#socketOn(now, link);
    if (socket === undefined) return;
    const onStanding = (): void => {
      this.#areStandingsNew = true;
    };
    const { self } = this.#deps;
    const opened = new HeartbeatLink(
      socket,
      { link, identity },
      { self, counters: this.#counters, onStanding },
    );
    this.#links.set(link.index, opened);
    opened.tell(now, { kind: 'claims', changed: [...this.#claims.values()], gone: [] });
    opened.tell(now, { kind: 'timeout' });
  }

  #socketOn(now: Instant, link: Link): HeartbeatLink['socket'] | undefined {
    const { host, log } = this.#deps;
    try {
      const socket = host.openHeartbeatSocket(link, HEARTBEAT_PORT, HEARTBEAT_GROUP_MAC);
      this.#failing.delete(link.index);
      return socket;
    } catch (error) {
      this.#retryAt = after(now, RETRY);
      const level = this.#failing.has(link.index) ? 'debug' : 'warn';
      this.#failing.add(link.index);
      const values = { link: link.name, index: link.index, reason: reasonOf(error) };
      log(level, 'open heartbeat socket failed', values);
      return undefined;
    }
  }

  /** What became of some of this node's claims. */
  claim(now: Instant, { changed, gone }: ClaimsChange): void {
    for (const uid of gone) this.#claims.delete(uid);
    for (const claim of changed) this.#claims.set(claim.uid, claim);
    for (const link of this.#links.values()) link.tell(now, { kind: 'claims', changed, gone });
  }

  /** Says at once what has changed in this node's report of itself. */
  hurry(now: Instant): void {
    for (const link of this.#links.values()) link.tell(now, { kind: 'urgent' });
  }

  /** Reads what is waiting; returns the claims that peers told. */
  receive(now: Instant, ready: readonly number[]): readonly ToldClaims[] {
    const told: ToldClaims[] = [];
    for (const link of this.#links.values())
      if (link.hasMore || ready.includes(link.socket.fd)) told.push(...link.receive(now));
    return told;
  }

  timeouts(now: Instant): void {
    if (this.#retryAt !== undefined && hasPassed(this.#retryAt, now)) this.update(now, this.#present);
    for (const link of this.#links.values()) {
      const deadline = link.deadline();
      if (deadline !== undefined && hasPassed(deadline, now)) link.tell(now, { kind: 'timeout' });
    }
  }

  /** True once after the set of peers that hang may have become another one. */
  takeStandings(): boolean {
    const areNew = this.#areStandingsNew;
    this.#areStandingsNew = false;
    return areNew;
  }

  /** The peers, each as on the link where it was heard last. */
  members(now: Instant): Iterable<Member> {
    const members = new Map<bigint, Member>();
    for (const link of this.#links.values())
      for (const member of link.members(now)) {
        const known = members.get(member.nodeId);
        if (known === undefined || member.silence < known.silence) members.set(member.nodeId, member);
      }
    return members.values();
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
    this.#areStandingsNew = true;
  }
}
