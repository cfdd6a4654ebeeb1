// The classic BPF program (Linux Documentation/networking/filter.rst) that lets only ARP requests of RFC 826 into a
// packet socket, so that the worker does not wake up for anything else.

import { addressOf, check, LITTLE_ENDIAN, libc, stableBytes, viewOf } from './libc.ts';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

const LOAD_HALF = 0x28;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;

const ETHERTYPE_OFFSET = 12;
const ETHERTYPE_ARP = 0x0806;
const OPERATION_OFFSET = 14 + 6;
const OPERATION_REQUEST = 1;

/** Accepts the first `capture` bytes of an ARP request, nothing of any other frame. */
const arpRequests = (capture: number): readonly Instruction[] => [
  [LOAD_HALF, 0, 0, ETHERTYPE_OFFSET],
  [JUMP_EQUAL, 0, 3, ETHERTYPE_ARP],
  [LOAD_HALF, 0, 0, OPERATION_OFFSET],
  [JUMP_EQUAL, 0, 1, OPERATION_REQUEST],
  [RETURN, 0, 0, capture],
  [RETURN, 0, 0, 0],
];

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

/** Attaches the filter; must come before bind, or frames that it would refuse are already in the queue. */
export function attachArpFilter(fd: number, capture: number): void {
  const program = arpRequests(capture);
  const instructions = encodeProgram(program);
  // struct sock_fprog: unsigned short len, padding, pointer to the instructions (read during the call only).
  const header = stableBytes(16);
  viewOf(header).setUint16(0, program.length, LITTLE_ENDIAN);
  viewOf(header).setBigUint64(8, addressOf(instructions), LITTLE_ENDIAN);
  check(
    libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, header, header.length),
    'attach ARP filter to packet socket',
  );
}
