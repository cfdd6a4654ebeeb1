// The controller on a cluster in memory: what it does to Services, VirtualIPs and pools, and how little it writes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADDRESS_POOL, NODE, SERVICE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { virtualIPName } from '../../src/resource/virtual-ip.ts';
import { Bed } from './bed.ts';

function bedOf(...pool: string[]): Bed {
  const bed = new Bed();
  for (const name of ['n1', 'n2', 'n3']) bed.node(name);
  bed.pool('default', ...(pool.length > 0 ? pool : ['10.77.0.50-10.77.0.59']));
  return bed;
}

const conditionsOf = (bed: Bed, name: string) =>
  bed.service(name).conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);

test('a Service gets an address, with as few writes as there can be', async () => {
  const bed = bedOf();
  const { queue } = await bed.start();
  await bed.settle();
  bed.cluster.writes.length = 0;
  bed.createService('shop', { ports: [{ protocol: 'UDP', port: 53 }] });
  await queue.idle();
  assert.deepEqual(bed.cluster.writes, [
    'patch services/shop',
    'create virtualips/10.77.0.50',
    'patch services/shop',
  ]);
  const { ingress, finalizers, uid } = bed.service('shop');
  assert.deepEqual(ingress, [{ ip: '10.77.0.50', ipMode: 'VIP' }]);
  assert.deepEqual(finalizers, ['fairlead.io/load-balancer']);
  const [virtualIP, ...others] = bed.virtualIPs();
  assert.deepEqual(others, []);
  assert.deepEqual(virtualIP?.services, [
    { namespace: 'web', name: 'shop', uid, ports: [{ protocol: 'UDP', port: 53 }] },
  ]);
  assert.deepEqual([...(virtualIP?.candidates ?? [])].sort(), ['n1', 'n2', 'n3']);
  assert.deepEqual(virtualIP?.finalizers, ['fairlead.io/withdraw']);
  assert.deepEqual(virtualIP?.advertisements, [
    { name: 'default', l2: { interfaces: [], ping: true, bind: false } },
  ]);
  bed.assertSound();
});

test('conditions and events tell the way of a Service', async () => {
  const bed = bedOf();
  const { events, queue } = await bed.start();
  bed.createService('shop');
  await queue.idle();
  assert.deepEqual(conditionsOf(bed, 'shop'), [
    'fairlead.io/Allocated True Allocated',
    'fairlead.io/Announced False Pending',
  ]);
  await bed.settle();
  assert.deepEqual(conditionsOf(bed, 'shop'), [
    'fairlead.io/Allocated True Allocated',
    'fairlead.io/Announced True Announced',
  ]);
  const holder = bed.virtualIPs()[0]?.record.holder;
  bed.deleteService('shop');
  await bed.settle();
  assert.equal(bed.hasService('shop'), false);
  assert.deepEqual(bed.plan(), []);
  assert.deepEqual(events, [
    'Normal EnsuredLoadBalancer web/shop: 10.77.0.50 from pool default',
    `Normal UpdatedLoadBalancer web/shop: 10.77.0.50 is announced by ${holder}`,
    'Normal DeletingLoadBalancer web/shop: withdrawing 10.77.0.50',
    'Normal DeletedLoadBalancer web/shop: the address is free again',
  ]);
  bed.assertSound();
});

test('a settled cluster costs no write, also after a restart', async () => {
  const bed = bedOf();
  const first = await bed.start();
  for (const name of ['a', 'b', 'c']) bed.createService(name);
  await bed.pass(6000);
  await first.controller.stop();
  bed.cluster.writes.length = 0;
  const second = await bed.start();
  assert.equal(second.controller.isSynced(), true);
  await bed.pass(60_000);
  assert.deepEqual(bed.cluster.writes, []);
  bed.assertSound();
});

for (const [what, spec] of Object.entries({
  'of another class': { loadBalancerClass: 'example.com/other' },
  'without a class': { loadBalancerClass: undefined },
  'of another type': { type: 'ClusterIP' },
})) {
  test(`a Service ${what} is not touched`, async () => {
    const bed = bedOf();
    await bed.start();
    await bed.pass(1000);
    bed.cluster.writes.length = 0;
    bed.createService('shop', spec);
    await bed.settle();
    bed.deleteService('shop');
    await bed.settle();
    assert.deepEqual(bed.cluster.writes, []);
  });
}

