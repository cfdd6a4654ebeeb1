// Invariants 1 and 5: an address is answered for where clients are, as long as there is a node that could.

import type { JudgeOptions } from './judge.ts';
import { CLAIM_STAGGER, DETECTION, INTERVAL, LEASE } from './settings.ts';
import { count, nodeName } from './surroundings.ts';

/** What a node that hears nobody needs for its questions: both probes, then the API's time or its answer. */
const ALONE = 250;
/** Until a Lease that is not renewed any more has run out, from when it was seen first; looked at twice a second. */
const LEASE_TIME = LEASE + 8000;
/** How long a node has to be there to have listened, and to know all others. */
const ACQUAINTANCE = 1500;
/** How long others wait when all candidates are dead. */
const LAST_RESORT = 1000;
/** Frames on their way, and a loop that serves several machines. */
const SLACK = 5;

/** How long an address may stay unanswered in a world of `nodes` with no fault but the one that took its holder. */
export const gapLimit = (nodes: number): number =>
  DETECTION + (nodes - 1) * CLAIM_STAGGER + INTERVAL + ALONE + SLACK;

export class Coverage {
  readonly #options: JudgeOptions;
  readonly #fail: (invariant: number, text: string) => void;
  /** The longest gap that was judged, in milliseconds. */
  longest = 0;
  /** Since when nobody answers. */
  readonly #uncovered = new Map<string, number>();
  /** Since when each node could take over, undisturbed. */
  readonly #ableSince: (number | undefined)[];
  /** Since when each node is off. */
  readonly #offSince: (number | undefined)[];
  readonly #plannedAt = new Map<string, { readonly candidates: readonly number[]; readonly at: number }>();

  constructor(options: JudgeOptions, fail: (invariant: number, text: string) => void) {
    this.#options = options;
    this.#fail = fail;
    this.#ableSince = options.nodes.map(() => undefined);
    this.#offSince = options.nodes.map(() => 0);
  }

  look(): void {
    const { api, now, nodes, network } = this.#options;
    nodes.forEach((node, i) => {
      this.#offSince[i] = node.isUp ? undefined : (this.#offSince[i] ?? now());
      this.#ableSince[i] = node.isAble && this.#isConnected(i) ? (this.#ableSince[i] ?? now()) : undefined;
    });
    for (const uid of api.uids) {
      this.#notePlan(uid);
      const isCovered = nodes.some((node, i) => node.answers(uid) && network.areJoined(i, network.gateway));
      if (!isCovered) this.#uncovered.set(uid, this.#uncovered.get(uid) ?? now());
      else if (this.#uncovered.has(uid)) this.#end(uid);
      if (!isCovered) this.#judgeLastResort(uid);
    }
    for (const uid of this.#uncovered.keys()) if (api.get(uid) === undefined) this.#uncovered.delete(uid);
  }

  #notePlan(uid: string): void {
    const candidates = this.#options.api.get(uid)?.candidates ?? [];
    if (this.#plannedAt.get(uid)?.candidates === candidates) return;
    this.#plannedAt.set(uid, { candidates, at: this.#options.now() });
  }

  /** With the clients, and with nobody half. */
  #isConnected(i: number): boolean {
    const { network, nodes } = this.#options;
    if (!network.areJoined(i, network.gateway)) return false;
    return nodes.every(({ isUp }, j) => i === j || !isUp || network.reaches(i, j) === network.reaches(j, i));
  }

  /**
   * From when on somebody should have answered, if there is anybody now: at once if it has been there and heard the
   * others for long enough, and else when the Lease of a holder that it does not hear has run out.
   */
  #couldSince(uid: string, began: number): number | undefined {
    const { strikes } = this.#options;
    const { candidates, at } = this.#plannedAt.get(uid) ?? { candidates: [], at: 0 };
    const since = candidates.flatMap((node) => {
      const able = this.#ableSince[node];
      if (able === undefined) return [];
      return able <= began - ACQUAINTANCE ? [began] : [strikes.seesFrom(Math.max(able, began)) + LEASE_TIME];
    });
    return since.length === 0 ? undefined : Math.max(strikes.seesFrom(at), Math.min(...since));
  }

  /** At once, because candidates that are back have more time again. */
  #judgeLastResort(uid: string): void {
    const { strikes, nodes, now } = this.#options;
    const { candidates, at } = this.#plannedAt.get(uid) ?? { candidates: [], at: 0 };
    const due = this.#lastResortSince(candidates, Math.max(this.#uncovered.get(uid) ?? now(), at));
    if (due === undefined) return;
    const start = strikes.countsFrom(due);
    if (now() - start > gapLimit(nodes.length) + strikes.margin(uid, start, now())) this.#judge(uid, due);
  }

  /**
   * All candidates are off: from when on another node should have answered. Two that hear each other do not need the
   * Leases of candidates that they have heard.
   */
  #lastResortSince(candidates: readonly number[], began: number): number | undefined {
    const { strikes, network } = this.#options;
    const off = candidates.map((node) => this.#offSince[node]);
    if (off.length === 0 || off.includes(undefined)) return undefined;
    const dead = Math.max(began, ...off.map((at) => at ?? 0));
    const able = this.#ableSince.flatMap((at, node) => (at === undefined ? [] : [{ at, node }]));
    const isPair = ({ at, node }: { at: number; node: number }): boolean =>
      at <= began - ACQUAINTANCE &&
      able.some(
        (other) =>
          other.node !== node && other.at <= began - ACQUAINTANCE && network.areJoined(node, other.node),
      );
    if (able.length === 0) return undefined;
    const knownAt = strikes.seesFrom(dead);
    const haveHeard = able.some(isPair) && strikes.isCalm(began - LEASE_TIME, dead);
    return (
      (haveHeard ? knownAt : strikes.seesFrom(Math.max(dead, ...able.map(({ at }) => at))) + LEASE_TIME) +
      LAST_RESORT
    );
  }

  #end(uid: string): void {
    const began = this.#uncovered.get(uid);
    this.#uncovered.delete(uid);
    const could = began === undefined ? undefined : this.#couldSince(uid, began);
    if (could !== undefined) this.#judge(uid, could);
  }

  #judge(uid: string, since: number): void {
    const { strikes, nodes, now, counts } = this.#options;
    const start = strikes.countsFrom(since);
    const end = now();
    const gap = end - start;
    this.longest = Math.max(this.longest, gap);
    if (gap > 1) count(counts, 'gap');
    const limit = gapLimit(nodes.length) + strikes.margin(uid, start, end);
    if (gap <= limit) return;
    const able = nodes.filter((_, i) => this.#ableSince[i] !== undefined).map(({ index }) => nodeName(index));
    const text = `${uid} was not answered for ${gap.toFixed(1)} ms, limit ${limit}; able: ${able}`;
    this.#fail(1, text);
  }

  finish(): void {
    for (const [uid, began] of this.#uncovered) {
      const could = this.#couldSince(uid, began);
      if (could !== undefined) this.#judge(uid, could);
    }
  }
}
