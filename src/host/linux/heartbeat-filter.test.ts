// Which frames the filter of heartbeats lets in, by running its program as classic BPF is defined
// (Linux Documentation/networking/filter.rst): an interpreter of the instructions that it uses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMac } from '../../net/mac.ts';
import type { SourceFilter } from '../host.ts';
import { datagramsTo, MAX_SOURCES } from './heartbeat-filter.ts';
import { Bpf, type Instruction } from './socket-filter.ts';

/** How many bytes of the frame are let in; a load from beyond its end lets in nothing. */
function run(program: readonly Instruction[], frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const memory = new Array<number>(16).fill(0);
  let [a, x] = [0, 0];
  for (let at = 0; ; at++) {
    const [code, jumpTrue, jumpFalse, k] = program[at] ?? assert.fail('ran past the end');
    if (code === Bpf.Return) return k;
    else if (code === Bpf.LoadByte) a = view.getUint8(k);
    else if (code === Bpf.LoadHalf) a = view.getUint16(k);
    else if (code === Bpf.LoadWord) a = view.getUint32(k);
    else if (code === Bpf.LoadHalfIndexed) a = view.getUint16(x + k);
    else if (code === Bpf.LoadHeaderLength) x = 4 * (view.getUint8(k) & 0xf);
    else if (code === Bpf.Store) memory[k] = a;
    else if (code === Bpf.LoadMemory) a = memory[k] ?? 0;
    else if (code === Bpf.JumpEqual) at += a === k ? jumpTrue : jumpFalse;
    else if (code === Bpf.JumpAnyBit) at += (a & k) !== 0 ? jumpTrue : jumpFalse;
    else assert.fail(`instruction ${code}`);
  }
}

const mac = (text: string): Uint8Array => parseMac(text) ?? assert.fail(text);

/** A datagram to port 7373 from a MAC, with changed bytes. */
function frameFrom(source: string, changes: Readonly<Record<number, number>> = {}): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set(mac(source), 6);
  frame.set([0x08, 0x00, 0x45], 12);
  frame[23] = 17;
  frame.set([0x1c, 0xcd], 36);
  for (const [at, byte] of Object.entries(changes)) frame[Number(at)] = byte;
  return frame;
}

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
/** Like A in its first four bytes, and in its last two. */
const NEAR = ['02:00:00:00:01:0a', '02:00:00:01:00:0a'];

test('by the source: those that are listed, or all but those', () => {
  const only = (...macs: readonly string[]): SourceFilter => ({ kind: 'Only', macs: macs.map(mac) });
  const allBut = (...macs: readonly string[]): SourceFilter => ({ kind: 'AllBut', macs: macs.map(mac) });
  const CASES: readonly (readonly [SourceFilter, source: string, passes: boolean])[] = [
    [only(), A, false],
    [only(A), A, true],
    [only(A, B), B, true],
    [only(...NEAR, A), A, true],
    [only(...NEAR), A, false],
    [allBut(), A, true],
    [allBut(A), A, false],
    [allBut(A, B), B, false],
    [allBut(...NEAR), A, true],
  ];
  for (const [sources, source, passes] of CASES)
    assert.equal(run(datagramsTo(7373, sources, 1518), frameFrom(source)), passes ? 1518 : 0);
});

test('whole UDP datagrams to the port, whoever sends them', () => {
  const program = datagramsTo(7373, { kind: 'AllBut', macs: [] }, 100);
  const OTHERS = { IPv6: { 12: 0x86, 13: 0xdd }, TCP: { 23: 6 }, port: { 37: 0xce } };
  const FRAGMENTS = { first: { 20: 0x20 }, later: { 21: 1 } };
  for (const [name, changes] of Object.entries({ ...OTHERS, ...FRAGMENTS }))
    assert.equal(run(program, frameFrom(A, changes)), 0, name);
  assert.equal(run(program, frameFrom(A, { 20: 0x40 })), 100, 'not to be fragmented');
  const behindOptions = frameFrom(A, { 14: 0x46, 36: 0, 37: 0, 40: 0x1c, 41: 0xcd });
  assert.equal(run(program, behindOptions), 100, 'behind an IPv4 header with options');
});

test('as many sources as there may be, and one more', () => {
  const macs = Array.from({ length: MAX_SOURCES }, (_, i) => Uint8Array.of(2, 0, 0, 1, i >> 8, i & 0xff));
  const last = frameFrom('02:00:00:01:00:ff');
  assert.equal(run(datagramsTo(7373, { kind: 'Only', macs }, 1), last), 1);
  assert.throws(
    () => datagramsTo(7373, { kind: 'Only', macs: [...macs, mac(A)] }, 1),
    /filter by 257 sources: want at most 256/,
  );
});
