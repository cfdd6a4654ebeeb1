// Invariants 2 and 3: two that answer for one address and hear each other end within three heartbeats, and nobody
// answers for what it was told not to.

import type { HeartbeatFrame } from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import { gapLimit } from './coverage.ts';
import type { JudgeOptions } from './judge.ts';
import { INTERVAL } from './settings.ts';
import { count, nodeName } from './surroundings.ts';

/** Both answer for the address. Heartbeats delivered from the first to the second since then, and back. */
interface Double {
  readonly uid: string;
  readonly a: number;
  readonly b: number;
  readonly since: number;
  readonly there: Heard;
  readonly back: Heard;
}

/** Heartbeats sent after both had begun, with when: one that comes after a later one, or very late, does not count. */
interface Heard {
  readonly sent: Map<HeartbeatFrame, number>;
  last: bigint;
  delivered: number;
}

/**
 * Three, and one more for each node whose proof of life ran out while they could not hear each other (ELECTION.md
 * section 1): the first frame of each is not believed yet.
 */
const DELIVERED_LIMIT = 5;

export class Doubles {
  readonly #options: JudgeOptions;
  readonly #fail: (invariant: number, text: string) => void;
  readonly #doubles = new Map<string, Double>();
  /** What a node was told to let go, and when. */
  readonly #forbidden = new Map<string, number>();

  constructor(options: JudgeOptions, fail: (invariant: number, text: string) => void) {
    this.#options = options;
    this.#fail = fail;
  }

  get isEmpty(): boolean {
    return this.#doubles.size === 0;
  }

  look(): void {
    const { api, nodes } = this.#options;
    for (const [key, { uid, a, b }] of this.#doubles) {
      const isOver = nodes[a]?.answers(uid) !== true || nodes[b]?.answers(uid) !== true;
      if (isOver) this.#doubles.delete(key);
    }
    for (const uid of api.uids) {
      const holders = nodes.filter((node) => node.answers(uid));
      if (holders.length > 1)
        this.#begin(
          uid,
          holders.map(({ index }) => index),
        );
    }
    this.#checkForbidden();
  }

  #begin(uid: string, holders: readonly number[]): void {
    for (const a of holders)
      for (const b of holders) {
        const key = `${uid}/${a}/${b}`;
        if (a >= b || this.#doubles.has(key)) continue;
        const { now, counts, timeline } = this.#options;
        count(counts, 'double');
        timeline.note('wire', () => `${nodeName(a)} and ${nodeName(b)} answer for ${uid}`);
        this.#doubles.set(key, { uid, a, b, since: now(), there: nothingHeard(), back: nothingHeard() });
      }
  }

  sent(from: number, frame: HeartbeatFrame): void {
    const { now } = this.#options;
    for (const double of this.#doubles.values())
      if (double.a === from) double.there.sent.set(frame, now());
      else if (double.b === from) double.back.sent.set(frame, now());
  }

  heard(from: number, to: number, frame: HeartbeatFrame): void {
    for (const double of this.#doubles.values()) {
      const { a, b, there, back } = double;
      if (a === from && b === to) hear(there, frame, this.#options.now());
      else if (b === from && a === to) hear(back, frame, this.#options.now());
      else continue;
      if (Math.min(there.delivered, back.delivered) > DELIVERED_LIMIT) this.#tooLong(double);
    }
  }

  #tooLong({ uid, a, b, there, back, since }: Double): void {
    const { now } = this.#options;
    const heard = `after ${there.delivered} and ${back.delivered} heartbeats, ${(now() - since).toFixed(0)} ms`;
    this.#fail(2, `${nodeName(a)} and ${nodeName(b)} both still answer for ${uid} ${heard}`);
  }

  forbid(node: number, uid: string): void {
    this.#forbidden.set(`${node}/${uid}`, this.#options.now());
  }

  #checkForbidden(): void {
    const { now, nodes } = this.#options;
    for (const [key, at] of this.#forbidden) {
      const [node = '', uid = ''] = key.split('/');
      const isAnswered = nodes[Number(node)]?.answers(uid) === true;
      if (!isAnswered) this.#forbidden.delete(key);
      else if (now() > at + INTERVAL) this.#fail(3, `${nodeName(Number(node))} still answers for ${uid}`);
    }
  }

  finish(): void {
    const limit = gapLimit(this.#options.nodes.length);
    for (const double of this.#doubles.values())
      if (this.#options.now() - double.since > limit) this.#tooLong(double);
  }
}

const nothingHeard = (): Heard => ({ sent: new Map(), last: 0n, delivered: 0 });

function hear(heard: Heard, frame: HeartbeatFrame, now: number): void {
  const sentAt = heard.sent.get(frame);
  if (sentAt === undefined || frame.sequence <= heard.last) return;
  heard.last = frame.sequence;
  if (now - sentAt <= INTERVAL / 2) heard.delivered++;
}
