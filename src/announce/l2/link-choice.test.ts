// Which link answers: the longest prefix, the lowest index, and who is out of the question.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipv4, linkOf } from '../../../test/fake/fake-wire.ts';
import type { Link } from '../../host/host.ts';
import { parseAddress } from '../../net/address.ts';
import { containsAddress, parsePrefix } from '../../net/prefix.ts';
import { canAnswer, LinkChoice } from './link-choice.ts';

const WIDE = linkOf({ index: 2, name: 'eth0', addresses: ['10.0.0.1/8'] });
const NARROW = linkOf({ index: 5, name: 'eth1', addresses: ['10.77.0.11/24', 'fd77::b/64'] });
const TWIN = linkOf({ index: 4, name: 'wlan0', addresses: ['10.77.0.12/24'] });
const EVERYTHING = linkOf({ index: 9, name: 'tap0', addresses: ['0.0.0.1/0'] });
const POD = linkOf({ index: 7, name: 'pod0', addresses: ['10.77.9.9/32'] });
const HIGH = linkOf({ index: 3, name: 'eth2', addresses: ['192.168.250.7/23'] });

interface Case {
  readonly name: string;
  readonly links: readonly Link[];
  readonly address?: string;
  readonly interfaces?: readonly string[];
  readonly chosen: string | undefined;
}

const CASES: readonly Case[] = [
  { name: 'no link at all', links: [], chosen: undefined },
  { name: 'the longest prefix, whatever the order', links: [WIDE, NARROW], chosen: 'eth1' },
  { name: 'the lowest index among equal prefixes', links: [NARROW, TWIN], chosen: 'wlan0' },
  { name: 'only links that match', links: [WIDE, NARROW], interfaces: ['eth0'], chosen: 'eth0' },
  { name: 'one of several patterns', links: [NARROW, TWIN], interfaces: ['nope', 'eth*'], chosen: 'eth1' },
  { name: 'none that matches', links: [WIDE], interfaces: ['wlan*'], chosen: undefined },
  { name: 'no link whose own address it is', links: [WIDE, POD], address: '10.77.9.9', chosen: 'eth0' },
  { name: 'none that contains it', links: [NARROW], address: '10.78.0.1', chosen: undefined },
  { name: 'a prefix of length 0', links: [EVERYTHING], address: '203.0.113.9', chosen: 'tap0' },
  { name: 'addresses above 2^31', links: [HIGH], address: '192.168.251.255', chosen: 'eth2' },
  { name: 'just outside, above 2^31', links: [HIGH], address: '192.168.252.0', chosen: undefined },
  { name: 'not a link that is down', links: [{ ...NARROW, state: 'Down' }, WIDE], chosen: 'eth0' },
  { name: 'not one without ARP', links: [{ ...NARROW, isEthernet: false }], chosen: undefined },
];

for (const { name, links, address = '10.77.0.50', interfaces = [], chosen } of CASES)
  test(`chooses ${name}`, () => {
    assert.equal(new LinkChoice(links).choose(ipv4(address), interfaces)?.name, chosen);
  });

test('only Ethernet with an IPv4 address can ever answer, up or down', () => {
  assert.equal(canAnswer({ ...NARROW, state: 'Down' }), true);
  assert.equal(canAnswer(linkOf({ addresses: ['fd77::b/64'] })), false);
  assert.equal(canAnswer(linkOf({ isEthernet: false })), false);
  assert.equal(canAnswer(POD), false, 'a link with a host prefix only has no other addresses');
});

test('contains exactly what net/prefix says it contains', () => {
  const octet = fc.nat(255);
  const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
  fc.assert(
    fc.property(address, address, fc.nat(31), (own, asked, length) => {
      const link = linkOf({ addresses: [`${own}/${length}`] });
      const prefix = parsePrefix(`${own}/${length}`);
      const value = parseAddress(asked);
      assert.ok(prefix !== undefined && value !== undefined);
      const isChosen = new LinkChoice([link]).choose(ipv4(asked), []) !== undefined;
      assert.equal(isChosen, containsAddress(prefix, value));
    }),
  );
});
