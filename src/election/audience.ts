// Whom a heartbeat goes to: each peer that lives by unicast, so that a wireless LAN acknowledges and repeats it, and all by
// multicast where somebody might not be reached otherwise. ELECTION.md section 1.

import { type Duration, seconds, times } from '../time/duration.ts';
import { after, hasPassed, type Instant } from '../time/instant.ts';
import type { NodeId } from './claim-order.ts';
import type { Peer } from './peer.ts';
import { isOfUnicast } from './sequence-numbers.ts';

/** One peer, in the life that is known of it. */
export interface Recipient {
  readonly nodeId: NodeId;
  readonly session: bigint;
}

export interface Recipients {
  readonly each: readonly Recipient[];
  /** By multicast too, or only so if there are none. */
  readonly isToAll: boolean;
}

export type Peers = ReadonlyMap<NodeId, { readonly peer: Peer }>;

/** With more peers than this on a segment all goes by multicast only (ELECTION.md section 1). */
export const UNICAST_LIMIT = 32;

/** Who hears only unicast, or came while all others were reached by it, learns of this node so often. */
export const HELLO_INTERVAL = seconds(1);

/** What a peer lists is older than the last frame by an interval of its own and one of ours, and a little. */
const SLACK = 1.25;

export class Audience {
  readonly #interval: Duration;
  /** The last number of a unicast frame that each peer has listed. */
  readonly #listed = new Map<NodeId, bigint>();
  #helloAt: Instant | undefined;

  constructor(interval: Duration) {
    this.#interval = interval;
  }

  /** A peer has listed this number of ours. */
  listed(nodeId: NodeId, number: bigint): void {
    if (isOfUnicast(number) && number > (this.#listed.get(nodeId) ?? 0n)) this.#listed.set(nodeId, number);
  }

  forget(nodeId: NodeId): void {
    this.#listed.delete(nodeId);
  }

  /** Of the next heartbeat. Once a second it goes to all. */
  ofBeat(now: Instant, peers: Peers, isUrgedToAll: boolean): Recipients {
    const isHello = this.#helloAt === undefined || hasPassed(after(this.#helloAt, HELLO_INTERVAL), now);
    const { each, isToAll } = this.of(now, peers);
    if (!isHello && !isToAll && !isUrgedToAll) return { each, isToAll };
    this.#helloAt = now;
    return { each, isToAll: true };
  }

  /** Of something that all peers should hear, or only these. */
  of(now: Instant, peers: Peers, only?: ReadonlySet<NodeId>): Recipients {
    if (peers.size > UNICAST_LIMIT) return { each: [], isToAll: true };
    const each: Recipient[] = [];
    let isMissed = false;
    for (const [nodeId, { peer }] of peers) {
      if (only !== undefined && !only.has(nodeId)) continue;
      const { session } = peer.sessions;
      if (session === undefined || peer.isSilent(now)) isMissed = true;
      else {
        each.push({ nodeId, session });
        isMissed ||= !this.#isReached(now, nodeId, peer);
      }
    }
    return { each, isToAll: isMissed || each.length === 0 };
  }

  /**
   * It has listed a unicast frame that is not old. Who has not may be dead or deaf, or unicast does not get there, and must
   * not be lost for that: what goes to all gets there as long as anything does.
   */
  #isReached(now: Instant, nodeId: NodeId, { interval }: Peer): boolean {
    const number = this.#listed.get(nodeId);
    return (
      number !== undefined && now - Number(number) <= times(interval, SLACK) + times(this.#interval, SLACK)
    );
  }
}
