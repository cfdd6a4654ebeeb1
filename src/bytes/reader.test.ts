// The cursor of all decoders: both byte orders, bounds, and where errors point.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError, decoding } from './decode-error.ts';
import { type ByteOrder, Reader } from './reader.ts';
import { Writer } from './writer.ts';

const BYTES = Uint8Array.of(0x01, 0x02, 0x03, 0x04, 0xff, 0xff, 0xff, 0xfe);

test('numbers are read in either order', () => {
  const big = new Reader(BYTES, 'big');
  assert.deepEqual([big.u8(), big.u16(), big.u8(), big.i32()], [0x01, 0x0203, 0x04, -2]);
  const little = new Reader(BYTES, 'little');
  assert.deepEqual([little.u32(), little.u16(), little.u16()], [0x04030201, 0xffff, 0xfeff]);
  assert.equal(new Reader(BYTES, 'big').u64(), 0x01020304_fffffffen);
  assert.equal(new Reader(BYTES, 'little').u64(), 0xfeffffff_04030201n);
});

test('reading past the end says where and how much', () => {
  const reader = new Reader(BYTES.subarray(0, 3), 'big');
  reader.u16();
  const error = decoding(() => reader.u32());
  assert.ok(error instanceof DecodeError);
  assert.deepEqual([error.reason, error.offset], ['truncated', 2]);
  assert.equal(error.message, '4 bytes wanted, 1 left at offset 2: truncated');
  assert.equal(reader.remaining, 1, 'a failed read takes nothing');
});

test('a reader of a part ends where the part ends, and counts from the whole', () => {
  const reader = new Reader(BYTES, 'little');
  reader.skip(2);
  const part = reader.sub(3);
  assert.equal(reader.offset, 5);
  assert.equal(part.u16(), 0x0403);
  const inner = part.sub(1);
  const error = decoding(() => inner.u16());
  assert.ok(error instanceof DecodeError);
  assert.equal(error.offset, 4);
});

test('bytes are a copy', () => {
  const received = BYTES.slice();
  const copy = new Reader(received, 'big').bytes(2);
  received.fill(0);
  assert.deepEqual([...copy], [1, 2]);
});

test('a view into a larger buffer is read from its own start', () => {
  assert.equal(new Reader(BYTES.subarray(2), 'big').u16(), 0x0304);
});

test('an exception that is no DecodeError passes through', () => {
  const bug = new TypeError('a bug');
  const fail = (): never => {
    throw bug;
  };
  assert.throws(() => decoding(fail), bug);
});

type Kind = 'u8' | 'u16' | 'u32';
const MAXIMUM: Readonly<Record<Kind, number>> = { u8: 0xff, u16: 0xffff, u32: 0xffff_ffff };

test('what the writer writes, the reader reads', () => {
  const order = fc.constantFrom<ByteOrder>('big', 'little');
  const field = fc
    .constantFrom<Kind>('u8', 'u16', 'u32')
    .chain((kind) => fc.tuple(fc.constant(kind), fc.integer({ min: 0, max: MAXIMUM[kind] })));
  fc.assert(
    fc.property(order, fc.array(field, { maxLength: 20 }), (given, fields) => {
      const into = new Uint8Array(80).fill(0xa5);
      const writer = new Writer(into, given);
      for (const [kind, value] of fields) writer[kind](value);
      const reader = new Reader(into.subarray(0, writer.length), given);
      for (const [kind, value] of fields) assert.equal(reader[kind](), value);
      assert.equal(reader.remaining, 0);
    }),
  );
});
