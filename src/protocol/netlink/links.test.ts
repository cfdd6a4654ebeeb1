// Links put together from dumps: state, kind and addresses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADDRESS_DUMP, LINK_DUMP } from '../../../test/golden/rtnetlink.ts';
import { formatAddress } from '../../net/address.ts';
import { formatMac } from '../../net/mac.ts';
import { LinkFlag, LinkMode, LinkType, type NetlinkLink, OperState } from './link-message.ts';
import { type DumpedLink, toLinks } from './links.ts';
import { decodeNetlink } from './netlink-message.ts';

const UP = LinkFlag.Up | LinkFlag.LowerUp | LinkFlag.Running;
/** What a link shows for up to a second after it got its carrier: the derived state is the old one. */
const STALE = LinkFlag.Up | LinkFlag.LowerUp;
const ETH0: NetlinkLink = {
  index: 2,
  name: 'eth0',
  mac: Uint8Array.of(2, 0, 0, 0, 0, 0xb),
  flags: UP,
  operState: OperState.Up,
  linkMode: LinkMode.Default,
  carrierChanges: 2,
  mtu: 1500,
  type: LinkType.Ethernet,
};

function line({ index, name, mac, state, mtu, isEthernet, addresses }: DumpedLink): string {
  const texts = addresses.map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`);
  return [index, name, formatMac(mac), state, mtu, isEthernet ? 'Ethernet' : 'other', ...texts].join(' ');
}

test('the dumps of a kernel become its links', () => {
  const messages = [...LINK_DUMP, ...ADDRESS_DUMP].flatMap((bytes) => decodeNetlink(bytes, bytes.length));
  const links = messages.flatMap((message) => (message.kind === 'NEWLINK' ? [message.link] : []));
  const addresses = messages.flatMap((message) => (message.kind === 'NEWADDR' ? [message.address] : []));
  assert.deepEqual(toLinks(links, addresses).map(line), [
    '1 lo 00:00:00:00:00:00 Up 65536 other 127.0.0.1/8 ::1/128',
    '2 eth0 02:00:00:00:00:0b Up 1500 Ethernet 10.77.0.11/24 fd77:0:0:1::b/64 fe80::ff:fe00:b/64',
    '3 br0 02:00:00:00:00:0c Down 1500 Ethernet',
    '4 tun9 00:00:00:00:00:00 Down 1500 other 10.99.0.1/32',
  ]);
});

const STATES: readonly (readonly [expected: 'Up' | 'Down', change: Partial<NetlinkLink>, why: string])[] = [
  ['Up', {}, 'up and running'],
  ['Up', { flags: STALE, operState: OperState.Down }, 'the carrier has just come'],
  ['Up', { flags: STALE, operState: OperState.LowerLayerDown }, 'the carrier below has just come'],
  ['Up', { operState: OperState.Unknown }, 'a driver without operating state, with carrier'],
  ['Down', { flags: LinkFlag.Up | LinkFlag.Running }, 'the carrier has just gone'],
  ['Down', { operState: OperState.Unknown, flags: LinkFlag.Up }, 'no operating state, no carrier'],
  ['Down', { flags: LinkFlag.LowerUp | LinkFlag.Running }, 'down by the administrator'],
  ['Down', { flags: LinkFlag.Up, operState: OperState.LowerLayerDown }, 'the link below is down'],
  ['Down', { operState: OperState.Dormant }, 'IEEE 802.1X has not let us in'],
  ['Down', { operState: OperState.Testing }, 'under test'],
  ['Down', { flags: UP | LinkFlag.Dormant }, 'its driver has not let us in, the state is stale'],
  ['Down', { linkMode: LinkMode.Dormant, flags: STALE, operState: OperState.Down }, 'user space will say'],
  ['Up', { linkMode: LinkMode.Dormant }, 'user space has let us in'],
];

test('the state follows the carrier at once, and whoever lets the link in', () => {
  for (const [expected, change, why] of STATES) {
    assert.equal(toLinks([{ ...ETH0, ...change }], [])[0]?.state, expected, why);
  }
});

const KINDS: readonly (readonly [expected: boolean, change: Partial<NetlinkLink>, why: string])[] = [
  [true, {}, 'Ethernet'],
  [false, { type: LinkType.Loopback, flags: UP | LinkFlag.Loopback }, 'loopback'],
  [false, { flags: UP | LinkFlag.NoArp }, 'Ethernet without ARP'],
  [false, { type: 65_534, mac: new Uint8Array(0) }, 'a tunnel'],
  [false, { mac: new Uint8Array(8) }, 'a hardware address of another length'],
];

test('only Ethernet with ARP is announced on', () => {
  for (const [expected, change, why] of KINDS) {
    const [link] = toLinks([{ ...ETH0, ...change }], []);
    assert.equal(link?.isEthernet, expected, why);
    assert.equal(link?.mac.length, 6, why);
  }
});

test('an address of a link that is not in the dump is left out', () => {
  const address = { index: 9, address: { family: 'IPv4', value: 1n }, prefixLength: 32, flags: 0 } as const;
  assert.deepEqual(toLinks([ETH0], [address])[0]?.addresses, []);
});
