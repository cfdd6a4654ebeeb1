// A full dump of links and addresses over rtnetlink (rtnetlink(7), RTM_GETLINK and RTM_GETADDR).

import type { NetlinkAddress } from '../../protocol/netlink/address-message.ts';
import type { NetlinkLink } from '../../protocol/netlink/link-message.ts';
import { toLinks } from '../../protocol/netlink/links.ts';
import {
  decodeNetlink,
  encodeAddressDump,
  encodeLinkDump,
  type NetlinkMessage,
} from '../../protocol/netlink/netlink-message.ts';
import type { Link } from '../host.ts';
import { SystemError } from './libc.ts';
import type { NetlinkSocket } from './netlink-socket.ts';

/** A dump that changes interrupt again and again is used as it is: the change is notified, and asks for another. */
const MOST_ATTEMPTS = 5;

export interface LinkDump {
  readonly links: readonly Link[];
  /** Messages that could not be decoded. */
  readonly malformed: number;
}

/** Asks the kernel for its links; the socket must be in no group, so that it receives nothing else. */
export class LinkDumper {
  readonly #socket: NetlinkSocket;
  #sequence = 0;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  dump(): LinkDump {
    const messages = [...this.#ask(encodeLinkDump), ...this.#ask(encodeAddressDump)];
    const links: NetlinkLink[] = [];
    const addresses: NetlinkAddress[] = [];
    for (const message of messages) {
      if (message.kind === 'NEWLINK') links.push(message.link);
      else if (message.kind === 'NEWADDR') addresses.push(message.address);
    }
    const malformed = messages.filter((message) => message.kind === 'MALFORMED').length;
    return { links: toLinks(links, addresses), malformed };
  }

  #ask(encode: (sequence: number) => Uint8Array): readonly NetlinkMessage[] {
    for (let attempt = 1; ; attempt++) {
      const messages = this.#answer(encode);
      const isWhole = messages !== undefined && !messages.some((message) => message.isInterrupted);
      if (isWhole) return messages;
      if (attempt < MOST_ATTEMPTS) continue;
      if (messages !== undefined) return messages;
      throw new SystemError(`dump links: answer lost ${attempt} times`, 'ENOBUFS');
    }
  }

  // The kernel writes the next part of a dump while the one before is being received, so it is always there: an empty
  // queue before DONE is a lost answer, not one to wait for.
  #answer(encode: (sequence: number) => Uint8Array): readonly NetlinkMessage[] | undefined {
    const sequence = ++this.#sequence;
    this.#socket.send(encode(sequence));
    const messages: NetlinkMessage[] = [];
    for (;;) {
      const receipt = this.#socket.receive();
      if (receipt.kind !== 'Datagram') return undefined;
      // What is left of an attempt that was given up has another sequence number.
      const part = decodeNetlink(this.#socket.bytes, receipt.length);
      messages.push(...part.filter((message) => message.sequence === sequence || isUnnumbered(message)));
      if (endsDump(messages)) return messages;
    }
  }
}

const isUnnumbered = (message: NetlinkMessage): boolean =>
  message.kind === 'MALFORMED' && message.sequence === 0;

function endsDump(messages: readonly NetlinkMessage[]): boolean {
  const last = messages.at(-1);
  if (last?.kind !== 'DONE' && last?.kind !== 'ERROR') return false;
  if (last.errno !== 0) throw new SystemError('dump links', `E${last.errno}`);
  return true;
}
