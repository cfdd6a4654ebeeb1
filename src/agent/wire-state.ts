// What the wire worker last said: whether it is ready, its links, and the addresses that are answered.

import type { FromWorker, HeldAddress, LinkReport, PeerReport } from '../wire-worker/messages.ts';

type HeldMessage = Extract<FromWorker, { readonly kind: 'held' }>;

export class WireState {
  readonly #held = new Map<string, HeldAddress>();
  readonly #peers = new Map<string, readonly PeerReport[]>();
  #links: readonly LinkReport[] | undefined;
  #isReady = false;
  #hasLeft = false;

  isReady(): boolean {
    return this.#isReady;
  }

  /** After `leave`: the worker holds nothing any more. */
  hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Undefined before the first report. */
  links(): readonly LinkReport[] | undefined {
    return this.#links;
  }

  /** Who is or was heard, by the link's name. */
  peers(): ReadonlyMap<string, readonly PeerReport[]> {
    return this.#peers;
  }

  held(uid: string): HeldAddress | undefined {
    return this.#held.get(uid);
  }

  allHeld(): Iterable<HeldAddress> {
    return this.#held.values();
  }

  heldCount(): number {
    return this.#held.size;
  }

  ready(): void {
    this.#isReady = true;
  }

  left(): void {
    this.#hasLeft = true;
  }

  setLinks(links: readonly LinkReport[]): void {
    this.#links = links;
  }

  setPeers(link: string, peers: readonly PeerReport[]): void {
    if (peers.length === 0) this.#peers.delete(link);
    else this.#peers.set(link, peers);
  }

  /** Takes what changed; returns the names of the VirtualIPs that it changed something for. */
  setHeld({ isWhole, changed, gone }: HeldMessage): readonly string[] {
    const uids = new Set(changed.map(({ uid }) => uid));
    const names: string[] = [];
    for (const uid of isWhole ? [...this.#held.keys()].filter((each) => !uids.has(each)) : gone) {
      const name = this.#held.get(uid)?.name;
      if (name !== undefined) names.push(name);
      this.#held.delete(uid);
    }
    for (const each of changed) {
      if (!isSame(this.#held.get(each.uid), each)) names.push(each.name);
      this.#held.set(each.uid, each);
    }
    return names;
  }
}

function isSame(a: HeldAddress | undefined, b: HeldAddress): boolean {
  return a !== undefined && a.epoch === b.epoch && a.link === b.link;
}
