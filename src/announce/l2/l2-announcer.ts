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

/** The links as they are now. */
export interface LinkView {
  /** All links of the host, for the choice. */
  readonly links: readonly Link[];
  /** Those with a socket, by index. */
  readonly sockets: ReadonlyMap<number, ArpLink>;
}

const NOTHING: ReadonlyMap<number, number> = new Map();

export class L2Announcer {
  #links: ReadonlyMap<string, string> = new Map();

  /** The name of the link that answers for a VirtualIP; undefined while none fits. */
  linkOf(uid: string): string | undefined {
    return this.#links.get(uid);
  }

  /** Makes `held` the whole of what is answered. Nothing is announced on one link before it is silent on another. */
  reconcile(now: Instant, held: readonly HeldIPv4Address[], { links, sockets }: LinkView): void {
    const choice = new LinkChoice(links);
    const byLink = new Map<number, Map<number, number>>();
    const names = new Map<string, string>();
    for (const { uid, address, epoch, interfaces } of held) {
      const link = choice.choose(address, interfaces);
      if (link === undefined || !sockets.has(link.index)) continue;
      names.set(uid, link.name);
      const wanted = byLink.get(link.index) ?? new Map<number, number>();
      byLink.set(link.index, wanted.set(address, epoch));
    }
    this.#links = names;
    for (const [index, socket] of sockets) socket.release(now, byLink.get(index) ?? NOTHING);
    for (const [index, wanted] of byLink) sockets.get(index)?.take(now, wanted);
  }
}
