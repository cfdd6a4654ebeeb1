// A routing netlink socket (netlink(7), rtnetlink(7)): sends requests, receives datagrams.

import {
  check,
  errnoName,
  growBuffer,
  LITTLE_ENDIAN,
  libc,
  SystemError,
  stableBytes,
  viewOf,
} from './libc.ts';
import { attachFilter, type Instruction } from './socket-filter.ts';

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const MSG_TRUNC = 0x20;

/** struct sockaddr_nl: u16 family, padding, u32 port id (0 = the kernel picks one), u32 groups. */
const SOCKADDR_NL = 12;

/** Multicast groups as bits of sockaddr_nl.groups (RTMGRP_*); an incomplete list. */
export const Group = {
  Link: 0x1,
  IPv4Address: 0x10,
  IPv4Route: 0x40,
  IPv6Address: 0x100,
  IPv6Route: 0x400,
} as const;

/** The kernel builds dumps in datagrams of at most 32 KiB. */
const DATAGRAM_BYTES = 64 << 10;
/** Room for some 10,000 notifications. */
const BUFFER_BYTES = 8 << 20;

/** `Empty` = nothing queued; `Lost` = the queue overflowed (ENOBUFS), so what it held is not the whole story. */
export type Receipt =
  | { readonly kind: 'Datagram'; readonly length: number }
  | { readonly kind: 'Empty' }
  | { readonly kind: 'Lost' };

/** Errors that say nothing about what was asked: it may be granted the next time. */
export const isShortage = (code: string): boolean => SHORTAGES.includes(code);

const SHORTAGES: readonly string[] = ['ENOBUFS', 'ENOMEM', 'EAGAIN', 'EINTR', 'EBUSY'];

const EMPTY: Receipt = { kind: 'Empty' };
const LOST: Receipt = { kind: 'Lost' };

export class NetlinkSocket {
  readonly fd: number;
  /** Where the last datagram is. */
  readonly bytes = stableBytes(DATAGRAM_BYTES);

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** `groups`: the sum of the groups to listen to, 0 for requests only; `filter` says which messages are received. */
  static open(groups: number, filter: readonly Instruction[] = []): NetlinkSocket {
    const fd = check(
      libc.socket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE),
      'open netlink socket',
    );
    try {
      growBuffer(fd, 'receive', BUFFER_BYTES);
      if (filter.length > 0) attachFilter(fd, filter, 'netlink socket');
      const address = stableBytes(SOCKADDR_NL);
      viewOf(address).setUint16(0, AF_NETLINK, LITTLE_ENDIAN);
      viewOf(address).setUint32(8, groups, LITTLE_ENDIAN);
      check(libc.bind(fd, address, SOCKADDR_NL), 'bind netlink socket');
    } catch (error) {
      libc.close(fd);
      throw error;
    }
    return new NetlinkSocket(fd);
  }

  /** False when the kernel is short of memory for it now. */
  send(request: Uint8Array): boolean {
    if (libc.send(this.fd, request, request.length, 0) >= 0) return true;
    const code = errnoName();
    if (isShortage(code)) return false;
    throw new SystemError('send netlink request', code);
  }

  /** Receives one datagram into `bytes`. */
  receive(): Receipt {
    for (;;) {
      const length = libc.recv(this.fd, this.bytes, this.bytes.length, MSG_TRUNC);
      // MSG_TRUNC returns the real length: a datagram that was cut has to be counted as lost.
      if (length > this.bytes.length) return LOST;
      if (length >= 0) return { kind: 'Datagram', length };
      const code = errnoName();
      if (code === 'EAGAIN') return EMPTY;
      if (code === 'ENOBUFS' || code === 'ENOMEM') return LOST;
      if (code !== 'EINTR') throw new SystemError('receive from netlink', code);
    }
  }

  close(): void {
    check(libc.close(this.fd), 'close netlink socket');
  }
}
