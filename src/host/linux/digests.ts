// Digests by Node's own OpenSSL, in one call each: an object for each of sixty heartbeats a second would hold memory
// outside of the heap until the collector comes, and with so little garbage it comes seldom.

import { hash } from 'node:crypto';
import type { Digests } from '../host.ts';

/** Block of SHA-256 in bytes (FIPS 180-4). */
const BLOCK = 64;
const INNER = 0x36;
const OUTER = 0x5c;

const sha256 = (data: string | Uint8Array): Uint8Array => hash('sha256', data, 'buffer');

/** Used again and again for messages that fit, as all frames do: a thousand a second would be as much garbage. */
const scratch = new Uint8Array(BLOCK + 1518);

/** RFC 2104 section 2. */
function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const short = key.length > BLOCK ? sha256(key) : key;
  const inner = sha256(behind(short, INNER, bytes));
  return sha256(behind(short, OUTER, inner));
}

/** The key, filled up to a block and masked, and the bytes behind it; good until the next call. */
function behind(key: Uint8Array, mask: number, bytes: Uint8Array): Uint8Array {
  const length = BLOCK + bytes.length;
  const whole = length > scratch.length ? new Uint8Array(length) : scratch.subarray(0, length);
  whole.fill(mask, 0, BLOCK);
  // Not by an iterator: this runs three hundred times a second where there are thirty peers.
  for (let i = 0; i < key.length; i++) whole[i] = (key[i] ?? 0) ^ mask;
  whole.set(bytes, BLOCK);
  return whole;
}

export const digests: Digests = { sha256, hmacSha256 };
