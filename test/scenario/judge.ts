// Judges a virtual world from outside, by what is on the wire: who answers for which address, who announces it, and
// which heartbeats have been delivered. ELECTION.md section 12.

import type { HeartbeatFrame } from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import type { Stored, VirtualApi } from './api.ts';
import { Coverage } from './coverage.ts';
import { Doubles } from './doubles.ts';
import type { Network } from './network.ts';
import type { Node } from './node.ts';
import { RevokedClaims } from './revoked-claims.ts';
import type { Strikes } from './strikes.ts';
import { type Counts, count, nodeName, type Witness } from './surroundings.ts';
import type { Timeline } from './timeline.ts';

export interface JudgeOptions {
  readonly nodes: readonly Node[];
  readonly api: VirtualApi;
  readonly network: Network;
  readonly strikes: Strikes;
  readonly counts: Counts;
  readonly timeline: Timeline;
  readonly now: () => number;
}

/** An invariant does not hold; ends the run of its world. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Less than a frame needs, with the time that a loop takes for its frames. */
const SIMULTANEOUS = 1;

interface LastAnnouncement {
  readonly node: number;
  readonly epoch: number;
  readonly at: number;
  /** Of the announcing process. */
  readonly session: bigint | undefined;
}

export class Judge implements Witness {
  readonly #options: JudgeOptions;
  readonly #coverage: Coverage;
  readonly #doubles: Doubles;
  readonly #revoked: RevokedClaims;
  readonly #last = new Map<string, LastAnnouncement>();
  /** What each node announced last, by node and uid. */
  readonly #epochs = new Map<string, number>();
  /** Who answered last for each address; of several that do, who announced last. */
  readonly #answerers = new Map<string, number>();

  /** Why nobody answers. */
  readonly #lost = new Map<string, string | undefined>();

  constructor(options: JudgeOptions) {
    this.#options = options;
    const fail = (invariant: number, text: string): void => this.#fail(invariant, text);
    this.#coverage = new Coverage(options, fail);
    this.#doubles = new Doubles(options, fail);
    this.#revoked = new RevokedClaims(options, fail);
    options.api.onRecord = (before, stored) => this.#recorded(before, stored);
  }

  announced(node: number, uid: string, epoch: number): void {
    const { counts, now } = this.#options;
    const last = this.#last.get(uid);
    const holder = this.#answerers.get(uid);
    this.#answerers.set(uid, node);
    this.#epochs.set(`${node}/${uid}`, epoch);
    const session = this.#options.nodes[node]?.worker?.session;
    this.#last.set(uid, { node, epoch, session, at: now() });
    if (last === undefined || holder === undefined) return count(counts, 'rule: first holder');
    if (holder === node) {
      if (last.node === node && epoch < last.epoch && session === last.session)
        this.#fail(4, `${uid}: ${nodeName(node)} announces ${epoch} after ${last.epoch}`);
      const isResumed = last.node === node && session !== last.session;
      return count(counts, isResumed ? 'rule: resumed after a restart' : 'rule: raised or resumed');
    }
    this.moves++;
    count(counts, `rule: taken by ${this.#rankOf(uid, node)}`);
    // Neither has heard the other yet.
    if (now() - last.at < SIMULTANEOUS) return count(counts, 'move: simultaneous');
    const why = this.#reasonToMove(uid, holder, node);
    if (why === undefined)
      this.#fail(4, `${uid} moves from ${nodeName(holder)} to ${nodeName(node)} without a reason`);
    else count(counts, `move: ${why}`);
  }