test('a change of type takes the address back, clears the status and goes', async () => {
  const bed = bedOf();
  await bed.start();
  bed.createService('shop');
  await bed.settle();
  bed.changeService('shop', { type: 'ClusterIP', loadBalancerClass: null });
  await bed.settle();
  const { ingress, conditions, finalizers } = bed.service('shop');
  assert.deepEqual({ ingress, conditions, finalizers }, { ingress: [], conditions: [], finalizers: [] });
  assert.deepEqual(bed.plan(), []);
  bed.assertSound();
});

test('two Services at once never get the same address', async () => {
  const bed = bedOf();
  const { api } = await bed.start();
  let creates = 0;
  api.before = ({ verb }) => {
    if (verb === 'create') creates++;
  };
  for (let i = 0; i < 10; i++) bed.createService(`s${i}`);
  await bed.settle();
  const addresses = Array.from({ length: 10 }, (_, i) => bed.service(`s${i}`).ingress[0]?.ip);
  assert.equal(new Set(addresses).size, 10);
  assert.ok(addresses.every((ip) => ip !== undefined));
  assert.equal(creates, 10, 'no two picked the same');
  bed.assertSound();
});

test('an address that somebody else takes first is left to them', async () => {
  const bed = bedOf();
  const { watches, queue } = await bed.start();
  watches.virtualIPs.hold();
  bed.cluster.create(VIRTUAL_IP, undefined, {
    metadata: { name: '10.77.0.50' },
    spec: { address: '10.77.0.50', family: 'IPv4' },
  });
  bed.createService('shop');
  await queue.idle();
  assert.equal(bed.service('shop').ingress[0]?.ip, '10.77.0.51');
  watches.virtualIPs.release();
  await bed.settle();
  assert.equal(bed.service('shop').ingress[0]?.ip, '10.77.0.51');
  bed.assertSound();
});

test('a VirtualIP that was made for this Service and not seen yet is adopted', async () => {
  const bed = bedOf();
  const first = await bed.start();
  bed.createService('shop');
  await first.queue.idle();
  bed.kill(first);
  const second = await bed.start();
  assert.equal(second.controller.isSynced(), true);
  await bed.settle();
  assert.equal(bed.virtualIPs().length, 1);
  bed.assertSound();
});

test('a pool that comes later, or grows, serves those that wait at once, the oldest first', async () => {
  const bed = bedOf();
  bed.cluster.remove(ADDRESS_POOL, { name: 'default' });
  const { events } = await bed.start();
  for (const name of ['c', 'a', 'b']) bed.createService(name);
  await bed.settle();
  assert.deepEqual(conditionsOf(bed, 'a'), [
    'fairlead.io/Allocated False NoPool',
    'fairlead.io/Announced False NotAllocated',
  ]);
  assert.match(events[0] ?? '', /^Warning SyncLoadBalancerFailed web\/c: NoPool: .*create one/);
  bed.pool('late', '10.77.0.9', '10.77.0.10');
  await bed.settle();
  assert.deepEqual(bed.plan(), ['10.77.0.9 web/c n1,n2,n3', '10.77.0.10 web/a n1,n2,n3']);
  assert.deepEqual(conditionsOf(bed, 'b'), [
    'fairlead.io/Allocated False PoolsExhausted',
    'fairlead.io/Announced False NotAllocated',
  ]);
  bed.deleteService('c');
  await bed.settle();
  assert.equal(bed.service('b').ingress[0]?.ip, '10.77.0.9');
  assert.equal(bed.service('a').ingress[0]?.ip, '10.77.0.10');
  bed.assertSound();
});

test('without candidates a Service waits and says why; a node that can announce ends it at once', async () => {
  const bed = new Bed();
  bed.node('n1', null);
  bed.node('n2', '10.99.0.2/24');
  bed.node('n3', '10.77.0.13/24', { 'node.kubernetes.io/exclude-from-external-load-balancers': '' });
  bed.pool('default', '10.77.0.50');
  const { events } = await bed.start();
  bed.createService('shop');
  await bed.settle();
  const announced = bed.service('shop').conditions[1];
  assert.equal(announced?.reason, 'NoCandidates');
  assert.match(announced?.message ?? '', /n1, n2 without an Up link in its subnet; n3 excluded/);
  assert.deepEqual(bed.service('shop').ingress, []);
  assert.ok(events.some((event) => event.startsWith('Warning UnAvailableLoadBalancer web/shop: 10.77')));
  bed.node('n4', '10.99.0.4/24');
  await bed.settle();
  assert.match(
    bed.service('shop').conditions[1]?.message ?? '',
    /n1, n2, n4 without an Up link/,
    'as it is now',
  );
  bed.announcer('n1', ['10.77.0.11/24']);
  await bed.settle();
  assert.deepEqual(bed.service('shop').ingress, [{ ip: '10.77.0.50', ipMode: 'VIP' }]);
  bed.assertSound();
});

