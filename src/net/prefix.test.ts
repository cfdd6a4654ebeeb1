// Prefixes: text, networks and membership.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { address, prefix } from '../../test/arbitrary/net.ts';
import { formatAddress, parseAddress } from './address.ts';
import {
  containsAddress,
  formatPrefix,
  networkOf,
  type Prefix,
  parsePrefix,
  spanOf,
  unassignableIn,
} from './prefix.ts';

function prefixOf(text: string): Prefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed, text);
  return parsed;
}

function isIn(text: string, addressText: string): boolean {
  const parsed = parseAddress(addressText);
  assert.ok(parsed, addressText);
  return containsAddress(prefixOf(text), parsed);
}

test('host bits are kept, the network is masked', () => {
  assert.equal(formatPrefix(prefixOf('10.77.0.11/24')), '10.77.0.11/24');
  const networks = [
    ['10.77.0.11/24', '10.77.0.0'],
    ['10.77.0.11/32', '10.77.0.11'],
    ['10.77.0.11/0', '0.0.0.0'],
    ['255.255.255.255/1', '128.0.0.0'],
    ['fd77:0:0:1::b/64', 'fd77:0:0:1::'],
    ['fd77:0:0:1::b/128', 'fd77:0:0:1::b'],
    ['fd77:0:0:1::b/0', '::'],
  ] as const;
  for (const [text, network] of networks)
    assert.equal(formatAddress(networkOf(prefixOf(text))), network, text);
});

test('what is not a prefix is refused', () => {
  const refused = [
    '',
    '/',
    '/24',
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0.0/08',
    '10.0.0/8',
  ];
  for (const text of [
    ...refused,
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/ 8',
    '10.0.0.0/255.0.0.0',
    '10.0.0.0/1e1',
  ]) {
    assert.equal(parsePrefix(text), undefined, text);
  }
});

test('a prefix contains its first and its last address, and not their neighbours', () => {
  assert.ok(isIn('10.77.0.11/24', '10.77.0.0'));
  assert.ok(isIn('10.77.0.11/24', '10.77.0.255'));
  assert.ok(!isIn('10.77.0.11/24', '10.77.1.0'));
  assert.ok(!isIn('10.77.0.11/24', '10.76.255.255'));
  assert.ok(isIn('fd77:0:0:1::/64', 'fd77::1:ffff:ffff:ffff:ffff'));
  assert.ok(!isIn('fd77:0:0:1::/64', 'fd77:0:0:2::'));
});

test('a prefix contains nothing of the other family', () => {
  assert.ok(!isIn('0.0.0.0/0', '::1'));
  assert.ok(!isIn('::/0', '0.0.0.1'));
});

test('containing is being within the span that starts at the network', () => {
  fc.assert(
    fc.property(prefix(), address(), (value, other) => {
      const network = networkOf(value);
      const isWithin = other.value >= network.value && other.value < network.value + spanOf(value);
      assert.equal(containsAddress(value, other), other.family === network.family && isWithin);
      assert.ok(containsAddress(value, value.address));
    }),
  );
});

test('text reads back as the same prefix', () => {
  fc.assert(
    fc.property(prefix(), (value) => {
      // IPv4-mapped IPv6 is refused by the address parser.
      fc.pre(value.address.family === 'IPv4' || value.address.value >> 32n !== 0xffffn);
      assert.deepEqual(parsePrefix(formatPrefix(value)), value);
    }),
  );
});

test("an interface's own address and the edges of an IPv4 subnet can not be given to others", () => {
  const cases = {
    '10.77.0.11/24': ['10.77.0.11', '10.77.0.0', '10.77.0.255'],
    '10.77.0.14/30': ['10.77.0.14', '10.77.0.12', '10.77.0.15'],
    '10.77.0.11/31': ['10.77.0.11'],
    '10.77.0.11/32': ['10.77.0.11'],
    'fd77:0:0:1::b/64': ['fd77:0:0:1::b'],
  };
  for (const [text, expected] of Object.entries(cases))
    assert.deepEqual(unassignableIn(prefixOf(text)).map(formatAddress), expected, text);
});
