// The C library of the running process, bound through koffi: the system calls that Node does not offer. Everything
// that goes wrong becomes a SystemError with the errno's name as its stable `code`.

import koffi from 'koffi';

// No path: Node itself is linked to a C library (glibc or musl), and its symbols are in the process.
const c = koffi.load(null);

type Bytes = Uint8Array | Uint32Array;
type Call<Args extends readonly unknown[], Result> = (...args: Args) => Result;

function bind<Args extends readonly unknown[], Result>(definition: string): Call<Args, Result> {
  return c.func(definition) as Call<Args, Result>;
}

// koffi has no ssize_t; every call that returns one returns int64_t. Buffers are passed by address, without a copy.
export const libc = {
  socket: bind<[domain: number, type: number, protocol: number], number>('int socket(int, int, int)'),
  bind: bind<[fd: number, address: Bytes, length: number], number>('int bind(int, void *, uint32_t)'),
  close: bind<[fd: number], number>('int close(int)'),
  getsockname: bind<[fd: number, address: Bytes, length: Bytes], number>(
    'int getsockname(int, void *, void *)',
  ),
  setsockopt: bind<[fd: number, level: number, name: number, value: Bytes, length: number], number>(
    'int setsockopt(int, int, int, void *, uint32_t)',
  ),
  getsockopt: bind<[fd: number, level: number, name: number, into: Bytes, length: Bytes], number>(
    'int getsockopt(int, int, int, void *, void *)',
  ),
  poll: bind<[fds: Bytes, count: number, timeout: number], number>('int poll(void *, unsigned long, int)'),
  recv: bind<[fd: number, into: Bytes, length: number, flags: number], number>(
    'int64_t recv(int, void *, size_t, int)',
  ),
  send: bind<[fd: number, bytes: Bytes, length: number, flags: number], number>(
    'int64_t send(int, void *, size_t, int)',
  ),
  recvmmsg: bind<[fd: number, headers: Bytes, count: number, flags: number, timeout: null], number>(
    'int recvmmsg(int, void *, uint32_t, int, void *)',
  ),
  sendmmsg: bind<[fd: number, headers: Bytes, count: number, flags: number], number>(
    'int sendmmsg(int, void *, uint32_t, int)',
  ),
  eventfd: bind<[initial: number, flags: number], number>('int eventfd(uint32_t, int)'),
  read: bind<[fd: number, into: Bytes, length: number], number>('int64_t read(int, void *, size_t)'),
  write: bind<[fd: number, bytes: Bytes, length: number], number>('int64_t write(int, void *, size_t)'),
  clockGettime: bind<[clock: number, into: Bytes], number>('int clock_gettime(int, void *)'),
};

/** Second names of numbers that have another one on Linux; the table of koffi holds both. */
const ALIASES: ReadonlySet<string> = new Set(['EWOULDBLOCK', 'EDEADLOCK', 'ENOTSUP']);

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(koffi.os.errno)
    .filter(([name]) => !ALIASES.has(name))
    .map(([name, number]) => [number, name]),
);

/** The name of an error number, for example `ENETDOWN`; by default that of the last call on this thread, asked at once. */
export function errnoName(number = koffi.errno()): string {
  return NAMES.get(number) ?? `E${number}`;
}

/** A system call that failed in a way the caller does not expect. */
export class SystemError extends Error {
  readonly code: string;

  constructor(action: string, code: string) {
    super(`${action}: ${code}`);
    this.name = 'SystemError';
    this.code = code;
  }
}

/** Returns the result of a call, or throws SystemError when it is negative; `action` says what was tried. */
export function check(result: number, action: string): number {
  if (result < 0) throw new SystemError(action, errnoName());
  return result;
}

/**
 * Memory whose address the kernel may be given inside another structure. V8 keeps small typed arrays on its heap,
 * where the collector moves them; the store of an explicit ArrayBuffer never moves.
 */
export const stableBytes = (length: number): Uint8Array => new Uint8Array(new ArrayBuffer(length));

/** The address of stable memory, to be written into a structure that the kernel reads. The caller keeps it referenced. */
export const addressOf = (bytes: Uint8Array): bigint => koffi.address(bytes);

/** A view for writing the fields of a C structure. */
export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** True on every machine that Fairlead has a build for; C structures are in this order. */
export const LITTLE_ENDIAN = true;

const option = new Uint32Array(1);

/** setsockopt(2) with an int. */
export function setOption(fd: number, level: number, name: number, value: number): number {
  option[0] = value;
  return libc.setsockopt(fd, level, name, option, 4);
}

const SOL_SOCKET = 1;
const BUFFER_OPTIONS = { receive: { size: 8, force: 33 }, transmit: { size: 7, force: 32 } } as const;

/** Asks for a larger socket buffer; beyond the system's limit where we may (CAP_NET_ADMIN), else up to it. */
export function growBuffer(fd: number, side: keyof typeof BUFFER_OPTIONS, bytes: number): void {
  const { size, force } = BUFFER_OPTIONS[side];
  if (setOption(fd, SOL_SOCKET, force, bytes) < 0)
    check(setOption(fd, SOL_SOCKET, size, bytes), `set ${side} buffer of socket to ${bytes} bytes`);
}