test('candidates stay while their agent is silent, and go with their node', async () => {
  const bed = bedOf('10.77.0.50');
  await bed.start();
  bed.createService('shop');
  await bed.settle();
  bed.silent.add('n2');
  await bed.pass(30_000);
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1,n2,n3']);
  bed.cluster.remove(NODE, { name: 'n2' });
  const body = {
    metadata: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' } },
  };
  bed.cluster.patch(NODE, { name: 'n3' }, { patch: { type: 'merge', body } });
  await bed.settle();
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1']);
  bed.assertSound();
});

test('an address whose holder is dead is let go when its Lease is not fresh, even without its Node', async () => {
  const bed = bedOf();
  await bed.start();
  bed.createService('shop');
  await bed.settle();
  const holder = bed.virtualIPs()[0]?.record.holder ?? '';
  bed.silent.add(holder);
  bed.cluster.remove(NODE, { name: holder });
  bed.deleteService('shop');
  await bed.pass(5000);
  assert.equal(bed.virtualIPs()[0]?.isDeleting, true, 'the holder may still be answering');
  assert.equal(bed.hasService('shop'), true);
  await bed.pass(15_000);
  assert.deepEqual(bed.virtualIPs(), []);
  assert.equal(bed.hasService('shop'), false);
  bed.assertSound();
});

test('while Leases can not be watched nobody is taken for dead', async () => {
  const bed = bedOf();
  const { watches } = await bed.start();
  bed.createService('shop');
  await bed.settle();
  bed.silent.add(bed.virtualIPs()[0]?.record.holder ?? '');
  watches.leases.setState('Lost');
  bed.deleteService('shop');
  await bed.pass(60_000);
  assert.equal(bed.virtualIPs().length, 1);
  watches.leases.setState('Synced');
  await bed.pass(20_000);
  assert.equal(bed.virtualIPs().length, 0);
  bed.assertSound();
});

test('a re-created Service of the same name is another Service', async () => {
  const bed = bedOf();
  const first = await bed.start();
  bed.createService('shop');
  await bed.settle();
  const { uid } = bed.service('shop');
  bed.kill(first);
  // Somebody forces it away, finalizer and all, while no controller runs.
  const patch = { type: 'merge', body: { metadata: { finalizers: [] } } } as const;
  bed.cluster.patch(SERVICE, { namespace: 'web', name: 'shop' }, { patch });
  bed.violations.length = 0;
  bed.deleteService('shop');
  bed.createService('shop');
  await bed.start();
  await bed.settle();
  assert.notEqual(bed.service('shop').uid, uid);
  assert.deepEqual(
    bed.virtualIPs().map(({ services }) => services[0]?.uid),
    [bed.service('shop').uid],
  );
  bed.assertSound();
});

test('a Service that was restored without its VirtualIP gets its address back, and nobody else does', async () => {
  const bed = bedOf('10.77.0.50-10.77.0.51');
  bed.createService('old');
  const status = { loadBalancer: { ingress: [{ ip: '10.77.0.50', ipMode: 'VIP' }] } };
  const patch = { type: 'merge', body: { status } } as const;
  bed.cluster.patch(SERVICE, { namespace: 'web', name: 'old' }, { patch, subresource: 'status' });
  bed.createService('new');
  await bed.start({ workers: 1 });
  await bed.settle();
  assert.equal(bed.service('old').ingress[0]?.ip, '10.77.0.50');
  assert.equal(bed.service('new').ingress[0]?.ip, '10.77.0.51');
  bed.assertSound();
});

test('an agent that records a claim while candidates are planned is no word of warning', async () => {
  const bed = bedOf();
  const { api, log } = await bed.start();
  bed.createService('shop');
  await bed.settle();
  api.before = ({ verb, plural }) => {
    if (verb !== 'patch' || plural !== 'virtualips') return;
    api.recover();
    bed.claim('10.77.0.50', 'n2');
  };
  bed.cluster.remove(NODE, { name: 'n3' });
  await bed.settle();
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1,n2']);
  assert.deepEqual(log.at('warn'), []);
});

