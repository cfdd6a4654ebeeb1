// The host's links and a packet socket on each that can answer for IPv4 addresses. A socket outlives flaps, renames
// and changes of the MAC; it goes with its link, and a link that comes back gets a new one.

import { ArpLink } from '../announce/l2/arp-link.ts';
import type { L2Counters } from '../announce/l2/l2-counters.ts';
import { canAnswer } from '../announce/l2/link-choice.ts';
import type { Link, WireHost } from '../host/host.ts';
import { formatMac } from '../net/mac.ts';
import { seconds } from '../time/duration.ts';
import { after, type Instant } from '../time/instant.ts';
import { type Log, reasonOf } from './log.ts';

/** How long after a failure it is tried again, if no change of a link comes first. */
const RETRY = seconds(1);

export interface LinkTableDeps {
  readonly openArpSocket: WireHost['openArpSocket'];
  readonly counters: L2Counters;
  readonly log: Log;
}

/** Links that were down or gone since the last update, by index. */
export type Interrupted = ReadonlySet<number> | 'Unknown';

export class LinkTable {
  readonly #deps: LinkTableDeps;
  readonly #sockets = new Map<number, ArpLink>();
  #links: readonly Link[] = [];
  #retryAt: Instant | undefined;
  #fds: readonly number[] = [];

  constructor(deps: LinkTableDeps) {
    this.#deps = deps;
  }

  /** All links of the last update. */
  get links(): readonly Link[] {
    return this.#links;
  }

  /** Links with a socket, by index. */
  get sockets(): ReadonlyMap<number, ArpLink> {
    return this.#sockets;
  }

  /** The sockets' descriptors: the same array until the next update. */
  get fds(): readonly number[] {
    return this.#fds;
  }

  /** When to ask for the links again: a socket could not be opened, or there was no answer. */
  deadline(): Instant | undefined {
    return this.#retryAt;
  }

  update(now: Instant, links: readonly Link[], interrupted: Interrupted): void {
    this.#links = links;
    this.#retryAt = undefined;
    const fitting = links.filter(canAnswer);
    this.#closeOthers(fitting);
    for (const link of fitting) {
      const known = this.#sockets.get(link.index);
      if (known === undefined) this.#open(now, link);
      else this.#refresh(known, { link, interrupted });
    }
    this.#deps.counters.prune(new Set(Array.from(this.#sockets.values(), (known) => known.link.name)));
    this.#fds = Array.from(this.#sockets.values(), ({ socket }) => socket.fd);
  }

  /** The kernel could not say what links there are: those that are known stay as they are for now. */
  postpone(now: Instant): void {
    this.#retryAt = after(now, RETRY);
    this.#deps.log('warn', 'links could not be read', { known: this.#links.length });
  }

  #closeOthers(fitting: readonly Link[]): void {
    const indexes = new Set(fitting.map(({ index }) => index));
    for (const [index, known] of this.#sockets) {
      // A link that was deleted and made again under its old index left the socket bound to nothing.
      if (indexes.has(index) && known.socket.isBound()) continue;
      known.close();
      this.#sockets.delete(index);
      this.#deps.log('info', 'link lost', { link: known.link.name, index });
    }
  }

  #refresh(
    known: ArpLink,
    { link, interrupted }: { readonly link: Link; readonly interrupted: Interrupted },
  ): void {
    const before = known.link;
    known.update(link, interrupted === 'Unknown' || interrupted.has(link.index));
    if (
      before.state !== link.state ||
      before.name !== link.name ||
      formatMac(before.mac) !== formatMac(link.mac)
    )
      this.#deps.log('info', 'link changed', describe(link));
  }

  #open(now: Instant, link: Link): void {
    try {
      this.#sockets.set(link.index, new ArpLink(link, this.#deps.openArpSocket(link), this.#deps.counters));
      this.#deps.log('info', 'link found', describe(link));
    } catch (error) {
      // Most often the link has gone since the dump, and its deletion is about to be reported.
      this.#retryAt = after(now, RETRY);
      const values = { link: link.name, index: link.index, reason: reasonOf(error) };
      this.#deps.log('warn', 'open packet socket failed', values);
    }
  }

  close(): void {
    for (const known of this.#sockets.values()) known.close();
    this.#sockets.clear();
    this.#fds = [];
  }
}

const describe = ({ name, index, mac, state }: Link): Readonly<Record<string, string | number>> => ({
  link: name,
  index,
  mac: formatMac(mac),
  state,
});
