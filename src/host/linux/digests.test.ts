// The HMAC in one call against OpenSSL's own, and a test vector of RFC 4231.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { digests } from './digests.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('RFC 4231 test case 1', () => {
  const mac = digests.hmacSha256(new Uint8Array(20).fill(0x0b), Buffer.from('Hi There'));
  assert.equal(hex(mac), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7');
});

test('any key and any message have the HMAC that OpenSSL gives them', () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(bytes, bytes, (key, message) => {
      assert.equal(
        hex(digests.hmacSha256(key, message)),
        createHmac('sha256', key).update(message).digest('hex'),
      );
    }),
  );
});

test('a message that is as long as the memory kept for it, or longer by one byte', () => {
  const key = new Uint8Array(32).fill(7);
  for (const length of [1518, 1519, 1, 1518]) {
    const message = new Uint8Array(length).fill(length);
    assert.equal(
      hex(digests.hmacSha256(key, message)),
      createHmac('sha256', key).update(message).digest('hex'),
    );
  }
});

test('a digest is that of the text in UTF-8', () => {
  assert.equal(
    hex(digests.sha256('abc')),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
