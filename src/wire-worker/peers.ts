// What the other agents say in their heartbeats, in the terms of the ownership machine: nodes that hang by name, claims
// by uid. And what this node says of itself. ELECTION.md sections 1, 4 and 9.

import type { Member } from '../election/membership.ts';
import type { HeldOwnership, OwnershipInput } from '../election/ownership.ts';
import type { Link, WireHost } from '../host/host.ts';
import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { hasPassed, type Instant } from '../time/instant.ts';
import type { HeartbeatTotals } from './heartbeat-counters.ts';
import type { SelfReport, ToldClaims } from './heartbeat-link.ts';
import { type HeartbeatSettings, shortId, shortUid } from './heartbeat-settings.ts';
import { Heartbeats } from './heartbeats.ts';
import { HungNodes } from './hung-nodes.ts';
import type { Log } from './log.ts';
import type { WantedAddresses } from './wanted-addresses.ts';

export interface PeersDeps {
  readonly node: string;
  readonly host: WireHost;
  readonly wanted: WantedAddresses;
  readonly self: () => SelfReport;
  readonly log: Log;
}

export class Peers {
  readonly #deps: PeersDeps;
  readonly #heartbeats: Heartbeats;
  readonly #hung: HungNodes;
  readonly #nodeId: bigint;
  /** Uids of what has changed, if anything, since the peers were told what is held. */
  readonly #changed = new Set<string>();
  /** Some of that can not wait for the next heartbeat. */
  #isUrgent = false;

  constructor(deps: PeersDeps) {
    this.#deps = deps;
    this.#heartbeats = new Heartbeats(deps);
    const idOf = (name: string): bigint => shortId(name, deps.host.digests);
    this.#hung = new HungNodes(idOf);
    this.#nodeId = idOf(deps.node);
  }

  get fds(): readonly number[] {
    return this.#heartbeats.fds;
  }

  get hasMore(): boolean {
    return this.#heartbeats.hasMore;
  }

  deadline(): Instant | undefined {
    return this.#heartbeats.deadline();
  }

  totals(): HeartbeatTotals {
    return this.#heartbeats.totals();
  }

  configure(now: Instant, settings: HeartbeatSettings): void {
    this.#heartbeats.configure(now, settings);
  }

  update(now: Instant, links: readonly Link[]): void {
    this.#heartbeats.update(now, links);
  }

  /** Says at once what has changed in this node's report of itself. */
  hurry(now: Instant): void {
    this.#heartbeats.hurry(now);
  }

  /** The nodes whose Lease lives. Those of them that hang come first, so that none is taken for able in between. */
  setAlive(alive: readonly string[]): readonly OwnershipInput[] {
    this.#hung.setAlive(alive);
    return [
      { kind: 'hung', nodes: this.#hung.list() },
      { kind: 'liveness', alive },
    ];
  }

  /** Reads what is waiting. */
  receive(now: Instant, ready: readonly number[]): readonly OwnershipInput[] {
    const inputs = this.#heartbeats.receive(now, ready).flatMap((told) => this.#claimed(told));
    // Who hangs is judged by the last frames that are there: those of a worker that was stopped for a while are old.
    if (this.#heartbeats.hasMore || !this.#heartbeats.takeStandings()) return inputs;
    return [this.#standings(now), ...inputs];
  }

  #standings(now: Instant): OwnershipInput {
    const members = [...this.#heartbeats.members(now)].filter(({ isHung }) => isHung);
    const { began, ended } = this.#hung.setHung(new Set(members.map(({ nodeId }) => nodeId)));
    for (const node of began) this.#deps.log('warn', 'main thread of a peer hangs', { node });
    for (const node of ended) this.#deps.log('info', 'main thread of a peer hangs no more', { node });
    return { kind: 'hung', nodes: this.#hung.list() };
  }

  /** What the live peers claim, as it was heard last: also what was told when this node had no use for it. */
  claims(now: Instant): readonly OwnershipInput[] {
    return this.#live(now).flatMap((member) =>
      this.#claimed({ ...member, claims: [...member.claims.values()] }),
    );
  }

  /** The same of some addresses alone. */
  claimsTo(now: Instant, uids: readonly string[]): readonly OwnershipInput[] {
    const shorts = uids.map(shortUid);
    return this.#live(now).flatMap((member) =>
      this.#claimed({ ...member, claims: shorts.flatMap((uid) => member.claims.get(uid) ?? []) }),
    );
  }

  #live(now: Instant): readonly Member[] {
    return [...this.#heartbeats.members(now)].filter(({ isLive }) => isLive);
  }

  #claimed({ nodeId, isHung, claims }: ToldClaims): readonly OwnershipInput[] {
    const heard = this.#deps.wanted.heard(claims, { isByHung: isHung, winsTies: nodeId < this.#nodeId });
    return heard.length === 0 ? [] : [{ kind: 'claimed', claims: heard }];
  }

  /** What is held of these may have become something else. */
  heldChanged(uids: Iterable<string>, urgency: 'Soon' | 'Now'): void {
    for (const uid of uids) this.#changed.add(uid);
    if (urgency === 'Now') this.#isUrgent = true;
  }

  /** Once a turn: a thousand addresses that are taken at once are one change. */
  tell(now: Instant, heldOf: (uid: string) => HeldOwnership | undefined): void {
    if (this.#changed.size === 0) return;
    const deadline = this.#heartbeats.deadline();
    // Without one there is nobody to tell, yet.
    const canWait = !this.#isUrgent && deadline !== undefined && !hasPassed(deadline, now);
    if (canWait) return;
    const changed: PeerClaim[] = [];
    const gone: bigint[] = [];
    for (const uid of this.#changed) {
      const held = heldOf(uid);
      if (held === undefined) gone.push(shortUid(uid));
      else changed.push(this.#deps.wanted.claimed(held));
    }
    this.#changed.clear();
    this.#isUrgent = false;
    this.#heartbeats.claim(now, { changed, gone });
  }

  timeouts(now: Instant): void {
    this.#heartbeats.timeouts(now);
  }

  close(): void {
    this.#heartbeats.close();
  }
}
