// The Ethernet addresses of groups.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMac } from '../../net/mac.ts';
import { multicastMac } from './multicast-mac.ts';

const GROUPS: readonly (readonly [group: number, mac: string, why: string])[] = [
  [0xe0000001, '01:00:5e:00:00:01', 'all hosts, as every kernel joins it'],
  [0xe00000fb, '01:00:5e:00:00:fb', 'multicast DNS (RFC 6762 section 3)'],
  [0xe07fffff, '01:00:5e:7f:ff:ff', 'all 23 bits'],
  [0xe0ffffff, '01:00:5e:7f:ff:ff', 'the 24th bit is not in it'],
  [0xefffffff, '01:00:5e:7f:ff:ff', 'nor are the five above it'],
];

test('the low 23 bits of the group are those of the address', () => {
  for (const [group, mac, why] of GROUPS) assert.equal(formatMac(multicastMac(group)), mac, why);
});

test('what is no group has no such address', () => {
  for (const address of [0xdfffffff, 0xf0000000, 0xffffffff, 0x0a4d000b])
    assert.throws(() => multicastMac(address), RangeError);
});
