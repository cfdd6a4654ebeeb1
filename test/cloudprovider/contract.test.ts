// The LoadBalancer contract at its edges: classes and the cluster's default implementation, other providers beside us,
// refusals of the API server, and what people do to status and finalizers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../src/kube/api.ts';
import { NODE, SERVICE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { UPSTREAM_FINALIZER } from '../../src/plan/service-class.ts';
import { fail } from '../fake/fake-kube-api.ts';
import { type Bed, bedOf, type Running } from './bed.ts';

const UNCLASSED = { loadBalancerClass: undefined };
const AS_DEFAULT = { servesClassless: true };
const IGNORE = { annotations: { 'fairlead.io/ignore': 'true' } };
const foreign = (...ips: string[]) => ({
  loadBalancer: { ingress: ips.map((ip) => ({ ip, ipMode: 'VIP' })) },
});

/** `10.77.0.50 finalizers conditions`, of what is there. */
function shown(bed: Bed, name: string): string {
  const { ingress, finalizers, conditions } = bed.service(name);
  const short = finalizers.map((finalizer) => (finalizer === UPSTREAM_FINALIZER ? 'upstream' : finalizer));
  const addresses = ingress.map(({ ip }) => ip);
  return [...addresses, ...short, ...conditions.map(({ status }) => status)].join(' ');
}

test('as the default implementation it serves Services without class, and other classes not', async () => {
  const bed = bedOf();
  const { queue } = await bed.start(AS_DEFAULT);
  await bed.settle();
  bed.cluster.writes.length = 0;
  bed.createService('shop', UNCLASSED);
  await queue.idle();
  assert.deepEqual(bed.cluster.writes, [
    'patch services/shop',
    'create virtualips/10.77.0.50',
    'patch services/shop',
  ]);
  bed.createService('other', { loadBalancerClass: 'example.com/other' });
  bed.createService('classed');
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '10.77.0.50 upstream True True');
  assert.equal(shown(bed, 'other'), '');
  assert.equal(shown(bed, 'classed'), '10.77.0.51 fairlead.io/load-balancer True True');
  bed.deleteService('shop');
  await bed.settle();
  assert.equal(bed.hasService('shop'), false);
  bed.assertSound();
});

test('switched to and from the default implementation, nothing of it is left behind', async () => {
  const bed = bedOf();
  const byClass = await bed.start();
  bed.createService('shop', UNCLASSED);
  bed.createService('classed');
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '');
  await byClass.controller.stop();
  const asDefault = await bed.start(AS_DEFAULT);
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '10.77.0.51 upstream True True');
  await asDefault.controller.stop();
  await bed.start();
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '');
  assert.equal(shown(bed, 'classed'), '10.77.0.50 fairlead.io/load-balancer True True');
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/classed n1,n2']);
  bed.assertSound();
});

test('stopped between finalizer and address, and started without --default-class, it lets go', async () => {
  const bed = bedOf();
  const first = await bed.start(AS_DEFAULT);
  first.api.before = ({ verb }) => (verb === 'create' ? fail() : undefined);
  bed.createService('shop', UNCLASSED);
  await first.queue.idle();
  assert.equal(shown(bed, 'shop'), 'upstream Unknown');
  bed.kill(first);
  await bed.start();
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '');
  bed.assertSound();
});

test('switched off while its VirtualIP is deleted by hand, no address of ours stays in its status', async () => {
  const bed = bedOf();
  const first = await bed.start(AS_DEFAULT);
  bed.createService('shop', UNCLASSED);
  bed.createService('taken', UNCLASSED);
  await bed.settle();
  await first.controller.stop();
  for (const name of ['10.77.0.50', '10.77.0.51']) bed.cluster.erase(VIRTUAL_IP, { name });
  bed.editService('taken', { status: foreign('203.0.113.7') });
  await bed.start();
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '');
  assert.equal(shown(bed, 'taken'), '203.0.113.7 upstream');
});

test('a Service that another provider has taken over keeps its status and its finalizer', async () => {
  const bed = bedOf();
  const first = await bed.start(AS_DEFAULT);
  bed.createService('shop', UNCLASSED);
  await bed.settle();
  await first.controller.stop();
  bed.editService('shop', { status: foreign('203.0.113.7') });
  await bed.start();
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '203.0.113.7 upstream');
  assert.deepEqual(bed.plan(), []);
  bed.deleteService('shop');
  await bed.settle();
  assert.equal(bed.hasService('shop'), true, 'the other provider has not cleaned up yet');
  bed.assertSound();
});

