// Which addresses this node holds: a pure machine over all VirtualIPs that concern it. Liveness and the API's record
// come in as inputs; announcing, claiming and withdrawing go out. ELECTION.md sections 4 and 8.
//
// A claim is answered at once and recorded in parallel: the API arbitrates, a refusal takes the address back. What is
// decided about one address is in tenure.ts; here is what a step has to look at: what the input names and what is due,
// and only after a change of what concerns all of them alike, everything.

import type { Machine, Timeout } from '../protocol/machine.ts';
import { DeadlineQueue } from '../time/deadline-queue.ts';
import type { Instant } from '../time/instant.ts';
import {
  type HeardClaim,
  type HeldOwnership,
  type Situation,
  Tenure,
  type TenureOptions,
  type TenureOutput,
  type WantedOwnership,
} from './tenure.ts';

export type {
  HeardClaim,
  HeldOwnership,
  TenureOptions as OwnershipOptions,
  WantedOwnership,
} from './tenure.ts';

export type OwnershipInput =
  /** What changed of what is wanted. What is not named stays; what is held and dropped is withdrawn. */
  | {
      readonly kind: 'want';
      /** New, or with something new about them. */
      readonly addresses: readonly WantedOwnership[];
      /** Uids. */
      readonly dropped: readonly string[];
    }
  /** The whole set of living nodes. Nothing is taken from anybody before the first of these. */
  | { readonly kind: 'liveness'; readonly alive: readonly string[] }
  | { readonly kind: 'recorded'; readonly uid: string; readonly epoch: number }
  | { readonly kind: 'refused'; readonly uid: string; readonly epoch: number }
  /** Whether this node may take addresses now; what it holds it keeps anyway (ELECTION.md section 3). */
  | { readonly kind: 'able'; readonly isAble: boolean }
  /** The whole set of nodes whose main threads hang: passed over as if they were dead, also as holders. */
  | { readonly kind: 'hung'; readonly nodes: readonly string[] }
  /** Other nodes were heard claiming. Only the newer claim counts here: what else orders claims is the API's. */
  | { readonly kind: 'claimed'; readonly claims: readonly HeardClaim[] }
  /** Claim nothing more; keep each held address until somebody else has recorded a claim to it. */
  | { readonly kind: 'leave' };

export type OwnershipOutput =
  | TenureOutput
  /** Once, after `leave`: nothing is held any more. */
  | { readonly kind: 'left' };

/** How many released addresses are remembered; a late record is late by seconds, not by thousands of releases. */
const REMEMBERED = 4096;

const without = (all: ReadonlySet<string>, some: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...all].filter((each) => !some.has(each)));

export class Ownership implements Machine<OwnershipInput, OwnershipOutput> {
  readonly #tenures = new Map<string, Tenure>();
  /** Those that are held. */
  readonly #held = new Map<string, Tenure>();
  /** When what has to be looked at again. */
  readonly #due = new DeadlineQueue<string>();
  /** The highest epochs of what was released last, oldest first. */
  readonly #released = new Map<string, number>();
  #situation: Situation;
  #hasLeft = false;

  constructor(options: TenureOptions) {
    const [alive, able, hung] = [undefined, undefined, new Set<string>()];
    this.#situation = { options, alive, able, hung, isAble: true, isLeaving: false };
  }

  deadline(): Instant | undefined {
    return this.#due.first()?.due;
  }

  /** The addresses that something is due for at `now`. */
  due(now: Instant): readonly string[] {
    return this.#due.due(now);
  }

