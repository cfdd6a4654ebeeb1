// Follows the host's links, their addresses and gateways: rtnetlink notifications say that something changed, a dump says what
// there is now. A lost notification (ENOBUFS) is a change like any other.

import { toLinks } from '../../protocol/netlink/links.ts';
import { decodeNetlink, type NetlinkMessage } from '../../protocol/netlink/netlink-message.ts';
import type { Gateways } from '../../protocol/netlink/route-message.ts';
import type { Link, LinkMonitor } from '../host.ts';
import { LinkDumper } from './link-dump.ts';
import { Group, NetlinkSocket } from './netlink-socket.ts';
import { defaultRoutes } from './route-filter.ts';

/** A storm of changes is read in parts, so that frames are answered in between; poll tells of the rest. */
const NOTIFICATIONS_PER_DRAIN = 512;

const GROUPS = Group.Link | Group.IPv4Address | Group.IPv6Address | Group.IPv4Route | Group.IPv6Route;

const NONE: ReadonlySet<number> = new Set();

export function openLinkMonitor(): LinkMonitor {
  // Subscribed before the first dump: what changes during the dump is notified.
  const notifications = NetlinkSocket.open(GROUPS, defaultRoutes);
  try {
    return new RtnetlinkMonitor(notifications, NetlinkSocket.open(0));
  } catch (error) {
    notifications.close();
    throw error;
  }
}

class RtnetlinkMonitor implements LinkMonitor {
  readonly fd: number;
  readonly #notifications: NetlinkSocket;
  readonly #requests: NetlinkSocket;
  readonly #dumper: LinkDumper;
  #interrupted: Set<number> | 'Unknown' = new Set();
  #carrierChanges: ReadonlyMap<number, number> = new Map();
  #gateways: Gateways = new Map();
  /** Whether a default route may have come or gone since the gateways were asked for. */
  #areGatewaysStale = true;
  #malformed = 0;

  constructor(notifications: NetlinkSocket, requests: NetlinkSocket) {
    this.fd = notifications.fd;
    this.#notifications = notifications;
    this.#requests = requests;
    this.#dumper = new LinkDumper(requests);
  }

  get malformedMessages(): number {
    return this.#malformed;
  }

  links(): readonly Link[] | undefined {
    const dump = this.#dumper.dump();
    if (dump === undefined) return undefined;
    this.#malformed += dump.malformed;
    this.#compareCarriers(dump.carrierChanges);
    if (this.#areGatewaysStale && !this.#refreshGateways()) return undefined;
    return dump.links;
  }

  gateways(): Gateways {
    return this.#gateways;
  }

  /** A dump of all routes is asked for when it may tell something new, not at each change of a pod's link. */
  #refreshGateways(): boolean {
    const dump = this.#dumper.dumpRoutes();
    if (dump === undefined) return false;
    this.#areGatewaysStale = false;
    this.#gateways = dump.gateways;
    this.#malformed += dump.malformed;
    return true;
  }

  // The kernel tells of a carrier up to a second late, and of one that went and came meanwhile only that it is there.
  #compareCarriers(changes: ReadonlyMap<number, number>): void {
    for (const [index, count] of changes) {
      const before = this.#carrierChanges.get(index);
      if (before !== undefined && before !== count) this.#interrupt(index);
    }
    this.#carrierChanges = changes;
  }

  drain(): boolean {
    let count = 0;
    for (; count < NOTIFICATIONS_PER_DRAIN; count++) {
      const receipt = this.#notifications.receive();
      if (receipt.kind === 'Empty') break;
      if (receipt.kind === 'Datagram')
        for (const message of this.#decode(receipt.length)) this.#note(message);
      else this.#overflowed();
    }
    return count > 0;
  }

  #decode(length: number): readonly NetlinkMessage[] {
    return decodeNetlink(this.#notifications.bytes, length);
  }

  #note(message: NetlinkMessage): void {
    if (message.kind === 'MALFORMED') this.#malformed++;
    if (message.kind === 'NEWROUTE' || message.kind === 'DELROUTE') this.#areGatewaysStale = true;
    if (message.kind === 'DELADDR') this.#doubtGateways(message.address.index);
    if (message.kind === 'DELLINK') this.#interrupt(message.link.index);
    if (message.kind === 'NEWLINK' && toLinks([message.link], [])[0]?.state === 'Down')
      this.#interrupt(message.link.index);
  }

  #overflowed(): void {
    this.#interrupted = 'Unknown';
    this.#areGatewaysStale = true;
  }

  /** With a link that goes down, or its address, IPv4 routes go without a word. */
  #doubtGateways(index: number): void {
    if (this.#gateways.has(index)) this.#areGatewaysStale = true;
  }

  #interrupt(index: number): void {
    this.#doubtGateways(index);
    if (this.#interrupted !== 'Unknown') this.#interrupted.add(index);
  }

  takeInterrupted(): ReadonlySet<number> | 'Unknown' {
    const interrupted = this.#interrupted;
    if (interrupted === 'Unknown' || interrupted.size > 0) this.#interrupted = new Set();
    return interrupted === 'Unknown' || interrupted.size > 0 ? interrupted : NONE;
  }

  close(): void {
    this.#notifications.close();
    this.#requests.close();
  }
}