test('what K3s ServiceLB left, finalizer and node addresses, is taken over and does not hang', async () => {
  const bed = bedOf();
  const status = { addresses: [{ type: 'InternalIP', address: '10.77.0.11' }] };
  const patch = { type: 'merge', body: { status } } as const;
  bed.cluster.patch(NODE, { name: 'n1' }, { patch, subresource: 'status' });
  for (const name of ['traefik', 'gone', 'changed'])
    bed.createService(name, UNCLASSED, { finalizers: [UPSTREAM_FINALIZER] });
  bed.editService('traefik', { status: foreign('10.77.0.11') });
  bed.deleteService('gone');
  bed.changeService('changed', { type: 'ClusterIP' });
  await bed.start(AS_DEFAULT);
  await bed.settle();
  assert.equal(shown(bed, 'traefik'), '10.77.0.50 upstream True True');
  assert.equal(bed.hasService('gone'), false);
  assert.equal(shown(bed, 'changed'), '');
  bed.deleteService('traefik');
  await bed.settle();
  assert.equal(bed.hasService('traefik'), false);
  bed.assertSound();
});

test('a Service migrated from another provider keeps its address if a pool has it', async () => {
  const bed = bedOf();
  bed.createService('shop', UNCLASSED);
  bed.editService('shop', { status: { loadBalancer: { ingress: [{ ip: '10.77.0.55' }] } } });
  await bed.start(AS_DEFAULT);
  await bed.settle();
  assert.deepEqual(bed.service('shop').ingress, [{ ip: '10.77.0.55', ipMode: 'VIP' }]);
  bed.assertSound();
});

test('an ignored Service is let go, and taken back with its address when it is no longer ignored', async () => {
  const bed = bedOf();
  await bed.start();
  bed.createService('never', {}, IGNORE);
  bed.createService('shop');
  await bed.settle();
  assert.equal(shown(bed, 'never'), '');
  bed.editService('shop', { metadata: IGNORE });
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '');
  bed.editService('shop', { metadata: { annotations: { 'fairlead.io/ignore': 'false' } } });
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '10.77.0.50 fairlead.io/load-balancer True True');
  bed.assertSound();
});

test('a Service that became one of another class keeps what its provider wrote', async () => {
  const bed = bedOf();
  const first = await bed.start();
  bed.createService('shop');
  await bed.settle();
  bed.kill(first);
  // By way of type ClusterIP, as the API server asks for; no controller of ours saw it.
  bed.changeService('shop', { loadBalancerClass: 'example.com/other' });
  bed.editService('shop', { status: foreign('203.0.113.7') });
  await bed.start();
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '203.0.113.7');
  assert.deepEqual(bed.service('shop').annotations, {});
  assert.deepEqual(bed.plan(), []);
  bed.assertSound();
});

test('an address that a Service of another provider has is not handed out before it goes', async () => {
  const bed = bedOf('10.77.0.50-10.77.0.51');
  bed.createService('theirs', { loadBalancerClass: 'example.com/other' });
  bed.editService('theirs', { status: foreign('10.77.0.50') });
  const first = await bed.start();
  bed.createService('shop');
  bed.createService('asking', { loadBalancerIP: '10.77.0.50' });
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '10.77.0.51 fairlead.io/load-balancer True True');
  assert.match(
    bed.service('asking').conditions[0]?.message ?? '',
    /by Service web\/theirs of another provider/,
  );
  // Nor does it take one away.
  bed.editService('theirs', { status: foreign('10.77.0.50', '10.77.0.51') });
  await first.controller.stop();
  await bed.start();
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '10.77.0.51 fairlead.io/load-balancer True True');
  bed.changeService('theirs', { type: 'ClusterIP', loadBalancerClass: null });
  await bed.settle();
  assert.equal(shown(bed, 'asking'), '10.77.0.50 fairlead.io/load-balancer True True');
  bed.assertSound();
});

