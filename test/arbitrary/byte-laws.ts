// The laws that every codec keeps, as checks over any decoder (STYLE.md, habit 7).

import assert from 'node:assert/strict';
import { DecodeError } from '../../src/bytes/decode-error.ts';

/** How many inputs were decoded to a value, and how many were refused. */
export interface Tally {
  readonly values: number;
  readonly errors: number;
}

/** What a one-byte corruption does to a byte: every other value, or for long inputs some flips of bits. */
export const EVERY_OTHER_BYTE: readonly number[] = Array.from({ length: 255 }, (_, at) => at + 1);
export const SOME_BITS: readonly number[] = [0x01, 0x04, 0x80, 0xff];

export function* strictPrefixes(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length);
}

export function* corruptions(bytes: Uint8Array, masks: readonly number[]): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of masks) {
      const corrupted = bytes.slice();
      corrupted[at] = (corrupted[at] ?? 0) ^ mask;
      yield corrupted;
    }
  }
}

/** Decodes all inputs; an exception fails the test, and so does an error that points outside of its input. */
export function tally(inputs: Iterable<Uint8Array>, decode: (bytes: Uint8Array) => unknown): Tally {
  let values = 0;
  let errors = 0;
  for (const input of inputs) {
    const decoded = decode(input);
    if (!(decoded instanceof DecodeError)) {
      values++;
      continue;
    }
    errors++;
    assert.ok(decoded.offset >= 0 && decoded.offset <= input.length, `${decoded.message} of ${input.length}`);
  }
  return { values, errors };
}

export const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A buffer that shows whatever an encoder leaves out. */
export const dirty = (length: number): Uint8Array => new Uint8Array(length).fill(0xa5);
