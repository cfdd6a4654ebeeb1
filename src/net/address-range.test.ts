// Ranges as an AddressPool lists them, and what is said about those that are wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { address, addressRange } from '../../test/arbitrary/net.ts';
import { parseAddress } from './address.ts';
import {
  type AddressRange,
  contains,
  formatAddressRange,
  parseAddressRange,
  sizeOf,
} from './address-range.ts';

function rangeOf(text: string): AddressRange {
  const parsed = parseAddressRange(text);
  assert.equal(parsed.kind, 'range', text);
  assert.ok(parsed.kind === 'range');
  return parsed.range;
}

test('CIDR, first-last and a bare address are read', () => {
  assert.deepEqual(rangeOf('10.77.1.0/28'), { family: 'IPv4', first: 0x0a4d0100n, last: 0x0a4d010fn });
  assert.deepEqual(rangeOf('10.77.0.50-10.77.0.99'), {
    family: 'IPv4',
    first: 0x0a4d0032n,
    last: 0x0a4d0063n,
  });
  assert.deepEqual(rangeOf('10.77.2.5'), { family: 'IPv4', first: 0x0a4d0205n, last: 0x0a4d0205n });
  const network = 0xfd770000000000010000000000000100n;
  assert.deepEqual(rangeOf('fd77:0:0:1::100/120'), { family: 'IPv6', first: network, last: network + 255n });
  assert.deepEqual(rangeOf('fd77:0:0:1::100-fd77:0:0:1::101'), {
    family: 'IPv6',
    first: network,
    last: network + 1n,
  });
});

test('sizes are exact, up to the whole of IPv6', () => {
  assert.equal(sizeOf(rangeOf('10.77.0.50-10.77.0.99')), 50n);
  assert.equal(sizeOf(rangeOf('10.77.2.5')), 1n);
  assert.equal(sizeOf(rangeOf('0.0.0.0/0')), 1n << 32n);
  assert.equal(sizeOf(rangeOf('::/0')), 1n << 128n);
});

test('each problem says what is wanted', () => {
  const bare = 'an address, a CIDR or first-last, in canonical notation';
  const cidr = 'a CIDR such as 10.0.0.0/28 or fd00::/120';
  const pair = 'first-last, two addresses in canonical notation without spaces';
  const problems = [
    ['', bare],
    ['10.0.0.01', bare],
    ['::ffff:10.0.0.1', bare],
    ['10.0.0.0/33', cidr],
    ['10.0.0/24', cidr],
    ['10.0.0.1-10.0.0.9/24', cidr],
    ['10.0.0.17/28', 'host bits 0: 10.0.0.16/28'],
    ['fd77::b/64', 'host bits 0: fd77::/64'],
    ['10.0.0.9-10.0.0.1', 'first <= last'],
    ['10.0.0.1-fd77::1', 'first and last of the same family'],
    ['10.0.0.1-', pair],
    ['-10.0.0.1', pair],
    ['10.0.0.1 - 10.0.0.9', pair],
    ['10.0.0.1-9', pair],
    ['10.0.0.1-10.0.0.2-10.0.0.3', pair],
  ] as const;
  for (const [text, wanted] of problems)
    assert.deepEqual(parseAddressRange(text), { kind: 'problem', wanted }, text);
});

test('a range contains its ends and nothing of the other family', () => {
  const range = rangeOf('10.0.0.5-10.0.0.7');
  const expected = {
    '10.0.0.4': false,
    '10.0.0.5': true,
    '10.0.0.6': true,
    '10.0.0.7': true,
    '10.0.0.8': false,
  };
  for (const [text, isIn] of Object.entries({ ...expected, '::a00:6': false })) {
    const parsed = parseAddress(text);
    assert.ok(parsed, text);
    assert.equal(contains(range, parsed), isIn, text);
  }
});

test('the text is the shortest form', () => {
  for (const text of [
    '10.77.1.0/28',
    '10.77.2.5',
    '10.77.0.50-10.77.0.99',
    'fd77:0:0:1::100/120',
    '0.0.0.0/0',
    '::/0',
  ]) {
    assert.equal(formatAddressRange(rangeOf(text)), text);
  }
  assert.equal(formatAddressRange(rangeOf('10.0.0.0-10.0.0.3')), '10.0.0.0/30');
  assert.equal(
    formatAddressRange(rangeOf('10.0.0.2-10.0.0.5')),
    '10.0.0.2-10.0.0.5',
    'a power of two, not aligned',
  );
});

test('text reads back as the same range', () => {
  fc.assert(
    fc.property(addressRange(), address(), (range, other) => {
      const isMapped = (value: bigint): boolean => range.family === 'IPv6' && value >> 32n === 0xffffn;
      fc.pre(!isMapped(range.first) && !isMapped(range.last));
      assert.deepEqual(rangeOf(formatAddressRange(range)), range);
      const isIn = other.family === range.family && other.value >= range.first && other.value <= range.last;
      assert.equal(contains(range, other), isIn);
    }),
  );
});
