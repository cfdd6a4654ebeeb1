// Which ranges can not be anybody's address on a network, at both ends of each block and of both families.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AddressRange, contains, formatAddressRange, parseAddressRange } from './address-range.ts';
import { UNREACHABLE_RANGES, unreachableIn } from './unreachable-range.ts';

function rangeOf(text: string): AddressRange {
  const parsed = parseAddressRange(text);
  assert.ok(parsed.kind === 'range', text);
  return parsed.range;
}

const REFUSED = [
  ['0.0.0.0', '0.0.0.0/8'],
  ['0.0.0.0/0', '0.0.0.0/8'],
  ['0.255.255.255', '0.0.0.0/8'],
  ['127.0.0.1', '127.0.0.0/8'],
  ['126.0.0.0/7', '127.0.0.0/8'],
  ['10.0.0.0-172.16.0.1', '127.0.0.0/8'],
  ['224.0.0.0/24', '224.0.0.0/4'],
  ['223.255.255.255-224.0.0.0', '224.0.0.0/4'],
  ['240.0.0.0/24', '240.0.0.0/4'],
  ['255.255.255.255', '240.0.0.0/4'],
  ['::', '::/127'],
  ['::1', '::/127'],
  ['::/0', '::/127'],
  ['::fffe:0:0-::1:0:0:0', '::ffff:0:0/96'],
  ['fe80::1', 'fe80::/10'],
  ['fd00::-fec0::', 'fe80::/10'],
  ['ff02::1', 'ff00::/8'],
] as const;
for (const [text, cidr] of REFUSED) {
  test(`${text} touches ${cidr}`, () => assert.equal(unreachableIn(rangeOf(text))?.cidr, cidr));
}

const GOOD = [
  ...['1.0.0.0/8', '10.0.0.0/8', '126.255.255.255', '128.0.0.0', '223.255.255.255'],
  // These work between neighbours of one link.
  ...['169.254.0.0/16', '192.0.2.0/24', '100.64.0.0/10'],
  ...['::2', '2000::/3', 'fc00::/7', 'fec0::1', '64:ff9b::/96'],
];
for (const text of GOOD) {
  test(`${text} may be given out`, () => assert.equal(unreachableIn(rangeOf(text)), undefined));
}

test('each block is what its text says', () => {
  for (const { cidr, range } of UNREACHABLE_RANGES) {
    if (cidr !== '::ffff:0:0/96') assert.equal(formatAddressRange(range), cidr);
    assert.equal(unreachableIn(range)?.cidr, cidr);
    assert.ok(contains(range, { family: range.family, value: range.last }));
  }
});
