// Follows the host's links and their addresses: rtnetlink notifications say that something changed, a dump says what
// there is now. A lost notification (ENOBUFS) is a change like any other.

import { toLinks } from '../../protocol/netlink/links.ts';
import { decodeNetlink, type NetlinkMessage } from '../../protocol/netlink/netlink-message.ts';
import type { Link, LinkMonitor } from '../host.ts';
import { LinkDumper } from './link-dump.ts';
import { Group, NetlinkSocket } from './netlink-socket.ts';

const NONE: ReadonlySet<number> = new Set();

export function openLinkMonitor(): LinkMonitor {
  // Subscribed before the first dump: what changes during the dump is notified.
  const notifications = NetlinkSocket.open(Group.Link | Group.IPv4Address | Group.IPv6Address);
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

  links(): readonly Link[] {
    const { links, malformed } = this.#dumper.dump();
    this.#malformed += malformed;
    return links;
  }

  drain(): boolean {
    for (let hasChanged = false; ; hasChanged = true) {
      const receipt = this.#notifications.receive();
      if (receipt.kind === 'Empty') return hasChanged;
      if (receipt.kind === 'Datagram')
        for (const message of this.#decode(receipt.length)) this.#note(message);
      else this.#interrupted = 'Unknown';
    }
  }

  #decode(length: number): readonly NetlinkMessage[] {
    return decodeNetlink(this.#notifications.bytes, length);
  }

  #note(message: NetlinkMessage): void {
    if (message.kind === 'MALFORMED') this.#malformed++;
    if (this.#interrupted === 'Unknown') return;
    if (message.kind === 'DELLINK') this.#interrupted.add(message.link.index);
    if (message.kind === 'NEWLINK' && toLinks([message.link], [])[0]?.state === 'Down')
      this.#interrupted.add(message.link.index);
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
