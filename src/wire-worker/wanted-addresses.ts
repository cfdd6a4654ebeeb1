// The addresses that the main thread wants, with their text read once.

import type { HeldIPv4Address } from '../announce/l2/l2-announcer.ts';
import type { HeardClaim, HeldOwnership } from '../election/ownership.ts';
import { parseAddress } from '../net/address.ts';
import type { PeerClaim } from '../protocol/heartbeat/heartbeat-frame.ts';
import { shortUid } from './heartbeat-settings.ts';
import type { Log } from './log.ts';
import type { WantedAddress } from './messages.ts';

interface Known {
  readonly wanted: WantedAddress;
  /** As an unsigned 32-bit number. */
  readonly address: number;
}

export class WantedAddresses {
  readonly #log: Log;
  /** By what heartbeats call them. */
  #uids: ReadonlyMap<bigint, string> = new Map();
  #known: ReadonlyMap<string, Known> = new Map();
  #before: ReadonlyMap<string, Known> = new Map();
  /** Uids that could not be used, so that each is logged once and not with every list. */
  #refused: ReadonlySet<string> = new Set();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Takes a whole list; returns those that this node can answer for. */
  replace(addresses: readonly WantedAddress[]): readonly WantedAddress[] {
    const known = new Map<string, Known>();
    const refused = new Set<string>();
    for (const wanted of addresses) {
      const address = this.#numberOf(wanted);
      if (address === undefined) refused.add(wanted.uid);
      else known.set(wanted.uid, { wanted, address });
    }
    for (const { uid, name, address } of addresses)
      if (refused.has(uid) && !this.#refused.has(uid))
        this.#log('warn', 'address cannot be announced', { name, address, wanted: 'an IPv4 address' });
    this.#before = this.#known;
    this.#known = known;
    this.#refused = refused;
    this.#uids = new Map(Array.from(known.keys(), (uid) => [shortUid(uid), uid]));
    return Array.from(known.values(), ({ wanted }) => wanted);
  }

  #numberOf({ uid, address }: WantedAddress): number | undefined {
    const known = this.#known.get(uid);
    if (known?.wanted.address === address) return known.address;
    const parsed = parseAddress(address);
    return parsed?.family === 'IPv4' ? Number(parsed.value) : undefined;
  }

  /** The VirtualIP's name, also if the last list is the first without it. */
  nameOf(uid: string): string {
    const known = this.#known.get(uid) ?? this.#before.get(uid);
    if (known === undefined) throw new Error(`name VirtualIP ${uid}: never wanted`);
    return known.wanted.name;
  }

  /** What peers were heard claiming, as far as it concerns this node. */
  heard(claims: readonly PeerClaim[], by: Pick<HeardClaim, 'isByHung' | 'winsTies'>): readonly HeardClaim[] {
    return claims.flatMap(({ uid: short, epoch, isRecorded }) => {
      const uid = this.#uids.get(short);
      return uid === undefined ? [] : [{ ...by, uid, epoch, isRecorded }];
    });
  }

  /** What is held, as heartbeats tell it. */
  claimed(held: readonly HeldOwnership[]): readonly PeerClaim[] {
    return held.map(({ uid, epoch, isRecorded }) => {
      const createdAt = this.#known.get(uid)?.wanted.createdAt ?? 0;
      // Whether it was claimed while nobody was heard matters only to nodes that order claims by themselves.
      return { uid: shortUid(uid), createdAt, epoch, state: 'Held', isRecorded, isAlone: false };
    });
  }

  /** What is held, as the announcer needs it. */
  announced(held: readonly HeldOwnership[]): readonly HeldIPv4Address[] {
    return held.map(({ uid, epoch }) => {
      const known = this.#known.get(uid);
      // Ownership holds nothing but what the last list wanted.
      if (known === undefined) throw new Error(`announce VirtualIP ${uid}: held, but not wanted`);
      return { uid, epoch, address: known.address, interfaces: known.wanted.interfaces };
    });
  }
}
