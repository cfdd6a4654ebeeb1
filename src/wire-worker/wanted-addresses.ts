// The addresses that the main thread wants, with their text read once.

import type { HeldIPv4Address } from '../announce/l2/l2-announcer.ts';
import type { HeldElection } from '../election/election-messages.ts';
import { parseAddress } from '../net/address.ts';
import { shortUid } from './heartbeat-settings.ts';
import type { Log } from './log.ts';
import type { ToWorker, WantedAddress } from './messages.ts';

type WantMessage = Extract<ToWorker, { readonly kind: 'want' }>;

export interface KnownAddress {
  readonly wanted: WantedAddress;
  /** The uid as heartbeats carry it. */
  readonly shortUid: bigint;
  /** As an unsigned 32-bit number. */
  readonly address: number;
}

export class WantedAddresses {
  readonly #log: Log;
  readonly #known = new Map<string, KnownAddress>();
  /** Names, by uid, of what the last message has dropped. */
  readonly #dropped = new Map<string, string>();
  /** Uids that could not be used, so that each is logged once. */
  readonly #refused = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Takes what changed, or all; returns what this node can answer for of it, and what is not wanted any more. */
  take({ isWhole, addresses, dropped }: WantMessage): Pick<WantMessage, 'addresses' | 'dropped'> {
    this.#dropped.clear();
    const gone = isWhole ? this.#others(addresses) : dropped;
    for (const uid of gone) this.#drop(uid);
    const unusable = new Set(addresses.filter((wanted) => !this.#learn(wanted)));
    const usable = unusable.size === 0 ? addresses : addresses.filter((wanted) => !unusable.has(wanted));
    return { addresses: usable, dropped: [...gone, ...Array.from(unusable, ({ uid }) => uid)] };
  }

  #others(addresses: readonly WantedAddress[]): readonly string[] {
    const uids = new Set(addresses.map(({ uid }) => uid));
    return [...this.#known.keys(), ...this.#refused].filter((uid) => !uids.has(uid));
  }

  #drop(uid: string): void {
    this.#refused.delete(uid);
    const known = this.#known.get(uid);
    if (known === undefined) return;
    this.#dropped.set(uid, known.wanted.name);
    this.#known.delete(uid);
  }

  /** False for what is no IPv4 address. */
  #learn(wanted: WantedAddress): boolean {
    const { uid } = wanted;
    const known = this.#known.get(uid);
    const address = known?.wanted.address === wanted.address ? known.address : numberOf(wanted);
    if (address === undefined) {
      this.#refuse(wanted);
      return false;
    }
    this.#known.set(uid, { wanted, address, shortUid: known?.shortUid ?? shortUid(uid) });
    return true;
  }

  #refuse({ uid, name, address }: WantedAddress): void {
    if (!this.#refused.has(uid))
      this.#log('warn', 'address cannot be announced', { name, address, wanted: 'an IPv4 address' });
    this.#drop(uid);
    this.#refused.add(uid);
  }

  /** The VirtualIP's name, also if the last message has dropped it. */
  nameOf(uid: string): string {
    const name = this.#known.get(uid)?.wanted.name ?? this.#dropped.get(uid);
    if (name === undefined) throw new Error(`name VirtualIP ${uid}: never wanted`);
    return name;
  }

  /** One that is wanted now. */
  get(uid: string): KnownAddress {
    const known = this.#known.get(uid);
    if (known === undefined) throw new Error(`look up VirtualIP ${uid}: not wanted`);
    return known;
  }

  uids(): Iterable<string> {
    return this.#known.keys();
  }

  /** What is held, as the announcer needs it. */
  announced({ uid, epoch }: HeldElection): HeldIPv4Address {
    const { wanted, address } = this.get(uid);
    return { uid, epoch, address, interfaces: wanted.interfaces };
  }
}

function numberOf({ address }: WantedAddress): number | undefined {
  const parsed = parseAddress(address);
  return parsed?.family === 'IPv4' ? Number(parsed.value) : undefined;
}
