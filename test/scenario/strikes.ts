// The faults that have struck a virtual world, with what each may do: whether it may move addresses, and how long an
// address may go unanswered because of it. These are the margins of the invariants.

/** What a kind of fault may do. All in milliseconds. */
export interface Effect {
  /** Whether addresses may move because of it: of the nodes that it touches, to them, and for how long after its end. */
  readonly moves: { readonly aftermath: number } | undefined;
  /**
   * How much longer than without it an address may go unanswered, while it lasts and until so long after its end.
   * `isOpen`: while it lasts there is no limit.
   */
  readonly gap: { readonly margin: number; readonly aftermath: number; readonly isOpen?: boolean };
}

/** What an agent knows of Leases is not to be relied on: it suspects nobody that it has not heard. */
export const BLINDING = [
  'api-down',
  'api-cut',
  'replace',
  'slow-api',
  'stale-watch',
  'failed-lists',
  'hang-all',
  'hang',
];

export interface Strike {
  readonly kind: string;
  readonly effect: Effect;
  /** Undefined: all of them. */
  readonly nodes: readonly number[] | undefined;
  /** Undefined: all of them. */
  readonly uid: string | undefined;
  readonly from: number;
  to: number;
}

/** The time of a heartbeat that was lost, and of an answer of the API. */
const SETTLING = 500;

export class Strikes {
  readonly all: Strike[] = [];
  readonly #settledAt = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(strike: Strike): void {
    this.all.push(strike);
  }

  /** Why the address may go from one node to another now. One move may be followed by others until all have heard. */
  reasonToMove(uid: string, nodes: readonly number[]): string | undefined {
    const reason = this.#strikeFor(uid, nodes);
    const settledAt = this.#settledAt.get(uid) ?? 0;
    if (reason !== undefined) this.#settledAt.set(uid, this.#now() + SETTLING);
    return reason ?? (this.#now() <= settledAt ? 'settling' : undefined);
  }

  #strikeFor(uid: string, touched: readonly number[]): string | undefined {
    const now = this.#now();
    for (const { kind, effect, nodes, uid: concerned, to: end } of this.all) {
      if (effect.moves === undefined) continue;
      // What the controller has planned acts when the agents see it.
      const from = concerned === undefined ? end : this.seesFrom(end);
      if (now > from + effect.moves.aftermath) continue;
      if (concerned !== undefined && concerned !== uid) continue;
      if (nodes === undefined || nodes.some((node) => touched.includes(node))) return kind;
    }
    return undefined;
  }

  /** From when on an address that is unanswered since `start` should be answered. */
  countsFrom(start: number): number {
    let from = start;
    for (const { effect, to } of this.all) if (effect.gap.isOpen === true) from = Math.max(from, to);
    return from;
  }

  /** Nothing has struck from the first instant until shortly before the second. */
  isCalm(from: number, to: number): boolean {
    return this.all.every((strike) => strike.to < from || strike.from >= to - 1);
  }

  /** Of this kind one lasts now. */
  lasts(kind: string): boolean {
    return this.all.some((strike) => strike.kind === kind && strike.to >= this.#now());
  }

  /** From when on an agent that knows nobody can rely on Leases, if it was there since then. */
  seesFrom(start: number): number {
    let from = start;
    for (const { kind, to } of this.all) if (BLINDING.includes(kind)) from = Math.max(from, to);
    return from;
  }

  /** How much longer than in a calm world the address may have been unanswered between two instants. */
  margin(uid: string, start: number, end: number): number {
    let margin = 0;
    for (const { effect, uid: concerned, from, to } of this.all) {
      const acts = concerned === undefined ? to : this.seesFrom(to);
      if (from > end || acts + effect.gap.aftermath < start) continue;
      if (concerned === undefined || concerned === uid) margin = Math.max(margin, effect.gap.margin);
    }
    return margin;
  }
}
