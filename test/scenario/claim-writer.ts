// Writes the claims of one virtual node to the API, as the agent does: again while the API is away, and again on top of
// its own older record; a claim that was withdrawn or replaced is not written any more.

import type { ElectorInput } from '../../src/election/elector.ts';
import type { Stored, VirtualApi } from './api.ts';
import { count, nodeName, type Surroundings } from './surroundings.ts';

export interface Claim {
  readonly uid: string;
  readonly epoch: number;
  readonly previous: number;
}

export interface ClaimWriterOptions {
  readonly node: number;
  readonly api: VirtualApi;
  readonly later: (delay: number, task: () => void) => void;
  readonly run: (task: () => void) => void;
  /** A VirtualIP as it was read. */
  readonly note: (stored: Stored) => void;
  readonly settle: (input: ElectorInput) => void;
}

const RETRY = 1000;

export class ClaimWriter {
  readonly #around: Surroundings;
  readonly #options: ClaimWriterOptions;
  readonly #claims = new Map<string, Claim>();

  constructor(around: Surroundings, options: ClaimWriterOptions) {
    this.#around = around;
    this.#options = options;
  }

  claim({ uid, epoch, previous }: Claim): void {
    const claim = { uid, epoch, previous };
    this.#claims.set(uid, claim);
    // A withdrawal that has come already takes it back.
    this.#options.later(0.0625, () => this.#write(claim));
  }

  drop(uid: string): void {
    this.#claims.delete(uid);
  }

  #write(claim: Claim): void {
    const { api, node, run, later } = this.#options;
    if (this.#claims.get(claim.uid) !== claim) return;
    api.request(
      node,
      () => api.claim({ ...claim, holder: node }),
      (answer) =>
        run(() => {
          if (answer === 'Written') this.#settle(claim, 'recorded');
          else if (answer === 'Refused') this.#read(claim);
          else later(RETRY, () => this.#write(claim));
        }),
    );
  }

  /** Who was first; it may have been this node itself. */
  #read(claim: Claim): void {
    const { api, node, run, later } = this.#options;
    if (this.#claims.get(claim.uid) !== claim) return;
    api.request(
      node,
      () => api.get(claim.uid) ?? 'Gone',
      (answer) =>
        run(() => {
          if (answer === undefined) later(RETRY, () => this.#read(claim));
          else if (answer === 'Gone') this.#settle(claim, 'refused');
          else this.#compare(claim, answer);
        }),
    );
  }

  #compare(claim: Claim, found: Stored): void {
    const { node, note } = this.#options;
    note(found);
    if (found.holder !== node) return this.#settle(claim, 'refused');
    if (found.epoch === claim.epoch) return this.#settle(claim, 'recorded');
    if (found.epoch > claim.epoch) return this.#settle(claim, 'refused');
    if (this.#claims.get(claim.uid) !== claim) return;
    count(this.#around.counts, 'rule: written on top of the own record');
    this.claim({ ...claim, previous: found.epoch });
  }

  #settle(claim: Claim, kind: 'recorded' | 'refused'): void {
    const { uid, epoch } = claim;
    if (this.#claims.get(uid) !== claim) return;
    this.#claims.delete(uid);
    count(this.#around.counts, `rule: claim ${kind}`);
    const { timeline } = this.#around;
    timeline.note(nodeName(this.#options.node), () => `claim of ${uid} at ${epoch} ${kind}`);
    this.#options.settle({ kind, uid, epoch });
  }
}