test('a status that somebody rewrites is repaired', async () => {
  const bed = bedOf();
  await bed.start();
  bed.createService('shop');
  await bed.settle();
  for (const ingress of [
    [],
    [{ ip: '10.77.0.50', ipMode: 'Proxy' }],
    [{ ip: '192.0.2.1' }],
    [{ hostname: 'a.example' }],
  ]) {
    bed.editService('shop', { status: { loadBalancer: { ingress } } });
    await bed.settle();
    assert.deepEqual(bed.service('shop').ingress, [{ ip: '10.77.0.50', ipMode: 'VIP' }]);
  }
  // Ports are left to whoever writes them: two that both have an opinion never come to an end.
  const ingress = [{ ip: '10.77.0.50', ipMode: 'VIP', ports: [{ port: 80, protocol: 'TCP' }] }];
  bed.editService('shop', { status: { loadBalancer: { ingress } } });
  await bed.settle();
  assert.deepEqual(bed.service('shop').ingress, ingress);
  // Nor are they lost when something else of the status is written.
  bed.pool('default', '10.77.0.60-10.77.0.61');
  bed.changeService('shop', { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' });
  await bed.settle();
  assert.equal(bed.service('shop').conditions.length, 3);
  assert.deepEqual(bed.service('shop').ingress, ingress);
  bed.pool('default', '10.77.0.50-10.77.0.51');
  bed.annotate('shop', { 'fairlead.io/count': '2' });
  await bed.settle();
  assert.deepEqual(bed.service('shop').ingress, [...ingress, { ip: '10.77.0.51', ipMode: 'VIP' }]);
  bed.assertSound();
});

test('against another provider that does the same, a status is rewritten a few times and then once a minute', async () => {
  const bed = bedOf();
  const { watches, events } = await bed.start(AS_DEFAULT);
  bed.createService('shop', UNCLASSED);
  await bed.settle();
  // As K3s ServiceLB: on every change of the Service it writes what it thinks right, at once.
  watches.services.onChange((change) => {
    if (change.kind === 'updated' && bed.service('shop').ingress[0]?.ip !== '192.0.2.1')
      bed.editService('shop', { status: foreign('192.0.2.1') });
  });
  bed.cluster.writes.length = 0;
  bed.editService('shop', { metadata: { labels: { any: 'thing' } } });
  await bed.settle();
  const ours = () => bed.cluster.writes.filter((write) => write === 'patch services/shop').length;
  assert.equal(ours(), 5);
  assert.ok(
    events.some((event) => /^Warning SyncLoadBalancerFailed .*StatusContested: .*192\.0\.2\.1/.test(event)),
  );
  await bed.pass(180_000);
  assert.equal(ours(), 8);
  bed.assertSound();
});

test('what failed while the API was away is tried at once when it is back, not after its back-off', async () => {
  const bed = bedOf();
  const { api, watches } = await bed.start();
  api.before = () => fail('Unreachable');
  for (const watch of Object.values(watches)) watch.setState('Lost');
  bed.createService('shop');
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '');
  api.recover();
  for (const watch of Object.values(watches)) watch.setState('Synced');
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '10.77.0.50 fairlead.io/load-balancer True True');
  bed.assertSound();
});

for (const [name, verb, plural, reason] of [
  ['creation', 'create', 'virtualips', 'SyncLoadBalancerFailed'],
  ['deletion', 'delete', 'virtualips', 'DeleteLoadBalancerFailed'],
] as const) {
  test(`a ${name} that the API server forbids is told, and carried out when it is allowed`, async () => {
    const bed = bedOf();
    const { api, events } = await bed.start();
    if (verb === 'delete') bed.createService('shop');
    await bed.settle();
    api.before = (request) =>
      request.verb === verb && request.plural === plural ? fail('Forbidden') : undefined;
    if (verb === 'delete') bed.deleteService('shop');
    else bed.createService('shop');
    await bed.settle();
    assert.ok(events.includes(`Warning ${reason} web/shop: made to fail`), events.join('\n'));
    assert.equal(bed.hasService('shop'), true);
    api.recover();
    await bed.pass(6000);
    assert.equal(bed.hasService('shop') && shown(bed, 'shop').startsWith('10.77.0.50'), verb === 'create');
    bed.assertSound();
  });
}

test('nodes that the API server does not let us write are told, and written when it does', async () => {
  const bed = bedOf();
  const { api, events } = await bed.start();
  bed.createService('shop');
  await bed.settle();
  api.before = ({ verb, plural }) =>
    verb === 'patch' && plural === 'virtualips' ? fail('Forbidden') : undefined;
  bed.node('n3');
  await bed.settle();
  assert.ok(events.includes('Warning UpdateLoadBalancerFailed web/shop: made to fail'), events.join('\n'));
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1,n2']);
  api.recover();
  await bed.pass(6000);
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1,n2,n3']);
  bed.assertSound();
});

test('source ranges in the annotation of clouds are not kept by anybody, and that is told', async () => {
  const bed = bedOf();
  const { events } = await bed.start();
  const name = 'service.beta.kubernetes.io/load-balancer-source-ranges';
  bed.createService('shop', {}, { annotations: { [name]: '192.0.2.0/24' } });
  await bed.settle();
  const told = events.filter((event) => event.startsWith('Warning SourceRangesIgnored web/shop: '));
  assert.equal(told.length, 1);
  assert.equal(shown(bed, 'shop'), '10.77.0.50 fairlead.io/load-balancer True True True');
  bed.changeService('shop', { loadBalancerSourceRanges: ['192.0.2.0/24'] });
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '10.77.0.50 fairlead.io/load-balancer True True');
  bed.assertSound();
});