  #rankOf(uid: string, node: number): string {
    const { api, nodes } = this.#options;
    const candidates = api.get(uid)?.candidates ?? [];
    const rank = candidates.indexOf(node);
    if (rank < 0) return candidates.some((each) => nodes[each]?.isUp) ? 'no candidate' : 'the last resort';
    return rank === 0 ? 'the first candidate' : 'a later candidate';
  }

  #reasonToMove(uid: string, from: number, to: number): string | undefined {
    const holder = this.#options.nodes[from];
    const reason = this.#options.strikes.reasonToMove(uid, [from, to]);
    if (reason !== undefined) return reason;
    if (holder?.isUp !== true || holder.worker?.isStalled === true) return 'process is away';
    if (holder.isLeaving) return 'leaving';
    // Some know before others, who take it until they are told (revoked-claims.ts).
    if (this.#options.api.get(uid) === undefined) return 'deleted';
    if (this.#isRecordedElsewhere(uid, from)) {
      count(this.#options.counts, 'recorded elsewhere');
      return 'recorded elsewhere';
    }
    return this.#lost.get(uid);
  }

  /** The API has it that another node took the address: newer, or a node that is not heard, so that the API decides. */
  #isRecordedElsewhere(uid: string, node: number): boolean {
    const { nodes, network, api } = this.#options;
    const { holder, epoch } = api.get(uid) ?? {};
    if (holder === undefined || holder === node || epoch === undefined) return false;
    const isHeard = nodes[holder]?.isAble === true && network.areJoined(holder, node);
    return !isHeard || epoch >= (this.#epochs.get(`${node}/${uid}`) ?? 0);
  }

  answersChanged(_node: number): void {
    this.look();
  }

  heard(from: number, to: number, frame: HeartbeatFrame): void {
    if (frame.body.revoked.length > 0) this.#revoked.heard(to, frame);
    if (this.#doubles.isEmpty || frame.receiverSession !== 0n) return;
    this.#doubles.heard(from, to, frame);
  }

  sent(from: number, frame: HeartbeatFrame): void {
    if (frame.body.revoked.length > 0) this.#revoked.sent(from, frame);
    if (!this.#doubles.isEmpty && frame.receiverSession === 0n) this.#doubles.sent(from, frame);
  }

  forbidden(node: number, uid: string, why: string): void {
    const { timeline } = this.#options;
    timeline.note(nodeName(node), () => `may not answer for ${uid}: ${why}`);
    this.#doubles.forbid(node, uid);
  }

  /** How often an address has been announced by another node than before. */
  moves = 0;

  /** Called whenever who answers, or who could, may have changed. */
  look(): void {
    this.#coverage.look();
    this.#doubles.look();
    this.#revoked.look();
    const { api, nodes } = this.#options;
    for (const uid of api.uids) {
      const [holder, other] = nodes.filter((node) => node.answers(uid));
      if (holder === undefined) this.#lose(uid);
      else this.#lost.delete(uid);
      if (holder !== undefined && other === undefined) this.#answerers.set(uid, holder.index);
    }
  }

  /** The longest time that an address went unanswered although somebody could have answered, in milliseconds. */
  get longestGap(): number {
    return this.#coverage.longest;
  }

  resetGap(): void {
    this.#coverage.longest = 0;
  }

  /** At the end, after a time without faults. */
  finish(): void {
    this.look();
    this.#coverage.finish();
    this.#doubles.finish();
    this.#revoked.finish();
  }

  /** Nobody answers any more: the reason for that is the reason for whoever answers next. */
  #lose(uid: string): void {
    const holder = this.#answerers.get(uid);
    if (holder === undefined || this.#lost.has(uid)) return;
    this.#lost.set(uid, undefined);
    const reason = this.#reasonToMove(uid, holder, holder);
    this.#lost.set(uid, reason);
    if (reason === undefined) this.#fail(4, `${nodeName(holder)} lets go of ${uid} without a reason`);
  }

  #recorded(before: Stored, stored: Stored): void {
    const { timeline } = this.#options;
    const { uid, holder, epoch } = stored;
    timeline.note(
      'api',
      () => `${uid} is held by ${holder === undefined ? 'nobody' : nodeName(holder)} at ${epoch}`,
    );
    if (epoch <= before.epoch) this.#fail(4, `${uid}: the record goes from ${before.epoch} to ${epoch}`);
  }

  #fail(invariant: number, text: string): void {
    this.#options.timeline.note('JUDGE', () => `invariant ${invariant}: ${text}`);
    throw new Violation(`invariant ${invariant} at ${(this.#options.now() / 1000).toFixed(3)} s: ${text}`);
  }
}
