// What the wire worker last said: whether it is ready, its links, and the addresses that are answered.

import type { FromWorker, HeldAddress, LinkReport } from '../wire-worker/messages.ts';

export class WireState {
  #held: ReadonlyMap<string, HeldAddress> = new Map();
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

  /** Takes the new list; returns the names of the VirtualIPs that it changed something for. */
  setHeld({ held }: Extract<FromWorker, { readonly kind: 'held' }>): readonly string[] {
    const before = this.#held;
    this.#held = new Map(held.map((each) => [each.uid, each]));
    const changed = held.filter((each) => !isSame(before.get(each.uid), each)).map(({ name }) => name);
    for (const [uid, { name }] of before) if (!this.#held.has(uid)) changed.push(name);
    return changed;
  }
}

function isSame(a: HeldAddress | undefined, b: HeldAddress): boolean {
  return a !== undefined && a.epoch === b.epoch && a.link === b.link;
}
