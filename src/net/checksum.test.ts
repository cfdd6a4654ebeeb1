// The Internet checksum: the example of its RFC, and its definition.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addToSum, checksumOf } from './checksum.ts';

test('the example of RFC 1071 section 3', () => {
  const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  assert.equal(addToSum(0, bytes), 0x2ddf0);
  assert.equal(checksumOf(0x2ddf0), 0xffff - 0xddf2);
});

test('a last byte alone is the high one of its word', () => {
  assert.equal(addToSum(0, Uint8Array.of(0x12, 0x34, 0x56)), 0x1234 + 0x5600);
});

test('nothing has the checksum 0xffff, and so have zeros; all ones have 0', () => {
  assert.equal(checksumOf(addToSum(0, new Uint8Array(0))), 0xffff);
  assert.equal(checksumOf(addToSum(0, new Uint8Array(40))), 0xffff);
  assert.equal(checksumOf(addToSum(0, new Uint8Array(65_534).fill(0xff))), 0);
});

test('bytes with their checksum put in sum up to 0, in one part or in two', () => {
  const even = fc
    .uint8Array({ minLength: 2, maxLength: 200 })
    .map((bytes) => bytes.subarray(bytes.length & 1));
  fc.assert(
    fc.property(even, fc.nat(), (bytes, cut) => {
      const sum = addToSum(0, bytes);
      const at = (cut % (bytes.length / 2 + 1)) * 2;
      assert.equal(addToSum(addToSum(0, bytes.subarray(0, at)), bytes.subarray(at)), sum);
      assert.equal(checksumOf(sum + checksumOf(sum)), 0);
    }),
  );
});
