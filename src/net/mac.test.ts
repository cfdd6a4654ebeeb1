// Ethernet hardware addresses as text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mac } from '../../test/arbitrary/net.ts';
import { BROADCAST, formatMac, parseMac } from './mac.ts';

test('both cases are read, lower case is written', () => {
  const parsed = parseMac('02:00:00:00:AB:0b');
  assert.ok(parsed);
  assert.deepEqual([...parsed], [2, 0, 0, 0, 0xab, 0x0b]);
  assert.equal(formatMac(parsed), '02:00:00:00:ab:0b');
  assert.equal(formatMac(BROADCAST), 'ff:ff:ff:ff:ff:ff');
});

test('other notations are refused', () => {
  const refused = [
    '',
    '02:00:00:00:00',
    '02:00:00:00:00:0b:00',
    '2:0:0:0:0:b',
    '02-00-00-00-00-0b',
    '0200.0000.000b',
  ];
  for (const text of [...refused, '02:00:00:00:00:0g', ' 02:00:00:00:00:0b', '02:00:00:00:00:0b\n']) {
    assert.equal(parseMac(text), undefined, JSON.stringify(text));
  }
});

test('text reads back as the same bytes', () => {
  fc.assert(fc.property(mac(), (value) => assert.deepEqual(parseMac(formatMac(value)), value)));
});