for (const [name, take] of [
  [
    'finalizer was stripped',
    (bed: Bed) => {
      bed.editService('shop', { metadata: { finalizers: [] } });
      bed.deleteService('shop');
    },
  ],
  ['namespace was forced away', (bed: Bed) => bed.cluster.erase(SERVICE, { namespace: 'web', name: 'shop' })],
] as const) {
  for (const isRunning of [true, false]) {
    test(`the VirtualIP of a Service whose ${name} goes, ${isRunning ? 'at once' : 'at the next start'}`, async () => {
      const bed = bedOf();
      const first = await bed.start();
      bed.createService('shop');
      await bed.settle();
      if (!isRunning) await first.controller.stop();
      else first.watches.services.hold();
      take(bed);
      if (isRunning) first.watches.services.release();
      else await bed.start();
      await bed.settle();
      assert.equal(bed.hasService('shop'), false);
      assert.deepEqual(bed.plan(), []);
    });
  }
}

test('a retained VirtualIP is not swept, unused or used by a Service that is forced away', async () => {
  const bed = bedOf();
  const first = await bed.start();
  const kept = () => bed.virtualIPs().map(({ name, services }) => `${name} ${services.length}`);
  bed.createService('shop', {}, { annotations: { 'fairlead.io/retain': 'true' } });
  await bed.settle();
  bed.deleteService('shop');
  await bed.settle();
  assert.deepEqual([bed.hasService('shop'), kept()], [false, ['10.77.0.50 0']]);
  await first.controller.stop();
  const second = await bed.start();
  await bed.settle();
  assert.deepEqual(kept(), ['10.77.0.50 0']);
  bed.createService('shop');
  await bed.settle();
  assert.deepEqual(kept(), ['10.77.0.50 1']);
  bed.assertSound();
  await second.controller.stop();
  bed.cluster.erase(SERVICE, { namespace: 'web', name: 'shop' });
  await bed.start();
  await bed.settle();
  assert.deepEqual(kept(), ['10.77.0.50 0']);
});

const RETAIN = { 'fairlead.io/retain': 'true' };
const reservations = (bed: Bed): readonly string[] =>
  bed
    .virtualIPs()
    .map(({ name, services, reservedFor }) => `${name} ${services.length} ${reservedFor?.name}`);

/** Somebody forces it away, finalizer and all, while no controller runs or under one that runs. */
async function force(bed: Bed, running: Running, isRunning: boolean): Promise<void> {
  if (!isRunning) await running.controller.stop();
  bed.cluster.erase(SERVICE, { namespace: 'web', name: 'shop' });
  bed.violations.length = 0;
  if (!isRunning) await bed.start();
  await bed.settle();
}

for (const isRunning of [true, false]) {
  const when = isRunning ? 'under a controller' : 'without a controller';

  test(`a Service that is forced away ${when} right after its first use keeps its address for its successor`, async () => {
    const bed = bedOf('10.77.0.50');
    const running = await bed.start();
    bed.createService('shop', {}, { annotations: RETAIN });
    await running.queue.idle();
    await force(bed, running, isRunning);
    assert.deepEqual(reservations(bed), ['10.77.0.50 0 shop']);
    bed.createService('other');
    bed.createService('shop');
    await bed.settle();
    assert.equal(bed.service('shop').ingress[0]?.ip, '10.77.0.50');
    assert.equal(bed.service('other').ingress.length, 0);
    bed.assertSound();
  });

  test(`what the annotation said last counts for a Service that is forced away ${when}`, async () => {
    for (const [last, kept] of [
      [RETAIN, ['10.77.0.50 0 shop']],
      [{ 'fairlead.io/retain': null }, []],
      [{ 'fairlead.io/retain': 'false' }, []],
    ] as const) {
      const bed = bedOf('10.77.0.50');
      const running = await bed.start();
      bed.createService('shop', {}, kept.length > 0 ? {} : { annotations: RETAIN });
      await bed.settle();
      bed.annotate('shop', last);
      await bed.settle();
      await force(bed, running, isRunning);
      assert.deepEqual(reservations(bed), kept);
    }
  });

  test(`a sharer that wanted its address retained and is forced away ${when} leaves the other its share`, async () => {
    const bed = bedOf('10.77.0.50');
    const running = await bed.start();
    const key = { 'fairlead.io/sharing-key': 'k' };
    bed.createService('shop', {}, { annotations: { ...key, ...RETAIN } });
    const ports = [{ protocol: 'TCP', port: 81 }];
    bed.createService('other', { ports }, { annotations: key });
    await bed.settle();
    assert.deepEqual(reservations(bed), ['10.77.0.50 2 undefined']);
    await force(bed, running, isRunning);
    assert.deepEqual(reservations(bed), ['10.77.0.50 1 shop']);
    assert.equal(bed.service('other').ingress[0]?.ip, '10.77.0.50');
    bed.deleteService('other');
    await bed.settle();
    assert.deepEqual(reservations(bed), ['10.77.0.50 0 shop']);
  });
}

