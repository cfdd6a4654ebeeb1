// Judges a virtual world from outside, by what is on the wire: who answers for which address, who announces it, and
// which heartbeats have been delivered. ELECTION.md section 12.

import type { HeartbeatFrame } from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import type { Stored, VirtualApi } from './api.ts';
import { Coverage } from './coverage.ts';
import { Doubles } from './doubles.ts';
import type { Network } from './network.ts';
import type { Node } from './node.ts';
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

interface LastAnnouncement {
  readonly node: number;
  readonly epoch: number;
  /** Of the announcing process. */
  readonly session: bigint | undefined;
}

export class Judge implements Witness {
  readonly #options: JudgeOptions;
  readonly #coverage: Coverage;
  readonly #doubles: Doubles;
  readonly #last = new Map<string, LastAnnouncement>();

  constructor(options: JudgeOptions) {
    this.#options = options;
    const fail = (invariant: number, text: string): void => this.#fail(invariant, text);
    this.#coverage = new Coverage(options, fail);
    this.#doubles = new Doubles(options, fail);
    options.api.onRecord = (before, stored) => this.#recorded(before, stored);
  }

  announced(node: number, uid: string, epoch: number): void {
    const { counts } = this.#options;
    const last = this.#last.get(uid);
    const session = this.#options.nodes[node]?.worker?.session;
    this.#last.set(uid, { node, epoch, session });
    if (last === undefined) return count(counts, 'rule: first holder');
    if (last.node === node) {
      if (epoch < last.epoch && session === last.session)
        this.#fail(4, `${uid}: ${nodeName(node)} announces ${epoch} after ${last.epoch}`);
      return count(counts, epoch > last.epoch ? 'rule: raised or resumed' : 'rule: announced again');
    }
    count(counts, 'rule: move');
    const why = this.#options.strikes.reasonToMove(uid, last.node, node);
    if (why === undefined)
      this.#fail(4, `${uid} moves from ${nodeName(last.node)} to ${nodeName(node)} without a reason`);
    else count(counts, `move: ${why}`);
  }

  answersChanged(_node: number): void {
    this.look();
  }

  heard(from: number, to: number, frame: HeartbeatFrame): void {
    if (this.#doubles.isEmpty || frame.receiverSession !== 0n) return;
    this.#doubles.heard(from, to, frame);
  }

  sent(from: number, frame: HeartbeatFrame): void {
    if (!this.#doubles.isEmpty && frame.receiverSession === 0n) this.#doubles.sent(from, frame);
  }

  forbidden(node: number, uid: string, why: string): void {
    const { timeline } = this.#options;
    timeline.note(nodeName(node), () => `may not answer for ${uid}: ${why}`);
    this.#doubles.forbid(node, uid);
  }

  /** Called whenever who answers, or who could, may have changed. */
  look(): void {
    this.#coverage.look();
    this.#doubles.look();
  }

  /** At the end, after a time without faults. */
  finish(): void {
    this.look();
    this.#coverage.finish();
    this.#doubles.finish();
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
