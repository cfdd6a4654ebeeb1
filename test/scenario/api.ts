// The virtual API server: VirtualIPs and Leases with watches that lag, conditional writes, and times at which it can
// not be reached.

import type { Agenda } from './agenda.ts';
import type { Random } from './random.ts';

/** What a VirtualIP is for: one that takes the place of another has its uid with `+1` and so on behind it. */
export const addressOf = (uid: string): string => uid.split('+')[0] ?? uid;

/** A VirtualIP as the API shows it. */
export interface Stored {
  readonly uid: string;
  readonly createdAt: number;
  /** Numbers of nodes. */
  readonly candidates: readonly number[];
  readonly moveTo: number | undefined;
  readonly holder: number | undefined;
  readonly epoch: number;
  readonly version: number;
}

export interface StoredLease {
  readonly node: number;
  readonly isHeld: boolean;
  readonly renewTime: number;
}

export type Change =
  | { readonly kind: 'stored'; readonly stored: Stored }
  | { readonly kind: 'gone'; readonly uid: string; readonly version: number }
  | { readonly kind: 'lease'; readonly lease: StoredLease };

export interface Listing {
  readonly version: number;
  readonly stored: readonly Stored[];
  readonly leases: readonly StoredLease[];
}

export interface ClaimWrite {
  readonly uid: string;
  readonly holder: number;
  readonly epoch: number;
  readonly previous: number;
}

export class VirtualApi {
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #stored = new Map<string, Stored>();
  readonly #leases = new Map<number, StoredLease>();
  readonly #watchers = new Map<number, (change: Change) => void>();
  /** How many faults keep it from everybody, and from each node. */
  #outages = 0;
  readonly #cuts = new Map<number, number>();
  #version = 1;
  /** The longest time that half of a request takes, in milliseconds. */
  latency = 15;
  /** Told of each record after it has been written. */
  onRecord: (before: Stored, stored: Stored) => void = () => {};

  constructor(agenda: Agenda, random: Random) {
    this.#agenda = agenda;
    this.#random = random;
  }

  fail(isFailing: boolean): void {
    this.#outages += isFailing ? 1 : -1;
  }

  cut(node: number, isCut: boolean): void {
    this.#cuts.set(node, (this.#cuts.get(node) ?? 0) + (isCut ? 1 : -1));
  }

  isReachable(node: number): boolean {
    return this.#outages === 0 && (this.#cuts.get(node) ?? 0) === 0;
  }

  /** `done` gets undefined when no answer came, whatever became of the request. */
  request<Answer>(node: number, act: () => Answer, done: (answer: Answer | undefined) => void): void {
    const fail = (): void => this.#agenda.after(this.#random.between(5, 1000), () => done(undefined));
    if (!this.isReachable(node)) return fail();
    this.#agenda.after(this.#random.between(1, this.latency), () => {
      if (!this.isReachable(node)) return fail();
      const answer = act();
      this.#agenda.after(this.#random.between(1, this.latency), () => {
        if (this.isReachable(node)) done(answer);
        else fail();
      });
    });
  }

  /** Each change reaches `onChange` in order; a later watch of the same node takes its place. */
  watch(node: number, onChange: (change: Change) => void): void {
    let last = 0;
    this.#watchers.set(node, (change) => {
      last = Math.max(last, this.#agenda.now + this.#random.between(1, this.latency));
      this.#agenda.at(last, () => onChange(change));
    });
  }

  list(): Listing {
    return {
      version: this.#version,
      stored: [...this.#stored.values()],
      leases: [...this.#leases.values()],
    };
  }

  get(uid: string): Stored | undefined {
    return this.#stored.get(uid);
  }

  get uids(): Iterable<string> {
    return this.#stored.keys();
  }

  /** The controller makes or changes a VirtualIP. */
  plan(uid: string, spec: Pick<Stored, 'candidates' | 'moveTo'>): void {
    const known = this.#stored.get(uid);
    const createdAt = known?.createdAt ?? 1_800_000_000 + Math.floor(this.#agenda.now / 1000);
    const record = { holder: known?.holder, epoch: known?.epoch ?? 0 };
    this.#store({ uid, createdAt, ...record, ...spec, version: ++this.#version });
  }

  delete(uid: string): void {
    if (!this.#stored.delete(uid)) return;
    const change: Change = { kind: 'gone', uid, version: ++this.#version };
    for (const tell of this.#watchers.values()) tell(change);
  }

  /** A JSON Patch that tests uid and epoch. */
  claim({ uid, holder, epoch, previous }: ClaimWrite): 'Written' | 'Refused' {
    const known = this.#stored.get(uid);
    if (known === undefined || known.epoch !== previous) return 'Refused';
    const stored = { ...known, holder, epoch, version: ++this.#version };
    this.#store(stored);
    this.onRecord(known, stored);
    return 'Written';
  }

  renew(node: number, isHeld: boolean): void {
    const lease = { node, isHeld, renewTime: this.#agenda.now };
    this.#leases.set(node, lease);
    for (const tell of this.#watchers.values()) tell({ kind: 'lease', lease });
  }

  #store(stored: Stored): void {
    this.#stored.set(stored.uid, stored);
    for (const tell of this.#watchers.values()) tell({ kind: 'stored', stored });
  }
}