test('a retained address whose holder is dead says that it is withdrawn, once nobody can be answering', async () => {
  const bed = bedOf('10.77.0.50');
  const { api } = await bed.start();
  bed.createService('shop', {}, { annotations: RETAIN });
  await bed.settle();
  const holder = bed.virtualIPs()[0]?.record.holder ?? '';
  bed.silent.add(holder);
  bed.deleteService('shop');
  await bed.pass(5000);
  const phase = () => bed.virtualIPs().map((one) => one.phase);
  assert.deepEqual(phase(), ['Announced'], 'it may still be answering');
  await bed.pass(15_000);
  assert.deepEqual(phase(), ['Withdrawn']);
  const [announced] = bed.virtualIPs()[0]?.conditions ?? [];
  assert.equal(announced?.message, `no Service uses the address, and ${holder}, which had it last, is gone`);
  const requests = api.requests.length;
  await bed.pass(30_000);
  assert.equal(api.requests.length, requests, 'it is said once');
  bed.createService('shop');
  await bed.settle();
  assert.equal(bed.service('shop').ingress[0]?.ip, '10.77.0.50');
  bed.assertSound();
});

test('while its holder lives, nobody else says that an unused address is withdrawn', async () => {
  const bed = bedOf('10.77.0.50');
  const { api } = await bed.start();
  bed.createService('shop', {}, { annotations: RETAIN });
  await bed.settle();
  bed.deleteService('shop');
  await bed.pass(60_000);
  const statuses = api.requests.filter((one) => one.plural === 'virtualips' && one.subresource === 'status');
  assert.deepEqual([bed.virtualIPs().length, statuses], [1, []]);
});

test('VirtualIPs have no owner, and every write says on what it was decided', async () => {
  const bed = bedOf();
  const { api } = await bed.start();
  bed.createService('shop');
  await bed.settle();
  const metadata = bed.cluster.objects(VIRTUAL_IP).get('10.77.0.50')?.metadata;
  assert.ok(metadata !== undefined && !('ownerReferences' in metadata));
  const [before] = bed.virtualIPs();
  bed.deleteService('shop');
  await bed.settle();
  const { uid, resourceVersion } = before ?? {};
  const deletes = api.requests.filter(({ verb }) => verb === 'delete').map(({ body }) => body);
  assert.deepEqual(deletes, [{ preconditions: { uid, resourceVersion } }]);
  const patches = api.requests.filter(({ verb, plural }) => verb === 'patch' && plural === 'services');
  assert.equal(patches.length, 4);
  for (const { body, subresource } of patches) {
    assert.match((body as KubeObject).metadata.resourceVersion, /^\d+$/);
    assert.equal(subresource, 'status');
  }
});

test('a finalizer that is stripped from a living Service comes back', async () => {
  const bed = bedOf();
  await bed.start();
  bed.createService('shop');
  await bed.settle();
  bed.editService('shop', { metadata: { finalizers: [] } });
  await bed.settle();
  assert.equal(shown(bed, 'shop'), '10.77.0.50 fairlead.io/load-balancer True True');
});

test('cordon and NotReady keep a node, the autoscaler takes it', async () => {
  const bed = bedOf();
  await bed.start();
  bed.createService('shop');
  await bed.settle();
  const edit = (body: object, subresource?: 'status') =>
    bed.cluster.patch(
      NODE,
      { name: 'n2' },
      { patch: { type: 'merge', body }, ...(subresource && { subresource }) },
    );
  const taint = (key: string) => ({ key, effect: 'NoSchedule' });
  edit({ spec: { unschedulable: true, taints: [taint('node.kubernetes.io/unschedulable')] } });
  edit({ status: { conditions: [{ type: 'Ready', status: 'False' }] } }, 'status');
  await bed.settle();
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1,n2']);
  edit({ spec: { taints: [taint('ToBeDeletedByClusterAutoscaler')] } });
  await bed.settle();
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1']);
  bed.assertSound();
});
