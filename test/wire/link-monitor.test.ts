// The link monitor against a real kernel: what a dump says, what counts as a change, and what a lost notification does.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { inNamespace } from '../../lab/netns.ts';
import type { Link, LinkMonitor } from '../../src/host/host.ts';
import { openLinkMonitor } from '../../src/host/linux/link-monitor.ts';
import { createPoller } from '../../src/host/linux/poller.ts';
import { formatAddress } from '../../src/net/address.ts';
import { formatMac } from '../../src/net/mac.ts';
import { known } from '../fake/fake-wire.ts';
import { Bed, NODE_MAC, run, runBatch, SKIP } from './bed.ts';

function monitorFor(t: TestContext, bed: Bed): LinkMonitor {
  const monitor = inNamespace(bed.node, openLinkMonitor);
  t.after(() => monitor.close());
  return monitor;
}

const linksOf = (monitor: LinkMonitor): readonly Link[] => known(monitor.links(), 'links');

const eth0 = (monitor: LinkMonitor): Link =>
  known(
    linksOf(monitor).find(({ name }) => name === 'eth0'),
    'eth0',
  );

const addressesOf = (link: Link): readonly string[] =>
  link.addresses.map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`);

/** Drains until the links are as wanted; fails when notifications cease before. */
function drainUntil(monitor: LinkMonitor, isTrue: () => boolean): void {
  const poller = createPoller();
  for (monitor.drain(); !isTrue(); ) {
    assert.deepEqual(poller.wait([monitor.fd], 10_000), [monitor.fd], 'a change is notified');
    assert.equal(monitor.drain(), true);
  }
}

test('a dump has every link with its addresses', { skip: SKIP }, (t) => {
  const bed = new Bed(t);
  run('ip', '-n', bed.node, 'addr', 'add', 'fd77::b/64', 'dev', 'eth0', 'nodad');
  const monitor = monitorFor(t, bed);
  drainUntil(monitor, () => eth0(monitor).state === 'Up');
  const link = eth0(monitor);
  assert.equal(link.index, bed.index());
  assert.equal(formatMac(link.mac), NODE_MAC);
  assert.equal(link.mtu, 1500);
  assert.equal(link.isEthernet, true);
  const addresses = addressesOf(link);
  assert.ok(addresses.includes('10.77.0.11/16'), String(addresses));
  assert.ok(addresses.includes('fd77::b/64'), String(addresses));
  const lo = known(
    linksOf(monitor).find(({ name }) => name === 'lo'),
    'lo',
  );
  assert.equal(lo.isEthernet, false);
  assert.equal(monitor.malformedMessages, 0);
});

test('a dump of hundreds of links is whole', { skip: SKIP }, (t) => {
  const bed = new Bed(t);
  const names = Array.from({ length: 300 }, (_, i) => `v${i}`);
  const batch = names.flatMap((name, i) => [
    `link add ${name} type veth peer name p${name}`,
    `addr add 10.99.${i >> 8}.${i & 255}/32 dev ${name}`,
  ]);
  runBatch(bed.node, batch);
  const monitor = monitorFor(t, bed);
  const found = new Map(linksOf(monitor).map((link) => [link.name, addressesOf(link)]));
  for (const [i, name] of names.entries())
    assert.deepEqual(found.get(name), [`10.99.${i >> 8}.${i & 255}/32`]);
});

const CHANGES: readonly {
  readonly name: string;
  readonly argv: readonly string[];
  readonly seen: (link: Link) => boolean;
}[] = [
  {
    name: 'an IPv4 address',
    argv: ['addr', 'add', '10.78.0.1/24', 'dev', 'eth0'],
    seen: (link) => addressesOf(link).includes('10.78.0.1/24'),
  },
  {
    name: 'an IPv6 address',
    argv: ['addr', 'add', 'fd78::1/64', 'dev', 'eth0', 'nodad'],
    seen: (link) => addressesOf(link).includes('fd78::1/64'),
  },
  {
    name: 'an address removed',
    argv: ['addr', 'del', '10.77.0.11/16', 'dev', 'eth0'],
    seen: (link) => !addressesOf(link).includes('10.77.0.11/16'),
  },
  {
    name: 'another MAC',
    argv: ['link', 'set', 'dev', 'eth0', 'address', '02:00:00:00:00:99'],
    seen: (link) => formatMac(link.mac) === '02:00:00:00:00:99',
  },
  { name: 'the MTU', argv: ['link', 'set', 'dev', 'eth0', 'mtu', '1400'], seen: (link) => link.mtu === 1400 },
  {
    name: 'the link down',
    argv: ['link', 'set', 'dev', 'eth0', 'down'],
    seen: (link) => link.state === 'Down',
  },
];

for (const { name, argv, seen } of CHANGES)
  test(`notifies: ${name}`, { skip: SKIP }, (t) => {
    const bed = new Bed(t);
    const monitor = monitorFor(t, bed);
    drainUntil(monitor, () => eth0(monitor).state === 'Up');
    monitor.drain();
    run('ip', '-n', bed.node, ...argv);
    drainUntil(monitor, () => seen(eth0(monitor)));
  });

const gatewaysOf = (monitor: LinkMonitor): readonly string[] => {
  const { index } = eth0(monitor);
  return (monitor.gateways().get(index) ?? []).map(formatAddress).sort();
};

test('tells the gateways of default routes, and each change of them', { skip: SKIP }, (t) => {
  const bed = new Bed(t);
  const route = (...argv: readonly string[]): string => run('ip', '-n', bed.node, 'route', ...argv);
  run('ip', '-n', bed.node, 'addr', 'add', 'fd77::b/64', 'dev', 'eth0', 'nodad');
  route('add', 'default', 'via', '10.77.0.1');
  const monitor = monitorFor(t, bed);
  drainUntil(monitor, () => eth0(monitor).state === 'Up');
  assert.deepEqual(gatewaysOf(monitor), ['10.77.0.1']);
  route('add', '::/0', 'via', 'fd77::1');
  drainUntil(monitor, () => String(gatewaysOf(monitor)) === '10.77.0.1,fd77::1');
  route('replace', 'default', 'via', '10.77.0.2');
  drainUntil(monitor, () => String(gatewaysOf(monitor)) === '10.77.0.2,fd77::1');
  route('del', '::/0', 'via', 'fd77::1');
  drainUntil(monitor, () => String(gatewaysOf(monitor)) === '10.77.0.2');
  // The kernel says nothing of a route that goes with its link.
  bed.link(bed.node, 'down');
  drainUntil(monitor, () => gatewaysOf(monitor).length === 0);
  assert.equal(monitor.malformedMessages, 0);
});

test('routes to somewhere are no change, however many', { skip: SKIP }, (t) => {
  const bed = new Bed(t);
  run('ip', '-n', bed.node, 'route', 'add', 'default', 'via', '10.77.0.1');
  const monitor = monitorFor(t, bed);
  drainUntil(monitor, () => eth0(monitor).state === 'Up');
  while (monitor.drain());
  monitor.takeInterrupted();
  const routes = Array.from({ length: 20_000 }, (_, i) => `10.99.${i >> 8}.${i & 255}/32`);
  runBatch(
    bed.node,
    routes.map((to) => `route add ${to} via 10.77.0.9`),
  );
  // The kernel may still tell of the carrier; 20,000 routes would take forty parts.
  let parts = 0;
  while (monitor.drain()) parts++;
  assert.ok(parts <= 1, `${parts} parts`);
  assert.deepEqual(monitor.takeInterrupted(), new Set());
  run('ip', '-n', bed.node, 'route', 'replace', 'default', 'via', '10.77.0.2');
  drainUntil(monitor, () => String(gatewaysOf(monitor)) === '10.77.0.2');
});

test('a peer without carrier is a link that is down', { skip: SKIP }, (t) => {
  const bed = new Bed(t);
  const monitor = monitorFor(t, bed);
  drainUntil(monitor, () => eth0(monitor).state === 'Up');
  bed.link(bed.client, 'down');
  drainUntil(monitor, () => eth0(monitor).state === 'Down');
});

test('remembers a flap that is over, until it was asked', { skip: SKIP }, (t) => {
  const bed = new Bed(t);
  const monitor = monitorFor(t, bed);
  drainUntil(monitor, () => eth0(monitor).state === 'Up');
  monitor.takeInterrupted();
  bed.link(bed.node, 'down');
  bed.link(bed.node, 'up');
  drainUntil(monitor, () => eth0(monitor).state === 'Up');
  assert.deepEqual(monitor.takeInterrupted(), new Set([bed.index()]));
});

test('a link that flapped is up again with its carrier, not with the state that follows up to a second later', {
  skip: SKIP,
}, (t) => {
  const bed = new Bed(t);
  const monitor = monitorFor(t, bed);
  drainUntil(monitor, () => eth0(monitor).state === 'Up');
  // The kernel derives the state of the first flap at once, that of others within the same second later.
  for (let flap = 0; flap < 3; flap++) {
    bed.link(bed.node, 'down');
    assert.equal(eth0(monitor).state, 'Down');
    bed.link(bed.node, 'up');
    assert.equal(eth0(monitor).state, 'Up');
  }
});

test('remembers that the carrier went and came, although the kernel tells of neither in time', {
  skip: SKIP,
}, (t) => {
  const bed = new Bed(t);
  const monitor = monitorFor(t, bed);
  drainUntil(monitor, () => eth0(monitor).state === 'Up');
  while (monitor.drain());
  monitor.takeInterrupted();
  // In one program: two events of one link before the kernel comes to tell of them are told as one.
  runBatch(bed.client, ['link set dev eth0 down', 'link set dev eth0 up']);
  const index = bed.index();
  const isRemembered = (): boolean => {
    eth0(monitor);
    const interrupted = monitor.takeInterrupted();
    return interrupted !== 'Unknown' && interrupted.has(index);
  };
  drainUntil(monitor, isRemembered);
});

test('a deleted link counts as interrupted', { skip: SKIP }, (t) => {
  const bed = new Bed(t);
  const monitor = monitorFor(t, bed);
  drainUntil(monitor, () => eth0(monitor).state === 'Up');
  monitor.takeInterrupted();
  const index = bed.index();
  run('ip', '-n', bed.node, 'link', 'del', 'eth0');
  drainUntil(monitor, () => !linksOf(monitor).some(({ name }) => name === 'eth0'));
  assert.deepEqual(monitor.takeInterrupted(), new Set([index]));
});

test('an overflow of notifications is a change in which any link may have flapped', { skip: SKIP }, (t) => {
  const bed = new Bed(t);
  const monitor = monitorFor(t, bed);
  drainUntil(monitor, () => eth0(monitor).state === 'Up');
  monitor.takeInterrupted();
  const flood = Array.from({ length: 20_000 }, () => [
    'addr add 10.9.9.9/32 dev eth0',
    'addr del 10.9.9.9/32 dev eth0',
  ]);
  runBatch(bed.node, [...flood.flat(), 'addr add 10.9.9.10/32 dev eth0']);
  assert.equal(monitor.drain(), true);
  assert.equal(monitor.takeInterrupted(), 'Unknown');
  assert.ok(addressesOf(eth0(monitor)).includes('10.9.9.10/32'), 'the dump is right all the same');
  let parts = 1;
  while (monitor.drain()) parts++;
  assert.ok(parts > 10, `what was queued is read in parts, not in ${parts}`);
  assert.deepEqual(monitor.takeInterrupted(), new Set());
});
