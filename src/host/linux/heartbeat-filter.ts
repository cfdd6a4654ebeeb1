// The BPF program that lets only whole UDP datagrams to one port over IPv4 (RFC 791, RFC 768) into a packet socket, and
// these only from some MACs, or from all but those.

import type { Mac } from '../../net/mac.ts';
import type { SourceFilter } from '../host.ts';
import { Bpf, type Instruction } from './socket-filter.ts';

const ETHERNET = 14;
const SOURCE = 6;
const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_UDP = 17;
/** More Fragments, and the fragment offset: neither may be set. */
const FRAGMENT_BITS = 0x3fff;

/** A program has at most 4,096 instructions, and older kernels give a socket 20 KB for it and all else. */
export const MAX_SOURCES = 256;

/** In memory: the first four bytes of the source, and the last two. */
const Word = { First: 0, Last: 1 } as const;

/** The first `capture` bytes of what passes. Throws RangeError for more than MAX_SOURCES. */
export function datagramsTo(
  port: number,
  { kind, macs }: SourceFilter,
  capture: number,
): readonly Instruction[] {
  if (macs.length > MAX_SOURCES)
    throw new RangeError(`filter by ${macs.length} sources: want at most ${MAX_SOURCES}`);
  const [listed, others] = kind === 'Only' ? [capture, 0] : [0, capture];
  return [
    [Bpf.LoadHalf, 0, 0, 12],
    [Bpf.JumpEqual, 0, 7, ETHERTYPE_IPV4],
    [Bpf.LoadByte, 0, 0, ETHERNET + 9],
    [Bpf.JumpEqual, 0, 5, PROTOCOL_UDP],
    [Bpf.LoadHalf, 0, 0, ETHERNET + 6],
    [Bpf.JumpAnyBit, 3, 0, FRAGMENT_BITS],
    [Bpf.LoadHeaderLength, 0, 0, ETHERNET],
    [Bpf.LoadHalfIndexed, 0, 0, ETHERNET + 2],
    [Bpf.JumpEqual, 1, 0, port],
    [Bpf.Return, 0, 0, 0],
    [Bpf.LoadHalf, 0, 0, SOURCE + 4],
    [Bpf.Store, 0, 0, Word.Last],
    [Bpf.LoadWord, 0, 0, SOURCE],
    [Bpf.Store, 0, 0, Word.First],
    ...macs.flatMap((mac) => returnFrom(mac, listed)),
    [Bpf.Return, 0, 0, others],
  ];
}

/** Returns if the source is this one; the first word of it is loaded before and after. */
function returnFrom(mac: Mac, capture: number): readonly Instruction[] {
  const view = new DataView(mac.buffer, mac.byteOffset, mac.byteLength);
  return [
    [Bpf.JumpEqual, 0, 4, view.getUint32(0)],
    [Bpf.LoadMemory, 0, 0, Word.Last],
    [Bpf.JumpEqual, 0, 1, view.getUint16(4)],
    [Bpf.Return, 0, 0, capture],
    [Bpf.LoadMemory, 0, 0, Word.First],
  ];
}

/** For a socket that only keeps a port from being used by others: it receives nothing. */
export const NOTHING: readonly Instruction[] = [[Bpf.Return, 0, 0, 0]];
