// The addresses that the main thread wants, with their text read once.

import type { HeldIPv4Address } from '../announce/l2/l2-announcer.ts';
import type { HeardClaim, HeldOwnership } from '../election/ownership.ts';
import { parseAddress } from '../net/address.ts';
import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { shortUid } from './heartbeat-settings.ts';
import type { Log } from './log.ts';
import type { ToWorker, WantedAddress } from './messages.ts';

type WantMessage = Extract<ToWorker, { readonly kind: 'want' }>;

interface Known {
  readonly wanted: WantedAddress;
  /** As an unsigned 32-bit number. */
  readonly address: number;
}

export class WantedAddresses {
  readonly #log: Log;
  /** By what heartbeats call them. */
  readonly #uids = new Map<bigint, string>();
  readonly #known = new Map<string, Known>();
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
    this.#uids.delete(shortUid(uid));
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
    this.#known.set(uid, { wanted, address });
    this.#uids.set(shortUid(uid), uid);
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

  /** What peers were heard claiming, as far as it concerns this node. */
  heard(claims: readonly PeerClaim[], by: Pick<HeardClaim, 'isByHung' | 'winsTies'>): readonly HeardClaim[] {
    return claims.flatMap(({ uid: short, epoch, isRecorded }) => {
      const uid = this.#uids.get(short);
      return uid === undefined ? [] : [{ ...by, uid, epoch, isRecorded }];
    });
  }

  /** What is held, as heartbeats tell it. */
  claimed({ uid, epoch, isRecorded }: HeldOwnership): PeerClaim {
    const createdAt = this.#known.get(uid)?.wanted.createdAt ?? 0;
    // Whether it was claimed while nobody was heard matters only to nodes that order claims by themselves.
    return { uid: shortUid(uid), createdAt, epoch, state: 'Held', isRecorded, isAlone: false };
  }

  /** What is held, as the announcer needs it. */
  announced({ uid, epoch }: HeldOwnership): HeldIPv4Address {
    const known = this.#known.get(uid);
    // Ownership holds nothing but what is wanted.
    if (known === undefined) throw new Error(`announce VirtualIP ${uid}: held, but not wanted`);
    return { uid, epoch, address: known.address, interfaces: known.wanted.interfaces };
  }
}

function numberOf({ address }: WantedAddress): number | undefined {
  const parsed = parseAddress(address);
  return parsed?.family === 'IPv4' ? Number(parsed.value) : undefined;
}
