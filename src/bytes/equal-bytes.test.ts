// Bytes that are the same, and those that differ by a byte or by their length.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes } from './equal-bytes.ts';

test('bytes are equal if length and each byte are', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  assert.equal(equalBytes(bytes, bytes.slice()), true);
  assert.equal(equalBytes(bytes, Uint8Array.of(1, 2, 4)), false);
  assert.equal(equalBytes(bytes, Uint8Array.of(1, 2)), false);
  assert.equal(equalBytes(bytes, Uint8Array.of(1, 2, 3, 0)), false);
  assert.equal(equalBytes(new Uint8Array(0), new Uint8Array(0)), true);
});
