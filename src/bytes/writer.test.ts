// The cursor of all encoders: it covers what it passes over, and no more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from './writer.ts';

test('zeros are written, not assumed', () => {
  const into = new Uint8Array(8).fill(0xa5);
  const writer = new Writer(into, 'big');
  writer.u16(0x0102);
  writer.zeros(3);
  writer.bytes(Uint8Array.of(7, 8));
  assert.equal(writer.length, 7);
  assert.deepEqual([...into], [1, 2, 0, 0, 0, 7, 8, 0xa5]);
});

test('the low byte comes first in little-endian order', () => {
  const into = new Uint8Array(7);
  const writer = new Writer(into, 'little');
  writer.u8(0xff);
  writer.u16(0x0102);
  writer.u32(0x03040506);
  assert.deepEqual([...into], [0xff, 0x02, 0x01, 0x06, 0x05, 0x04, 0x03]);
});

test('64 bits are written whole, in either order', () => {
  const into = new Uint8Array(16);
  new Writer(into, 'big').u64(0x0102030405060708n);
  new Writer(into.subarray(8), 'little').u64(0xfffefdfcfbfaf9f8n);
  assert.deepEqual([...into.subarray(0, 8)], [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual([...into.subarray(8)], [0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff]);
});

test('too small a buffer is a bug and stays as it was', () => {
  const into = new Uint8Array(3).fill(0xa5);
  const writes = [
    (writer: Writer): void => writer.u32(0),
    (writer: Writer): void => writer.u64(0n),
    (writer: Writer): void => writer.zeros(4),
    (writer: Writer): void => writer.bytes(new Uint8Array(4)),
  ];
  for (const write of writes) assert.throws(() => write(new Writer(into, 'big')), RangeError);
  assert.deepEqual([...into], [0xa5, 0xa5, 0xa5]);
});

test('a view into a larger buffer is written from its own start', () => {
  const whole = new Uint8Array(4);
  new Writer(whole.subarray(2), 'big').u16(0x0102);
  assert.deepEqual([...whole], [0, 0, 1, 2]);
});
