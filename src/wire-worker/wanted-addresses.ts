// The addresses that the main thread wants, as the election knows them. There are thousands on every node, so nothing else
// is kept of them, and what many say alike is kept once.

import type { HeldIPv4Address } from '../announce/l2/l2-announcer.ts';
import type { NodeId } from '../election/claim-order.ts';
import type { HeldElection } from '../election/election-messages.ts';
import type { KnownRecord, WantedElection } from '../election/tenure.ts';
import { parseAddress } from '../net/address.ts';
import { SharedValues } from '../resource/shared-values.ts';
import { shortUid } from './heartbeat-settings.ts';
import type { Log } from './log.ts';
import type { ToWorker, WantedAddress } from './messages.ts';

type WantMessage = Extract<ToWorker, { readonly kind: 'want' }>;

/** What the election is told of it, and what only the wire has to know. */
export interface KnownAddress extends WantedElection {
  /** Of the VirtualIP. */
  readonly name: string;
  /** As an unsigned 32-bit number. */
  readonly address: number;
  /** Glob patterns of link names; empty = any link that fits. */
  readonly interfaces: readonly string[];
}

export class WantedAddresses {
  readonly #log: Log;
  readonly #idOf: (node: string) => NodeId;
  readonly #known = new Map<string, KnownAddress>();
  /** Names, by uid, of what the last message has dropped. */
  readonly #dropped = new Map<string, string>();
  /** Uids that could not be used, so that each is logged once. */
  readonly #refused = new Set<string>();
  readonly #candidates = new SharedValues();
  readonly #records = new SharedValues();
  readonly #interfaces = new SharedValues();

  /** `idOf`: what heartbeats call a node. */
  constructor(log: Log, idOf: (node: string) => NodeId) {
    this.#log = log;
    this.#idOf = idOf;
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
    this.#dropped.set(uid, known.name);
    this.#known.delete(uid);
  }

  /** False for what is no IPv4 address. */
  #learn(wanted: WantedAddress): boolean {
    const { uid, name, createdAt, candidates, record, interfaces, isLastResort = false, moveTo } = wanted;
    const address = numberOf(wanted);
    if (address === undefined) {
      this.#refuse(wanted);
      return false;
    }
    const known = this.#known.get(uid);
    this.#known.set(uid, {
      // The text that is there already, and not the message's.
      uid: known?.uid ?? uid,
      name: known?.name ?? name,
      shortUid: known?.shortUid ?? shortUid(uid),
      createdAt,
      candidates: this.#candidates.made(candidates, () => candidates.map(this.#idOf)),
      record: this.#records.made(record, () => this.#recordOf(record)),
      address,
      interfaces: this.#interfaces.share(interfaces),
      segment: known?.segment,
      isLastResort,
      moveTo: moveTo === undefined ? undefined : this.#idOf(moveTo),
    });
    return true;
  }

  #recordOf({ holder, epoch }: WantedAddress['record']): KnownRecord {
    return { holder: holder === undefined ? undefined : this.#idOf(holder), epoch };
  }

  /** One that is wanted now, answered on the link of this index from now on; undefined: on none. */
  place(uid: string, segment: number | undefined): KnownAddress {
    const known = this.get(uid);
    if (known.segment === segment) return known;
    const placed = { ...known, segment };
    this.#known.set(uid, placed);
    return placed;
  }

  #refuse({ uid, name, address }: WantedAddress): void {
    if (!this.#refused.has(uid))
      this.#log('warn', 'address cannot be announced', { name, address, wanted: 'an IPv4 address' });
    this.#drop(uid);
    this.#refused.add(uid);
  }

  /** The VirtualIP's name, also if the last message has dropped it. */
  nameOf(uid: string): string {
    const name = this.#known.get(uid)?.name ?? this.#dropped.get(uid);
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
    const { address, interfaces } = this.get(uid);
    return { uid, epoch, address, interfaces };
  }
}

function numberOf({ address }: WantedAddress): number | undefined {
  const parsed = parseAddress(address);
  return parsed?.family === 'IPv4' ? Number(parsed.value) : undefined;
}
