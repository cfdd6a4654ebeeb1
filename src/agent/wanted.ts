// Keeps the wire worker's wanted state equal to the plan: tells it all once, and then what changed.

import type { Timer, Timers } from '../kube/time.ts';
import { desiredAddress, type WantedAddress } from '../plan/desired.ts';
import { milliseconds } from '../time/duration.ts';
import type { ToWorker } from '../wire-worker/messages.ts';
import type { VirtualIPs } from './virtual-ips.ts';

export interface WantedDeps {
  readonly node: string;
  readonly virtualIPs: VirtualIPs;
  readonly timers: Timers;
  /** Whether the worker answers for it now. */
  readonly isHeld: (uid: string) => boolean;
  /** Whether this node may hold addresses that it is no candidate for. */
  readonly isAble: () => boolean;
  readonly send: (message: ToWorker) => void;
  /** Names of what was just dropped. */
  readonly onDropped: (names: readonly string[]) => void;
}

export class Wanted {
  readonly #deps: WantedDeps;
  /** By name. */
  readonly #entries = new Map<string, WantedAddress>();
  /** Names of what changed since it was sent. */
  readonly #changed = new Set<string>();
  /** Uid by name of what the worker was last told to want; undefined before the first time. */
  #sent: Map<string, string> | undefined;
  #isOpen = false;
  #flushing: Timer | undefined;

  constructor(deps: WantedDeps) {
    this.#deps = deps;
  }

  /** Starts sending: called when the watches have seen everything once. */
  open(): void {
    this.#isOpen = true;
    this.#flushSoon();
  }

  close(): void {
    this.#isOpen = false;
    this.#flushing?.cancel();
  }

  /** Plans one VirtualIP anew. */
  update(name: string): void {
    const { virtualIPs, node, isHeld, isAble } = this.#deps;
    const virtualIP = virtualIPs.get(name);
    const next =
      virtualIP && desiredAddress(virtualIP, node, { isHeld: isHeld(virtualIP.uid), isAble: isAble() });
    if (isSame(this.#entries.get(name), next)) return;
    if (next === undefined) this.#entries.delete(name);
    else this.#entries.set(name, next);
    this.#changed.add(name);
    this.#flushSoon();
  }

  /** Plans all anew: what `isAble` says is another than before. */
  updateAll(): void {
    for (const { name } of this.#deps.virtualIPs.all()) this.update(name);
  }

  /** Names of all that concerns this node. */
  names(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Whether the worker was last told to want it. */
  isSent({ name, uid }: { readonly name: string; readonly uid: string }): boolean {
    return this.#sent?.get(name) === uid;
  }

  /** Collects the changes of one turn of the event loop. */
  #flushSoon(): void {
    const isDue = this.#sent === undefined || this.#changed.size > 0;
    if (!this.#isOpen || !isDue || this.#flushing !== undefined) return;
    this.#flushing = this.#deps.timers.after(milliseconds(0), 'wanted', () => {
      this.#flushing = undefined;
      this.#flush();
    });
  }

  #flush(): void {
    const isWhole = this.#sent === undefined;
    const sent = this.#sent ?? new Map<string, string>();
    this.#sent = sent;
    const addresses: WantedAddress[] = [];
    const dropped = new Map<string, string>();
    for (const name of isWhole ? this.#entries.keys() : this.#changed) {
      const entry = this.#entries.get(name);
      const before = sent.get(name);
      if (before !== undefined && before !== entry?.uid) dropped.set(name, before);
      if (entry === undefined) sent.delete(name);
      else {
        addresses.push(entry);
        sent.set(name, entry.uid);
      }
    }
    this.#changed.clear();
    if (!isWhole && addresses.length + dropped.size === 0) return;
    this.#deps.send({ kind: 'want', isWhole, addresses, dropped: [...dropped.values()] });
    this.#deps.onDropped([...dropped.keys()]);
  }
}

function isSame(a: WantedAddress | undefined, b: WantedAddress | undefined): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
