// The BPF program that lets only whole UDP datagrams to one port over IPv4 (RFC 791, RFC 768) into a packet socket.

import { Bpf, type Instruction } from './socket-filter.ts';

const ETHERNET = 14;
const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_UDP = 17;
/** More Fragments, and the fragment offset: neither may be set. */
const FRAGMENT_BITS = 0x3fff;

export const datagramsTo = (port: number, capture: number): readonly Instruction[] => [
  [Bpf.LoadHalf, 0, 0, 12],
  [Bpf.JumpEqual, 0, 8, ETHERTYPE_IPV4],
  [Bpf.LoadByte, 0, 0, ETHERNET + 9],
  [Bpf.JumpEqual, 0, 6, PROTOCOL_UDP],
  [Bpf.LoadHalf, 0, 0, ETHERNET + 6],
  [Bpf.JumpAnyBit, 4, 0, FRAGMENT_BITS],
  [Bpf.LoadHeaderLength, 0, 0, ETHERNET],
  [Bpf.LoadHalfIndexed, 0, 0, ETHERNET + 2],
  [Bpf.JumpEqual, 0, 1, port],
  [Bpf.Return, 0, 0, capture],
  [Bpf.Return, 0, 0, 0],
];

/** For a socket that only keeps a port from being used by others: it receives nothing. */
export const NOTHING: readonly Instruction[] = [[Bpf.Return, 0, 0, 0]];
