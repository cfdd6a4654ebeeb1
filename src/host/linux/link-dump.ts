// A full dump of links and addresses, and one of the default routes, over rtnetlink (rtnetlink(7), RTM_GETLINK, RTM_GETADDR
// and RTM_GETROUTE).

import type { NetlinkAddress } from '../../protocol/netlink/address-message.ts';
import type { NetlinkLink } from '../../protocol/netlink/link-message.ts';
import { toLinks } from '../../protocol/netlink/links.ts';
import {
  decodeNetlink,
  encodeAddressDump,
  encodeLinkDump,
  encodeRouteDump,
  type NetlinkMessage,
} from '../../protocol/netlink/netlink-message.ts';
import { type Gateways, gatewaysByLink } from '../../protocol/netlink/route-message.ts';
import type { Link } from '../host.ts';
import { errnoName, SystemError } from './libc.ts';
import { isShortage, type NetlinkSocket } from './netlink-socket.ts';

/** A dump that changes interrupt again and again is used as it is: the change is notified, and asks for another. */
const MOST_ATTEMPTS = 5;

export interface LinkDump {
  readonly links: readonly Link[];
  /** By the link's index: how often its carrier has come or gone. */
  readonly carrierChanges: ReadonlyMap<number, number>;
  /** Messages that could not be decoded. */
  readonly malformed: number;
}

export interface RouteDump {
  readonly gateways: Gateways;
  /** Messages that could not be decoded. */
  readonly malformed: number;
}

type Messages = readonly NetlinkMessage[];

/** Asks the kernel for its links; the socket must be in no group, so that it receives nothing else. */
export class LinkDumper {
  readonly #socket: Pick<NetlinkSocket, 'bytes' | 'send' | 'receive'>;
  #sequence = 0;

  constructor(socket: Pick<NetlinkSocket, 'bytes' | 'send' | 'receive'>) {
    this.#socket = socket;
  }

  /** Undefined when the kernel, short of memory, gave no whole answer however often it was asked. */
  dump(): LinkDump | undefined {
    const linkMessages = this.#ask(encodeLinkDump);
    if (linkMessages === undefined) return undefined;
    const addressMessages = this.#ask(encodeAddressDump);
    if (addressMessages === undefined) return undefined;
    const messages = [...linkMessages, ...addressMessages];
    const links: NetlinkLink[] = [];
    const addresses: NetlinkAddress[] = [];
    for (const message of messages) {
      if (message.kind === 'NEWLINK') links.push(message.link);
      else if (message.kind === 'NEWADDR') addresses.push(message.address);
    }
    const carrierChanges = new Map(links.map((link) => [link.index, link.carrierChanges]));
    return { links: toLinks(links, addresses), carrierChanges, malformed: malformedIn(messages) };
  }

  /** The gateways of default routes; undefined as for `dump`. */
  dumpRoutes(): RouteDump | undefined {
    const messages = this.#ask(encodeRouteDump);
    if (messages === undefined) return undefined;
    const gateways = messages.flatMap((message) => (message.kind === 'NEWROUTE' ? message.gateways : []));
    return { gateways: gatewaysByLink(gateways), malformed: malformedIn(messages) };
  }

  #ask(encode: (sequence: number) => Uint8Array): Messages | undefined {
    let last: Messages | undefined;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      last = this.#answer(encode);
      const isWhole = last !== undefined && !last.some((message) => message.isInterrupted);
      if (isWhole) return last;
    }
    return last;
  }

  // The kernel writes the next part of a dump while the one before is being received, so it is always there: an empty
  // queue before DONE is a lost answer, not one to wait for.
  #answer(encode: (sequence: number) => Uint8Array): Messages | undefined {
    const sequence = ++this.#sequence;
    if (!this.#socket.send(encode(sequence))) return undefined;
    const messages: NetlinkMessage[] = [];
    for (;;) {
      const receipt = this.#socket.receive();
      if (receipt.kind !== 'Datagram') return undefined;
      // What is left of an attempt that was given up has another sequence number.
      const part = decodeNetlink(this.#socket.bytes, receipt.length);
      messages.push(...part.filter((message) => isKept(message, sequence)));
      const last = messages.at(-1);
      if (last?.kind === 'DONE' || last?.kind === 'ERROR') return isRefused(last) ? undefined : messages;
    }
  }
}

const malformedIn = (messages: Messages): number =>
  messages.filter((message) => message.kind === 'MALFORMED').length;

const isKept = (message: NetlinkMessage, sequence: number): boolean =>
  (message.sequence === sequence && !isPassed(message)) || isUnnumbered(message);

/** Of many thousand routes nothing is kept but the default ones. */
const isPassed = ({ kind, isInterrupted }: NetlinkMessage): boolean => kind === 'OTHER' && !isInterrupted;

const isUnnumbered = (message: NetlinkMessage): boolean =>
  message.kind === 'MALFORMED' && message.sequence === 0;

/** Whether the dump ended early for want of memory. Throws when it was refused for good. */
function isRefused({ errno }: { readonly errno: number }): boolean {
  if (errno === 0) return false;
  const code = errnoName(errno);
  if (isShortage(code)) return true;
  throw new SystemError('dump links', code);
}
