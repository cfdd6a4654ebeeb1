// A UDP socket that only holds its port: the datagrams come in through packet sockets, and without this one the kernel
// would answer them with "port unreachable" (RFC 1122 section 4.1.3.1).

import type { PortReservation } from '../host.ts';
import { NOTHING } from './heartbeat-filter.ts';
import { check, LITTLE_ENDIAN, libc, stableBytes, viewOf } from './libc.ts';
import { attachFilter } from './socket-filter.ts';

const AF_INET = 2;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
/** struct sockaddr_in: u16 family, u16 port and u32 address in network order, padding. */
const SOCKADDR_IN = 16;

/** Binds it on all IPv4 addresses; throws SystemError, with code EADDRINUSE when somebody else has the port. */
export function reservePort(port: number): PortReservation {
  const fd = check(libc.socket(AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0), 'open UDP socket');
  try {
    attachFilter(fd, NOTHING, 'UDP socket');
    const address = stableBytes(SOCKADDR_IN);
    viewOf(address).setUint16(0, AF_INET, LITTLE_ENDIAN);
    viewOf(address).setUint16(2, port);
    check(libc.bind(fd, address, SOCKADDR_IN), `bind UDP port ${port}`);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  return { close: () => void check(libc.close(fd), `close UDP port ${port}`) };
}
