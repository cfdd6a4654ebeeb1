// The main thread of one virtual node: lists and watches the API, tells its worker what it should hold and who lives, and
// writes the worker's claims.

import type { ElectorInput } from '../../src/election/elector.ts';
import type { WantedElection } from '../../src/election/tenure.ts';
import type { Change, Listing, Stored, VirtualApi } from './api.ts';
import { type Claim, ClaimWriter } from './claim-writer.ts';
import { LeaseFeed, nextRenewal } from './lease-feed.ts';
import { LINK } from './settings.ts';
import { nodeName, type Surroundings, shortId } from './surroundings.ts';
import type { Report } from './worker.ts';

export interface AgentOptions {
  readonly node: number;
  readonly idOf: (node: number) => bigint;
  readonly api: VirtualApi;
  /** Runs a task of the main thread: now, or when it moves again; never when it has ended. */
  readonly run: (task: () => void) => void;
  readonly post: (input: ElectorInput) => void;
  readonly begin: () => void;
  readonly onLeft: () => void;
}

/** How often Leases are looked at, and a list that failed is tried again. */
const LOOK_INTERVAL = 500;

export class Agent {
  readonly #around: Surroundings;
  readonly #options: AgentOptions;
  readonly #known = new Map<string, Stored>();
  readonly #writer: ClaimWriter;
  readonly #held = new Set<string>();
  readonly #dirty = new Set<string>();
  #wanted: ReadonlySet<string> = new Set();
  #leases: LeaseFeed;
  /** Of the last list or change. */
  #version = 0;
  /** The first list has been passed on. */
  isSynced = false;
  /** The watch is broken: what it would show comes with the next list. */
  #isBehind = true;
  #isListing = false;
  /** The watch shows nothing, and nobody knows. */
  isWatchStale = false;
  /** Lists end in errors. */
  isListFailing = false;
  #isFlushing = false;
  #hasLeft = false;

