// The BPF programs that let only ARP of RFC 826, or only requests of it, into a packet socket.

import { Bpf, type Instruction } from './socket-filter.ts';

const ETHERTYPE_OFFSET = 12;
const ETHERTYPE_ARP = 0x0806;
const OPERATION_OFFSET = 14 + 6;
const OPERATION_REQUEST = 1;

/** Accepts the first `capture` bytes of an ARP request, nothing of any other frame. */
export const arpRequests = (capture: number): readonly Instruction[] => [
  [Bpf.LoadHalf, 0, 0, ETHERTYPE_OFFSET],
  [Bpf.JumpEqual, 0, 3, ETHERTYPE_ARP],
  [Bpf.LoadHalf, 0, 0, OPERATION_OFFSET],
  [Bpf.JumpEqual, 0, 1, OPERATION_REQUEST],
  [Bpf.Return, 0, 0, capture],
  [Bpf.Return, 0, 0, 0],
];

/** Accepts the first `capture` bytes of ARP frames of any kind. */
export const arpFrames = (capture: number): readonly Instruction[] => [
  [Bpf.LoadHalf, 0, 0, ETHERTYPE_OFFSET],
  [Bpf.JumpEqual, 0, 1, ETHERTYPE_ARP],
  [Bpf.Return, 0, 0, capture],
  [Bpf.Return, 0, 0, 0],
];
