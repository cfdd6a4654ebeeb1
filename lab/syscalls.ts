// The few system calls that Node has no function for, through koffi: namespaces, raw sockets, file locks. All are
// synchronous and run on the calling thread. Every failure is thrown as SystemCallError.

import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import { type Address, type Family, toBytes } from '../src/net/address.ts';
import type { Duration } from '../src/time/duration.ts';

const libc = koffi.load(null);

export const CLONE_NEWNET = 0x4000_0000;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;

const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVTIMEO = 20;
const SO_ATTACH_FILTER = 26;
const SO_DETACH_FILTER = 27;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SIOCOUTQ = 0x5411;
const LOCK_EXCLUSIVE = 2;
const LOCK_NONBLOCKING = 4;
const EWOULDBLOCK = 11;

/** struct sock_fprog of linux/filter.h: a BPF program of `length` instructions. */
const FILTER = koffi.struct('sock_fprog', { length: 'uint16_t', instructions: 'uint8_t *' });

const calls = {
  setns: libc.func('int setns(int fd, int type)'),
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  bind: libc.func('int bind(int fd, const uint8_t *address, uint32_t length)'),
  listen: libc.func('int listen(int fd, int backlog)'),
  send: libc.func('int64_t send(int fd, const uint8_t *data, size_t length, int flags)'),
  recv: libc.func('int64_t recv(int fd, uint8_t *data, size_t length, int flags)'),
  setsockopt: libc.func(
    'int setsockopt(int fd, int level, int option, const uint8_t *value, uint32_t length)',
  ),
  attachFilter: libc.func('setsockopt', 'int', ['int', 'int', 'int', koffi.pointer(FILTER), 'uint32_t']),
  ioctl: libc.func('int ioctl(int fd, unsigned long request, uint8_t *value)'),
  indexOf: libc.func('unsigned int if_nametoindex(const char *name)'),
  flock: libc.func('int flock(int fd, int operation)'),
};

/** A system call that failed; `code` is the symbolic errno. */
export class SystemCallError extends Error {
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = getSystemErrorName(-errno);
    super(`${call}: ${code}`);
    this.code = code;
  }
}

/** The result, or SystemCallError for a negative one. Must directly follow the call: it reads errno. */
function checked(call: string, result: number | bigint): number {
  if (result < 0) throw new SystemCallError(call, koffi.errno());
  return Number(result);
}

/** Moves the calling thread into the namespace that `fd` stands for. */
export const setNamespace = (fd: number): void => void checked('setns', calls.setns(fd, CLONE_NEWNET));

export interface SocketOptions {
  /** Absent = does not block. */
  readonly receiveTimeout?: Duration;
  /** Absent = 0, the domain's first. */
  readonly protocol?: number;
}

/** A non-blocking, close-on-exec socket, or a blocking one that gives up a receive after `receiveTimeout`. */
export function openSocket(domain: number, type: number, options: SocketOptions = {}): number {
  const isBlocking = options.receiveTimeout !== undefined;
  const flags = SOCK_CLOEXEC | (isBlocking ? 0 : SOCK_NONBLOCK);
  const fd = checked('socket', calls.socket(domain, type | flags, options.protocol ?? 0));
  if (options.receiveTimeout !== undefined) {
    const timeval = new Uint8Array(
      new BigInt64Array([BigInt(Math.ceil(options.receiveTimeout / 1000)), 0n]).buffer,
    );
    checked('setsockopt', calls.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval, timeval.length));
  }
  return fd;
}

/** Binds to an address and port; `::` leaves 0.0.0.0 to a socket of its own. */
export function bindSocket(fd: number, address: Address, port: number): void {
  if (address.family === 'IPv6')
    checked('setsockopt', calls.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, int(1), 4));
  const socketAddress = encodeSocketAddress(address, port);
  checked('bind', calls.bind(fd, socketAddress, socketAddress.length));
}

/** Makes a packet socket send on one link (struct sockaddr_ll); with protocol 0 it receives nothing. */
export function bindToLink(fd: number, index: number): void {
  const socketAddress = new Uint8Array(20);
  const view = new DataView(socketAddress.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setInt32(4, index, true);
  checked('bind', calls.bind(fd, socketAddress, socketAddress.length));
}

/** Lets a listener take over the port of connections that are still closing. */
export function allowAddressReuse(fd: number): void {
  checked('setsockopt', calls.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int(1), 4));
}

export const listenOn = (fd: number, backlog: number): void =>
  void checked('listen', calls.listen(fd, backlog));

/** BPF_RET | BPF_K with 0: of every packet keep no byte. One instruction has 8 bytes. */
const KEEP_NOTHING = new Uint8Array([0x06, 0, 0, 0, 0, 0, 0, 0]);

/**
 * The kernel throws away whatever arrives for this socket, before TCP sees it: nothing is acknowledged, keep-alive probes
 * and, at a listener, attempts to connect included. Connections that a listener accepts take its filter over.
 */
export function dropArrivals(fd: number): void {
  const filter = { length: 1, instructions: KEEP_NOTHING };
  checked('setsockopt', calls.attachFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, koffi.sizeof(FILTER)));
}

/** Ends `dropArrivals`. */
export const admitArrivals = (fd: number): void =>
  void checked('setsockopt', calls.setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, int(0), 4));

/** How many bytes of a TCP socket its peer has not acknowledged. */
export function unacknowledged(fd: number): number {
  const value = new Uint8Array(4);
  checked('ioctl', calls.ioctl(fd, SIOCOUTQ, value));
  return new DataView(value.buffer).getInt32(0, true);
}

export function send(fd: number, data: Uint8Array): void {
  checked('send', calls.send(fd, data, data.length, 0));
}

/** Receives into `into`; returns the length. */
export const receive = (fd: number, into: Uint8Array): number =>
  checked('recv', calls.recv(fd, into, into.length, 0));

/** The index of a link in the calling thread's namespace. */
export function linkIndex(name: string): number {
  const index: number = calls.indexOf(name);
  if (index === 0) throw new SystemCallError(`if_nametoindex ${name}`, koffi.errno());
  return index;
}

/** Takes the exclusive lock of an open file; false if another open file has it. It goes with the descriptor. */
export function tryLock(fd: number): boolean {
  if (calls.flock(fd, LOCK_EXCLUSIVE | LOCK_NONBLOCKING) === 0) return true;
  const errno = koffi.errno();
  if (errno === EWOULDBLOCK) return false;
  throw new SystemCallError('flock', errno);
}

export const domainOf = (family: Family): number => (family === 'IPv4' ? AF_INET : AF_INET6);

/** struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes); the family is in the machine's order. */
export function encodeSocketAddress(address: Address, port: number): Uint8Array {
  const bytes = new Uint8Array(address.family === 'IPv4' ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, domainOf(address.family), true);
  view.setUint16(2, port);
  bytes.set(toBytes(address), address.family === 'IPv4' ? 4 : 8);
  return bytes;
}

const int = (value: number): Uint8Array => new Uint8Array(new Int32Array([value]).buffer);
