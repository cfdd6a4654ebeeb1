// Layer 2 announcing on all links: brings every held address to the one link that fits it, and off all others.

import type { Link } from '../../host/host.ts';
import type { Instant } from '../../time/instant.ts';
import type { ArpLink } from './arp-link.ts';
import { LinkChoice } from './link-choice.ts';

/** One address to answer for. */
export interface HeldIPv4Address {
  readonly uid: string;
  /** As an unsigned 32-bit number. */
  readonly address: number;
  /** A new epoch is announced anew. */
  readonly epoch: number;
  /** Patterns of link names; none = any. */
  readonly interfaces: readonly string[];
}

/** What became of some of the addresses. */
export interface HeldChange {
  /** New, or with something new about them. */
  readonly changed: readonly HeldIPv4Address[];
  /** Uids of what is not held any more. */
  readonly gone: readonly string[];
}

/** The links as they are now. */
export interface LinkView {
  /** All links of the host, for the choice: another array whenever something about them changed. */
  readonly links: readonly Link[];
  /** Those with a socket, by index. */
  readonly sockets: ReadonlyMap<number, ArpLink>;
}

export class L2Announcer {
  readonly #held = new Map<string, HeldIPv4Address>();
  /** Who holds each address: the last that came decides, should two VirtualIPs ever have the same one. */
  readonly #uids = new Map<number, readonly string[]>();
  /** The link that answers for each address. */
  readonly #places = new Map<number, Link>();
  #choice: { readonly links: readonly Link[]; readonly choice: LinkChoice } | undefined;

  /** The name of the link that answers for a VirtualIP; undefined while none fits. */
  linkOf(uid: string): string | undefined {
    const held = this.#held.get(uid);
    return held && this.#places.get(held.address)?.name;
  }

  /** Takes in what changed of what is held, while the links are as they were. */
  change(now: Instant, { changed, gone }: HeldChange, view: LinkView): void {
    const addresses = new Set<number>();
    for (const uid of gone) this.#forget(uid, addresses);
    for (const held of changed) {
      const { uid, address } = held;
      this.#forget(uid, addresses);
      this.#held.set(uid, held);
      this.#uids.set(address, [...(this.#uids.get(address) ?? []), uid]);
      addresses.add(address);
    }
    this.#place(now, addresses, view);
  }

  /** Brings everything to the links as they are now. */
  reconcile(now: Instant, view: LinkView): void {
    this.#place(now, new Set(this.#uids.keys()), view);
  }

  #forget(uid: string, addresses: Set<number>): void {
    const address = this.#held.get(uid)?.address;
    if (address === undefined) return;
    this.#held.delete(uid);
    addresses.add(address);
    const others = this.#uids.get(address)?.filter((each) => each !== uid) ?? [];
    if (others.length === 0) this.#uids.delete(address);
    else this.#uids.set(address, others);
  }

  /** Nothing is announced on one link before all is silent that has left another. */
  #place(now: Instant, addresses: ReadonlySet<number>, { links, sockets }: LinkView): void {
    const choice = this.#choiceOf(links);
    const byLink = new Map<ArpLink, HeldIPv4Address[]>();
    for (const address of addresses) {
      const held = this.#held.get(this.#uids.get(address)?.at(-1) ?? '');
      const link = held && choice.choose(address, held.interfaces);
      const socket = link && sockets.get(link.index);
      const before = this.#places.get(address)?.index;
      if (before !== undefined && before !== socket?.link.index) sockets.get(before)?.release(now, address);
      if (held === undefined || link === undefined || socket === undefined) this.#places.delete(address);
      else {
        this.#places.set(address, link);
        const others = byLink.get(socket);
        if (others === undefined) byLink.set(socket, [held]);
        else others.push(held);
      }
    }
    for (const [socket, held] of byLink) socket.take(now, held);
  }

  #choiceOf(links: readonly Link[]): LinkChoice {
    if (this.#choice?.links !== links) this.#choice = { links, choice: new LinkChoice(links) };
    return this.#choice.choice;
  }
}
