// What the other agents say in their heartbeats, in the terms of the ownership machine: nodes that hang by name, claims
// by uid. And what this node says of itself. ELECTION.md sections 1, 4 and 9.

import type { HeldOwnership, OwnershipInput } from '../election/ownership.ts';
import type { Link, WireHost } from '../host/host.ts';
import { hasPassed, type Instant } from '../time/instant.ts';
import type { HeartbeatTotals } from './heartbeat-counters.ts';
import type { SelfReport, ToldClaims } from './heartbeat-link.ts';
import { type HeartbeatSettings, shortId } from './heartbeat-settings.ts';
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
  /** What is held has changed since the peers were told: in a way that can wait for the next heartbeat, or not. */
  #due: 'Nothing' | 'Soon' | 'Now' = 'Nothing';

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

  /** All that the live peers claim, as it was heard last: also what was told when this node had no use for it. */
  claims(now: Instant): readonly OwnershipInput[] {
    const live = [...this.#heartbeats.members(now)].filter(({ isLive }) => isLive);
    return live.flatMap((member) => this.#claimed(member));
  }

  #claimed({ nodeId, isHung, claims }: ToldClaims): readonly OwnershipInput[] {
    const heard = this.#deps.wanted.heard(claims, { isByHung: isHung, winsTies: nodeId < this.#nodeId });
    return heard.length === 0 ? [] : [{ kind: 'claimed', claims: heard }];
  }

  /** What is held may have become something else. */
  heldChanged(urgency: 'Soon' | 'Now'): void {
    if (this.#due !== 'Now') this.#due = urgency;
  }

  /** Once a turn: a thousand addresses that are taken at once are one change. */
  tell(now: Instant, held: () => readonly HeldOwnership[]): void {
    const deadline = this.#heartbeats.deadline();
    // Without one there is nobody to tell, yet.
    if (this.#due === 'Nothing' || deadline === undefined) return;
    if (this.#due === 'Soon' && !hasPassed(deadline, now)) return;
    this.#due = 'Nothing';
    this.#heartbeats.claim(now, this.#deps.wanted.claimed(held()));
  }

  timeouts(now: Instant): void {
    this.#heartbeats.timeouts(now);
  }

  close(): void {
    this.#heartbeats.close();
  }
}
