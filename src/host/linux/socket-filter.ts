// Classic BPF programs (Linux Documentation/networking/filter.rst) on sockets: what a socket does not ask for does not
// wake the worker up.

import { addressOf, check, LITTLE_ENDIAN, libc, stableBytes, viewOf } from './libc.ts';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

export type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

/** Operation codes of linux/filter.h; an incomplete list. */
export const Bpf = {
  LoadWord: 0x20,
  LoadByte: 0x30,
  LoadHalf: 0x28,
  /** Loads the half word at X + k. */
  LoadHalfIndexed: 0x48,
  /** X = 4 * (byte at k & 0xf): the length of an IPv4 header. */
  LoadHeaderLength: 0xb1,
  /** M[k] = A, and A = M[k]: sixteen words of memory. */
  Store: 0x02,
  LoadMemory: 0x60,
  JumpEqual: 0x15,
  JumpAnyBit: 0x45,
  Return: 0x06,
} as const;

/** struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. */
const INSTRUCTION = 8;

function encodeProgram(program: readonly Instruction[]): Uint8Array {
  const bytes = stableBytes(program.length * INSTRUCTION);
  const view = viewOf(bytes);
  for (const [i, [code, jumpTrue, jumpFalse, k]] of program.entries()) {
    view.setUint16(i * INSTRUCTION, code, LITTLE_ENDIAN);
    view.setUint8(i * INSTRUCTION + 2, jumpTrue);
    view.setUint8(i * INSTRUCTION + 3, jumpFalse);
    view.setUint32(i * INSTRUCTION + 4, k, LITTLE_ENDIAN);
  }
  return bytes;
}

/** The first one must come before bind, or frames that it would refuse are already in the queue; another takes its place at once. */
export function attachFilter(fd: number, program: readonly Instruction[], what: string): void {
  const instructions = encodeProgram(program);
  // struct sock_fprog: unsigned short len, padding, pointer to the instructions (read during the call only).
  const header = stableBytes(16);
  viewOf(header).setUint16(0, program.length, LITTLE_ENDIAN);
  viewOf(header).setBigUint64(8, addressOf(instructions), LITTLE_ENDIAN);
  check(libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, header, header.length), `attach filter to ${what}`);
}