test("addresses of nodes' links and the edges of their subnets are not handed out", async () => {
  const bed = new Bed();
  bed.node('n1', null);
  bed.announcer('n1', ['10.77.0.11/24', '10.77.0.254/24', 'fd77::b/64']);
  bed.node('n2', '10.77.0.12/24');
  bed.pool('default', '10.77.0.253-10.77.1.0');
  await bed.start();
  for (const name of ['a', 'b', 'c']) bed.createService(name);
  await bed.settle();
  const given = () =>
    bed
      .virtualIPs()
      .map(({ name }) => name)
      .sort();
  assert.deepEqual(given(), ['10.77.0.253', '10.77.1.0']);
  // Without the second address it is free for the one that waits.
  bed.announcer('n1', ['10.77.0.11/24']);
  await bed.settle();
  assert.deepEqual(given(), ['10.77.0.253', '10.77.0.254', '10.77.1.0']);
});

test('addresses of nodes and reserved ones are not handed out', async () => {
  const bed = bedOf('10.77.0.50-10.77.0.52');
  const status = { addresses: [{ type: 'InternalIP', address: '10.77.0.50' }] };
  bed.cluster.patch(
    NODE,
    { name: 'n1' },
    { patch: { type: 'merge', body: { status } }, subresource: 'status' },
  );
  bed.cluster.create(VIRTUAL_IP, undefined, {
    metadata: { name: '10.77.0.51' },
    spec: { address: '10.77.0.51', family: 'IPv4' },
  });
  await bed.start();
  bed.createService('shop');
  await bed.pass(6000);
  assert.equal(bed.service('shop').ingress[0]?.ip, '10.77.0.52');
  const { status: poolStatus } = bed.cluster.get(ADDRESS_POOL, { name: 'default' }) as unknown as {
    status: { ipv4: unknown };
  };
  assert.deepEqual(poolStatus.ipv4, { total: '3', allocated: '2', available: '0' });
});

test('a VirtualIP that a user deletes comes back with the same address', async () => {
  const bed = bedOf();
  await bed.start();
  bed.createService('a');
  bed.createService('b');
  await bed.settle();
  const [first] = bed.virtualIPs();
  assert.ok(first);
  bed.cluster.remove(VIRTUAL_IP, { name: virtualIPName(first.address) });
  await bed.settle();
  assert.notEqual(bed.virtualIPs().find(({ name }) => name === first.name)?.uid, first.uid);
  assert.equal(bed.service('a').ingress[0]?.ip, '10.77.0.50');
  bed.assertSound();
});

test('ports of a Service are passed on, and a demanded address is given or refused', async () => {
  const bed = bedOf();
  await bed.start();
  bed.createService('shop', { loadBalancerIP: '10.77.0.57' });
  bed.createService('rival', { loadBalancerIP: '10.77.0.57' });
  await bed.settle();
  bed.changeService('shop', { ports: [{ protocol: 'TCP', port: 443 }] });
  await bed.settle();
  assert.deepEqual(bed.virtualIPs()[0]?.services[0]?.ports, [{ protocol: 'TCP', port: 443 }]);
  assert.equal(bed.service('shop').ingress[0]?.ip, '10.77.0.57');
  assert.equal(bed.service('rival').conditions[0]?.reason, 'AddressInUse');
  bed.assertSound();
});

test('an IPv6 address is allocated and, as nobody can announce it, not published', async () => {
  const bed = bedOf('10.77.0.50', 'fd77::/64');
  bed.announcer('n1', ['10.77.0.11/24', 'fd77::b/64']);
  await bed.start();
  bed.createService('shop', { ipFamilies: ['IPv6'] });
  await bed.settle();
  assert.deepEqual(conditionsOf(bed, 'shop'), [
    'fairlead.io/Allocated True Allocated',
    'fairlead.io/Announced False NoCandidates',
  ]);
  assert.deepEqual(bed.plan(), ['fd77-0-0-0-0-0-0-0 web/shop ']);
  assert.deepEqual(bed.service('shop').ingress, []);
});

test('an invalid pool says what is wrong with it and gives nothing out', async () => {
  const bed = bedOf('10.77.0.50', '10.77.0.60-10.77.0.55');
  await bed.start();
  bed.createService('shop');
  await bed.pass(1000);
  const pool = bed.cluster.get(ADDRESS_POOL, { name: 'default' }) as unknown as {
    status: { conditions: object[] };
  };
  assert.partialDeepStrictEqual(pool.status.conditions, [
    {
      type: 'Ready',
      status: 'False',
      reason: 'Invalid',
      message: 'spec.addresses[1] "10.77.0.60-10.77.0.55": want first <= last',
    },
  ]);
  assert.deepEqual(bed.virtualIPs(), []);
  bed.pool('default', '10.77.0.50', '10.77.0.55-10.77.0.60');
  await bed.settle();
  assert.equal(bed.service('shop').ingress[0]?.ip, '10.77.0.50');
});
