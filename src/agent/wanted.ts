// Keeps the wire worker's wanted state equal to the plan: whole lists, sent only when an entry of ours changed and,
// with many addresses, not more often than is cheap.

import type { Timer, Timers } from '../kube/time.ts';
import { desiredAddress, type WantedAddress } from '../plan/desired.ts';
import { milliseconds, times } from '../time/duration.ts';
import type { ToWorker } from '../wire-worker/messages.ts';
import type { VirtualIPs } from './virtual-ips.ts';

/** The pause after a list, for each address in it: 1,000 addresses are sent at most 100 times a second. */
const PAUSE_PER_ADDRESS = milliseconds(0.01);

export interface WantedDeps {
  readonly node: string;
  readonly virtualIPs: VirtualIPs;
  readonly timers: Timers;
  /** Whether the worker answers for it now. */
  readonly isHeld: (uid: string) => boolean;
  readonly send: (message: ToWorker) => void;
  /** Names that the list just sent does not hold any more. */
  readonly onDropped: (names: readonly string[]) => void;
}

export class Wanted {
  readonly #deps: WantedDeps;
  readonly #entries = new Map<string, WantedAddress>();
  /** Name by uid. */
  #sent: ReadonlyMap<string, string> = new Map();
  #isOpen = false;
  #isDirty = true;
  #pause: Timer | undefined;

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
    this.#pause?.cancel();
  }

  /** Plans one VirtualIP anew. */
  update(name: string): void {
    const { virtualIPs, node, isHeld } = this.#deps;
    const virtualIP = virtualIPs.get(name);
    const next = virtualIP && desiredAddress(virtualIP, node, isHeld(virtualIP.uid));
    if (isSame(this.#entries.get(name), next)) return;
    if (next === undefined) this.#entries.delete(name);
    else this.#entries.set(name, next);
    this.#isDirty = true;
    this.#flushSoon();
  }

  /** Whether the worker was last told to want it. */
  isSent(uid: string): boolean {
    return this.#sent.has(uid);
  }

  /** Collects the changes of one turn of the event loop, and of the pause after a long list. */
  #flushSoon(): void {
    if (!this.#isOpen || !this.#isDirty || this.#pause !== undefined) return;
    this.#pause = this.#deps.timers.after(milliseconds(0), 'wanted', () => this.#flush());
  }

  #flush(): void {
    const addresses = [...this.#entries.values()];
    this.#isDirty = false;
    const before = this.#sent;
    this.#sent = new Map(addresses.map(({ uid, name }) => [uid, name]));
    this.#deps.send({ kind: 'want', addresses });
    this.#deps.onDropped([...before].filter(([uid]) => !this.#sent.has(uid)).map(([, name]) => name));
    this.#pause = this.#deps.timers.after(times(PAUSE_PER_ADDRESS, addresses.length), 'wanted-pause', () => {
      this.#pause = undefined;
      this.#flushSoon();
    });
  }
}

function isSame(a: WantedAddress | undefined, b: WantedAddress | undefined): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