  /** All addresses that are answered now, recorded or not. */
  held(): readonly HeldOwnership[] {
    return [...this.#held.values()].flatMap((tenure) => tenure.held() ?? []);
  }

  /** Undefined if the address is not answered now. */
  heldOf(uid: string): HeldOwnership | undefined {
    return this.#held.get(uid)?.held();
  }

  step(now: Instant, input: OwnershipInput | Timeout): readonly OwnershipOutput[] {
    const outputs: OwnershipOutput[] = [];
    const concerned = this.#take(now, input, outputs);
    this.#review(now, concerned, outputs);
    // Nothing is to be done after a claim was recorded, and thousands of them come at once.
    if (input.kind !== 'recorded') this.#review(now, this.#due.due(now), outputs);
    this.#finishLeaving(outputs);
    return outputs;
  }

  /** Returns the uids of what the input concerns. */
  #take(now: Instant, input: OwnershipInput | Timeout, outputs: OwnershipOutput[]): Iterable<string> {
    switch (input.kind) {
      case 'want':
        for (const uid of input.dropped) this.#drop(uid, outputs);
        for (const wanted of input.addresses) this.#want(now, wanted, outputs);
        return input.addresses.map(({ uid }) => uid);
      case 'recorded':
        this.#tenures.get(input.uid)?.recorded(input.epoch, this.#situation);
        return [];
      case 'refused':
        outputs.push(...(this.#tenures.get(input.uid)?.refused(now, input.epoch, this.#situation) ?? []));
        return [input.uid];
      case 'claimed':
        for (const claim of input.claims)
          outputs.push(...(this.#tenures.get(claim.uid)?.hear(now, claim, this.#situation) ?? []));
        return input.claims.map(({ uid }) => uid);
      case 'timeout':
        return [];
      default:
        this.#learn(now, input);
        return this.#tenures.keys();
    }
  }

  /** Takes what concerns all addresses. */
  #learn(
    now: Instant,
    input: Extract<OwnershipInput, { readonly kind: 'liveness' | 'able' | 'hung' | 'leave' }>,
  ): void {
    switch (input.kind) {
      case 'liveness':
        this.#know({ alive: new Set(input.alive) });
        for (const tenure of this.#tenures.values()) tenure.distrust();
        break;
      case 'hung':
        this.#know({ hung: new Set(input.nodes) });
        break;
      case 'able':
        this.#know({ isAble: input.isAble });
        for (const tenure of this.#tenures.values()) tenure.wait(now, this.#situation);
        break;
      case 'leave':
        this.#know({ isLeaving: true });
    }
  }

  #know(news: Partial<Omit<Situation, 'able'>>): void {
    const situation = { ...this.#situation, ...news };
    const { alive, hung } = situation;
    this.#situation = { ...situation, able: alive && without(alive, hung) };
  }

  #want(now: Instant, wanted: WantedOwnership, outputs: OwnershipOutput[]): void {
    const { uid } = wanted;
    const known = this.#tenures.get(uid);
    if (known !== undefined) {
      outputs.push(...known.want(now, wanted, this.#situation));
      return;
    }
    this.#tenures.set(uid, new Tenure(wanted, this.#released.get(uid) ?? 0));
    this.#released.delete(uid);
  }

  #drop(uid: string, outputs: OwnershipOutput[]): void {
    const tenure = this.#tenures.get(uid);
    if (tenure === undefined) return;
    outputs.push(...tenure.release());
    this.#tenures.delete(uid);
    this.#held.delete(uid);
    this.#due.delete(uid);
    this.#remember(uid, tenure.highest);
  }

  /** An address may come back while the record of it is still the old one, and its epoch must not go back then. */
  #remember(uid: string, highest: number): void {
    this.#released.set(uid, highest);
    const [oldest] = this.#released.keys();
    if (this.#released.size > REMEMBERED && oldest !== undefined) this.#released.delete(oldest);
  }

  #review(now: Instant, uids: Iterable<string>, outputs: OwnershipOutput[]): void {
    for (const uid of uids) {
      const tenure = this.#tenures.get(uid);
      if (tenure === undefined) continue;
      outputs.push(...tenure.review(now, this.#situation));
      if (tenure.held() === undefined) this.#held.delete(uid);
      else this.#held.set(uid, tenure);
      if (tenure.deadline === undefined) this.#due.delete(uid);
      else this.#due.set(uid, tenure.deadline);
    }
  }

  #finishLeaving(outputs: OwnershipOutput[]): void {
    if (!this.#situation.isLeaving || this.#hasLeft || this.#held.size > 0) return;
    this.#hasLeft = true;
    outputs.push({ kind: 'left' });
  }
}
