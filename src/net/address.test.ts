// Addresses of both families: which texts are read, and RFC 5952.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { address, family } from '../../test/arbitrary/net.ts';
import {
  BITS,
  compareAddresses,
  formatAddress,
  fromBytes,
  parseAddress,
  sameAddress,
  toBytes,
} from './address.ts';

test('canonical texts of both families are read', () => {
  assert.deepEqual(parseAddress('10.77.0.50'), { family: 'IPv4', value: 0x0a4d0032n });
  assert.deepEqual(parseAddress('0.0.0.0'), { family: 'IPv4', value: 0n });
  assert.deepEqual(parseAddress('255.255.255.255'), { family: 'IPv4', value: 0xffffffffn });
  assert.deepEqual(parseAddress('::'), { family: 'IPv6', value: 0n });
  assert.deepEqual(parseAddress('fd77:0:0:1::b'), {
    family: 'IPv6',
    value: 0xfd77000000000001000000000000000bn,
  });
  assert.deepEqual(parseAddress('FD77::A'), { family: 'IPv6', value: (0xfd77n << 112n) | 0xan });
});

test('everything else is refused', () => {
  const refused = [
    ['', 'empty'],
    ['10.1', 'two parts'],
    ['10.0.0', 'three parts'],
    ['10.0.0.1.2', 'five parts'],
    ['010.0.0.1', 'octal'],
    ['10.0.0.01', 'leading zero'],
    ['0x0a.0.0.1', 'hexadecimal'],
    ['167772161', 'a number'],
    ['256.0.0.1', 'a part above 255'],
    ['10.0.0.-1', 'a sign'],
    [' 10.0.0.1', 'a space before'],
    ['10.0.0.1\n', 'a line end'],
    ['10.0.0.1/32', 'a prefix'],
    ['fe80::1%eth0', 'a zone'],
    ['::ffff:10.0.0.1', 'IPv4-mapped with dots'],
    ['::ffff:a00:1', 'IPv4-mapped without dots'],
    ['1:2:3:4:5:6:7', 'seven groups'],
    ['1:2:3:4:5:6:7:8:9', 'nine groups'],
    ['1::2::3', 'two compressions'],
    [':::', 'three colons'],
    ['12345::', 'five digits'],
    ['[::1]', 'brackets'],
    ['fd77::g', 'no digit'],
  ] as const;
  for (const [text, why] of refused) assert.equal(parseAddress(text), undefined, why);
});

test('IPv6 text follows RFC 5952', () => {
  const canonical = [
    ['2001:0db8::0001', '2001:db8::1', '4.1 no leading zeros'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1', '4.2.1 shortened as much as possible'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '4.2.2 no :: for one group'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', '4.2.3 the longest run'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '4.2.3 the first of equal runs'],
    ['2001:DB8::ABCD', '2001:db8::abcd', '4.3 lower case'],
    ['0:0:0:0:0:0:0:0', '::', 'all zero'],
    ['0:0:0:0:0:0:0:1', '::1', 'loopback'],
    ['1:0:0:0:0:0:0:0', '1::', 'zeros at the end'],
  ] as const;
  for (const [given, wanted, rule] of canonical) {
    const parsed = parseAddress(given);
    assert.ok(parsed, rule);
    assert.equal(formatAddress(parsed), wanted, rule);
  }
});

test('IPv6 text is what another implementation writes', () => {
  // The URL standard serialises IPv6 hosts by RFC 5952 section 4, without its IPv4 forms of section 5.
  fc.assert(
    fc.property(address(fc.constant('IPv6')), (value) => {
      fc.pre(value.value >> 32n !== 0xffffn);
      const text = formatAddress(value);
      assert.equal(new URL(`http://[${text}]/`).hostname, `[${text}]`);
    }),
  );
});

test('text and bytes read back as the same address', () => {
  fc.assert(
    fc.property(address(), (value) => {
      const isMapped = value.family === 'IPv6' && value.value >> 32n === 0xffffn;
      assert.deepEqual(parseAddress(formatAddress(value)), isMapped ? undefined : value);
      assert.deepEqual(fromBytes(toBytes(value)), value);
      assert.equal(toBytes(value).length * 8, BITS[value.family]);
    }),
  );
});

test('bytes are in network order', () => {
  const value = parseAddress('10.77.0.50');
  assert.ok(value);
  assert.deepEqual([...toBytes(value)], [10, 77, 0, 50]);
});

test('other lengths than 4 and 16 are a bug', () => {
  for (const length of [0, 3, 5, 15, 17]) assert.throws(() => fromBytes(new Uint8Array(length)), RangeError);
});

test('the order is total: IPv4 first, then by value', () => {
  fc.assert(
    fc.property(address(), address(), (a, b) => {
      const order = compareAddresses(a, b);
      assert.equal(Math.sign(order), 0 - Math.sign(compareAddresses(b, a)));
      assert.equal(order === 0, sameAddress(a, b));
      if (a.family === b.family) assert.equal(order < 0, a.value < b.value);
      else assert.equal(order < 0, a.family === 'IPv4');
    }),
  );
});

test('equal values of two families are two addresses', () => {
  assert.equal(sameAddress({ family: 'IPv4', value: 1n }, { family: 'IPv6', value: 1n }), false);
  fc.assert(fc.property(family(), (of) => sameAddress({ family: of, value: 1n }, { family: of, value: 1n })));
});