  constructor(around: Surroundings, options: AgentOptions) {
    this.#around = around;
    this.#options = options;
    const { node, idOf, post } = options;
    this.#leases = new LeaseFeed(node, around.agenda.now, (alive) =>
      post({ kind: 'leases', alive: alive.map(idOf) }),
    );
    this.#writer = new ClaimWriter(around, {
      node,
      api: options.api,
      later: (delay, task) => this.#later(delay, task),
      run: options.run,
      note: (stored) => this.#note(stored),
      settle: (input) => post(input),
    });
  }

  start(): void {
    this.#tick();
    this.#renew();
  }

  /** From the worker. */
  hear(report: Report): void {
    switch (report.kind) {
      case 'announce':
        this.#held.add(report.uid);
        return;
      case 'claim':
        this.#note_(`asks to record ${report.uid} at ${report.epoch}`);
        return this.#writer.claim(report);
      case 'withdraw':
        this.#held.delete(report.uid);
        this.#writer.drop(report.uid);
        return this.#touch(report.uid);
      case 'revoked':
        return this.#ask(report.uid);
      case 'left':
        this.#hasLeft = true;
        this.#options.onLeft();
    }
  }

  /** Gives the Lease back and asks the worker to hand over. */
  leave(): void {
    this.#options.post({ kind: 'leave' });
    this.#release();
  }

  /** What came by the watch while it was stale comes with a list. */
  relist(): void {
    this.#isBehind = true;
  }

  #note_(text: string): void {
    this.#around.timeline.note(nodeName(this.#options.node), () => text);
  }

  #later(delay: number, task: () => void): void {
    this.#around.agenda.after(delay, () => this.#options.run(task));
  }

  #tick(): void {
    const { agenda, random } = this.#around;
    if (this.#isBehind && !this.#isListing && !this.isWatchStale) this.#list();
    if (this.isSynced) this.#leases.look(agenda.now);
    this.#later(LOOK_INTERVAL + random.between(0, 50), () => this.#tick());
  }

  #list(): void {
    const { api, node, run } = this.#options;
    this.#isListing = true;
    api.request(
      node,
      () => !this.isListFailing,
      // As of when it arrives, so that the watch goes on from there.
      (isAnswered) => run(() => this.#onListed(isAnswered === true ? api.list() : undefined)),
    );
  }

  #onListed(listing: Listing | undefined): void {
    this.#isListing = false;
    // Older than what is known: from an API server that lags.
    if (listing === undefined || listing.version < this.#version) return;
    const { api, node, run, begin, post, idOf } = this.#options;
    this.#isBehind = false;
    this.#version = listing.version;
    api.watch(node, (change) => run(() => this.#onChange(change)));
    const uids = new Set(listing.stored.map(({ uid }) => uid));
    for (const uid of this.#known.keys()) if (!uids.has(uid)) this.#delete(uid);
    for (const stored of listing.stored) this.#note(stored);
    for (const lease of listing.leases) this.#leases.see(this.#around.agenda.now, lease);
    if (!this.isSynced) begin();
    this.isSynced = true;
    post({ kind: 'leases', alive: this.#leases.alive().map(idOf) });
    this.#flush(true);
  }

  #onChange(change: Change): void {
    const { api, node } = this.#options;
    if (!api.isReachable(node) || this.isWatchStale) this.#isBehind = true;
    if (this.#isBehind) return;
    switch (change.kind) {
      case 'lease':
        return this.#leases.see(this.#around.agenda.now, change.lease);
      case 'gone':
        this.#version = Math.max(this.#version, change.version);
        return this.#delete(change.uid);
      case 'stored':
        this.#note(change.stored);
    }
  }

  /** The API has shown that it is not there any more. */
  #delete(uid: string): void {
    this.#options.post({ kind: 'deleted', uids: [shortId(uid)] });
    this.#forget(uid);
  }

  #forget(uid: string): void {
    this.#known.delete(uid);
    this.#touch(uid);
  }

  /** A peer calls it deleted: the API knows, and where it can not be asked the peer is right. */
  #ask(uid: string): void {
    const { api, node, run, post } = this.#options;
    const judge = (isListed: boolean): void => {
      post({ kind: 'judged', uid, isListed });
      if (!isListed) this.#forget(uid);
    };
    if (this.#isBehind) return judge(false);
    api.request(
      node,
      () => api.get(uid) !== undefined,
      (answer) => run(() => judge(answer === true)),
    );
  }

  #note(stored: Stored): void {
    const known = this.#known.get(stored.uid);
    if (known !== undefined && known.version >= stored.version) return;
    this.#known.set(stored.uid, stored);
    this.#version = Math.max(this.#version, stored.version);
    this.#touch(stored.uid);
  }

  /** All changes of one turn go to the worker together. */
  #touch(uid: string): void {
    this.#dirty.add(uid);
    if (this.#isFlushing || !this.isSynced) return;
    this.#isFlushing = true;
    this.#later(0.5, () => this.#flush(false));
  }

  #flush(isWhole: boolean): void {
    this.#isFlushing = false;
    const wanted = new Set([...this.#known.keys()].filter((uid) => this.#desired(uid) !== undefined));
    const uids = isWhole ? [...wanted] : [...this.#dirty];
    const addresses = uids.flatMap((uid) => this.#desired(uid) ?? []);
    const dropped = [...this.#wanted].filter((uid) => !wanted.has(uid));
    this.#dirty.clear();
    this.#wanted = wanted;
    if (!isWhole && addresses.length + dropped.length === 0) return;
    for (const uid of dropped) {
      this.#writer.drop(uid);
      this.#around.witness.forbidden(this.#options.node, uid, 'dropped');
    }
    this.#options.post({ kind: 'want', isWhole, addresses, dropped: isWhole ? [] : dropped });
  }

  #desired(uid: string): WantedElection | undefined {
    const { node, idOf } = this.#options;
    const stored = this.#known.get(uid);
    if (stored === undefined) return undefined;
    const { createdAt, candidates, holder, epoch, moveTo } = stored;
    return {
      ...{ uid, shortUid: shortId(uid), createdAt, candidates: candidates.map(idOf), segment: LINK },
      record: { holder: holder === undefined ? undefined : idOf(holder), epoch },
      isLastResort: !candidates.includes(node),
      moveTo: moveTo === undefined ? undefined : idOf(moveTo),
    };
  }

  #renew(): void {
    const { api, node, run } = this.#options;
    if (this.#hasLeft) return;
    api.request(
      node,
      () => {
        api.renew(node, true);
        return true;
      },
      (answer) => run(() => this.#later(nextRenewal(answer === true), () => this.#renew())),
    );
  }

  #release(): void {
    const { api, node, run } = this.#options;
    this.#hasLeft = true;
    api.request(
      node,
      () => {
        api.renew(node, false);
        return true;
      },
      (answer) => run(() => answer === undefined && this.#later(500, () => this.#release())),
    );
  }
}

export type { Claim };
