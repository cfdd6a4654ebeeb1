// What Services ask for besides one IPv4 address, and what becomes of it when they or the pools change.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_OPTIONS } from '../../src/cloudprovider/deps.ts';
import { ADDRESS_POOL, NAMESPACE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { Bed } from './bed.ts';

const BOTH = ['IPv4', 'IPv6'];
const dual = (ipFamilyPolicy: string) => ({ ipFamilies: BOTH, ipFamilyPolicy });
const annotated = (annotations: Record<string, string>) => ({ annotations });

async function bedOf(...pool: string[]): Promise<Bed> {
  const bed = new Bed();
  for (const name of ['n1', 'n2']) bed.node(name);
  bed.namespace('web', { tenant: 'a' });
  bed.pool('default', ...(pool.length > 0 ? pool : ['10.77.0.50-10.77.0.59', 'fd77::50-fd77::59']));
  await bed.start();
  return bed;
}

const namesOf = (bed: Bed, service: string): string =>
  bed
    .virtualIPs()
    .filter(({ services }) => services.some(({ name }) => name === service))
    .map(({ name }) => name.replace('fd77-0-0-0-0-0-0-', 'fd77::'))
    .sort()
    .join();
const ipsOf = (bed: Bed, name: string) => bed.service(name).ingress.map(({ ip }) => ip);
const conditionOf = (bed: Bed, name: string, type: string) =>
  bed.service(name).conditions.find((condition) => condition.type === `fairlead.io/${type}`);
const codeOf = (bed: Bed, name: string) => conditionOf(bed, name, 'Allocated')?.reason;
const poolStatus = (bed: Bed, name: string) =>
  bed.cluster.get(ADDRESS_POOL, { name }) as unknown as {
    status: { ipv4?: object; ipv6?: object; conditions: { type: string; status: string; message: string }[] };
  };

test('a second family is added to a live Service and taken away again; the address of the first stays', async () => {
  const bed = await bedOf();
  bed.createService('shop');
  await bed.settle();
  bed.changeService('shop', dual('RequireDualStack'));
  await bed.settle();
  assert.equal(namesOf(bed, 'shop'), '10.77.0.50,fd77::50');
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50'], 'nobody can announce IPv6 yet');
  assert.equal(bed.service('shop').annotations['fairlead.io/allocated-from'], 'default');
  bed.changeService('shop', { ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
  await bed.settle();
  assert.equal(namesOf(bed, 'shop'), '10.77.0.50');
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50']);
  bed.assertSound();
});

test('what PreferDualStack could not have comes when a pool for it does', async () => {
  const bed = await bedOf('10.77.0.50-10.77.0.59');
  bed.createService('shop', dual('PreferDualStack'));
  bed.createService('strict', dual('RequireDualStack'));
  await bed.settle();
  assert.equal(namesOf(bed, 'shop'), '10.77.0.50');
  assert.equal(codeOf(bed, 'shop'), 'Allocated');
  assert.equal(namesOf(bed, 'strict'), '');
  assert.equal(codeOf(bed, 'strict'), 'FamilyUnavailable');
  bed.pool('six', 'fd77::50-fd77::59');
  await bed.settle();
  assert.equal(namesOf(bed, 'shop'), '10.77.0.50,fd77::50');
  assert.equal(namesOf(bed, 'strict'), '10.77.0.51,fd77::51');
  assert.equal(bed.service('shop').annotations['fairlead.io/allocated-from'], 'default,six');
  bed.assertSound();
});

test('several addresses of one Service come, are published, and go one by one', async () => {
  const bed = await bedOf();
  bed.createService('shop', {}, annotated({ 'fairlead.io/count': '3' }));
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50', '10.77.0.51', '10.77.0.52']);
  bed.annotate('shop', { 'fairlead.io/count': '2' });
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50', '10.77.0.51']);
  assert.equal(namesOf(bed, 'shop'), '10.77.0.50,10.77.0.51');
  bed.deleteService('shop');
  await bed.settle();
  assert.deepEqual(bed.virtualIPs(), []);
  bed.assertSound();
});

test('another address is given before the one that was there is taken away', async () => {
  const bed = await bedOf();
  bed.createService('shop');
  bed.createService('rival', {}, annotated({ 'fairlead.io/addresses': '10.77.0.55' }));
  await bed.settle();
  bed.annotate('shop', { 'metallb.io/loadBalancerIPs': '10.77.0.55' });
  await bed.settle();
  assert.equal(codeOf(bed, 'shop'), 'AddressInUse');
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50'], 'it keeps what it has');
  bed.deleteService('rival');
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.55', '10.77.0.50'], 'both for a while');
  await bed.pass(DEFAULT_OPTIONS.replacementOverlap);
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.55']);
  assert.equal(namesOf(bed, 'shop'), '10.77.0.55');
  bed.assertSound();
});

test('a contradiction is refused with both sources, and takes nothing away', async () => {
  const bed = await bedOf();
  bed.createService('shop', { loadBalancerIP: '10.77.0.52' });
  await bed.settle();
  bed.annotate('shop', { 'kube-vip.io/loadbalancerIPs': '10.77.0.53' });
  await bed.settle();
  assert.equal(codeOf(bed, 'shop'), 'InvalidRequest');
  const message = conditionOf(bed, 'shop', 'Allocated')?.message ?? '';
  assert.match(
    message,
    /^kube-vip.io\/loadbalancerIPs "10.77.0.53" and spec.loadBalancerIP "10.77.0.52" contradict/,
  );
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.52']);
  bed.annotate('shop', { 'kube-vip.io/loadbalancerIPs': null });
  await bed.settle();
  assert.equal(codeOf(bed, 'shop'), 'Allocated');
  bed.assertSound();
});

test('a pool that shrinks, is drained or goes moves nobody, and says so; renumber does', async () => {
  const bed = await bedOf();
  const outside = (name = 'shop') => conditionOf(bed, name, 'OutsidePool')?.message;
  bed.createService('shop');
  await bed.settle();
  bed.poolWith('default', { addresses: ['10.77.0.60'] });
  await bed.settle();
  assert.match(
    outside() ?? '',
    /^10.77.0.50 is in no AddressPool: default, from which it was taken, does not hold/,
  );
  bed.poolWith('default', { addresses: ['10.77.0.50-10.77.0.59'], disabled: true });
  await bed.settle();
  assert.match(outside() ?? '', /being drained/);
  bed.cluster.remove(ADDRESS_POOL, { name: 'default' });
  await bed.settle();
  assert.match(outside() ?? '', /is gone or not valid/);
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50']);
  bed.annotate('shop', { 'fairlead.io/renumber': 'now' });
  await bed.settle();
  assert.equal(codeOf(bed, 'shop'), 'NoPool');
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50'], 'not before there is another');
  bed.pool('next', '10.77.0.70');
  await bed.settle();
  await bed.pass(DEFAULT_OPTIONS.replacementOverlap);
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.70']);
  assert.equal(namesOf(bed, 'shop'), '10.77.0.70');
  assert.equal(outside(), undefined);
  assert.equal(bed.service('shop').annotations['fairlead.io/renumber'], undefined);
  bed.assertSound();
});

test('pools for namespaces follow the labels of namespaces, for new Services', async () => {
  const bed = await bedOf();
  bed.poolWith('default', { namespaceSelector: { matchLabels: { tenant: 'b' } } });
  bed.createService('shop');
  await bed.settle();
  assert.equal(codeOf(bed, 'shop'), 'NamespaceNotAllowed');
  const label = (tenant: string) =>
    bed.cluster.patch(
      NAMESPACE,
      { name: 'web' },
      { patch: { type: 'merge', body: { metadata: { labels: { tenant } } } } },
    );
  label('b');
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50']);
  label('a');
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50']);
  bed.assertSound();
});

test('a quota holds, and whoever waits for it is served when it has room', async () => {
  const bed = await bedOf();
  bed.poolWith('default', { quota: { perNamespace: 2 } });
  for (const name of ['a', 'b', 'c']) bed.createService(name);
  await bed.settle();
  assert.equal(codeOf(bed, 'c'), 'QuotaExceeded');
  bed.deleteService('a');
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'c'), ['10.77.0.50']);
  bed.assertSound();
});

test('a pool that is not announced gives addresses that nobody of ours answers for', async () => {
  const bed = await bedOf();
  bed.poolWith('default', { announce: false });
  bed.createService('shop');
  await bed.settle();
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop ']);
  assert.deepEqual(bed.virtualIPs()[0]?.advertisements, []);
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50']);
  bed.poolWith('default', { announce: true });
  await bed.settle();
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1,n2']);
  assert.equal(bed.virtualIPs()[0]?.advertisements.length, 1);
  assert.equal(conditionOf(bed, 'shop', 'Announced')?.status, 'True');
  bed.assertSound();
});

test('overlapping pools both work and name each other, and count both families', async () => {
  const bed = await bedOf();
  bed.pool('other', '10.77.0.59-10.77.0.60');
  bed.createService('shop', dual('RequireDualStack'));
  await bed.pass(6000);
  const { status } = poolStatus(bed, 'default');
  assert.deepEqual(status.ipv4, { total: '10', allocated: '1', available: '9' });
  assert.deepEqual(status.ipv6, { total: '10', allocated: '1', available: '9' });
  const overlap = (name: string) =>
    poolStatus(bed, name).status.conditions.find(({ type }) => type === 'Overlapping')?.message;
  assert.equal(overlap('default'), 'some addresses are also in other');
  assert.equal(overlap('other'), 'some addresses are also in default');
  bed.pool('other', '10.77.0.60');
  await bed.pass(6000);
  assert.equal(overlap('default'), undefined);
  bed.assertSound();
});

test('one of several addresses whose VirtualIP a user deletes comes back as the same', async () => {
  const bed = await bedOf();
  const two = { annotations: { 'fairlead.io/count': '2' } };
  bed.createService('shop', {}, two);
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50', '10.77.0.51']);
  bed.cluster.remove(VIRTUAL_IP, { name: '10.77.0.50' });
  bed.createService('rival');
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50', '10.77.0.51']);
  assert.deepEqual(ipsOf(bed, 'rival'), ['10.77.0.52']);
  bed.assertSound();
});

test('a family that goes leaves the other where it is, and serves who waits for it', async () => {
  const bed = await bedOf('10.77.0.50-10.77.0.51', 'fd77::50');
  bed.createService('shop', dual('PreferDualStack'));
  bed.createService('strict', dual('RequireDualStack'));
  await bed.settle();
  assert.deepEqual([namesOf(bed, 'shop'), namesOf(bed, 'strict')], ['10.77.0.50,fd77::50', '']);
  assert.equal(codeOf(bed, 'strict'), 'PoolsExhausted');
  bed.changeService('shop', { ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
  await bed.settle();
  assert.deepEqual([namesOf(bed, 'shop'), namesOf(bed, 'strict')], ['10.77.0.50', '10.77.0.51,fd77::50']);
  assert.deepEqual([ipsOf(bed, 'shop'), ipsOf(bed, 'strict')], [['10.77.0.50'], ['10.77.0.51']]);
  bed.assertSound();
});

test('what is excluded, or an edge that is avoided now, stays with its Service and goes to nobody new', async () => {
  const bed = await bedOf('10.77.0.50', '10.77.0.255');
  for (const name of ['n1', 'n2']) bed.announcer(name, ['10.77.0.11/22']);
  for (const name of ['shop', 'edge']) bed.createService(name);
  await bed.settle();
  bed.poolWith('default', { exclude: ['10.77.0.50'], avoidEdges: true });
  await bed.settle();
  for (const [name, ip] of Object.entries({ shop: '10.77.0.50', edge: '10.77.0.255' })) {
    assert.deepEqual(ipsOf(bed, name), [ip]);
    assert.match(
      conditionOf(bed, name, 'OutsidePool')?.message ?? '',
      new RegExp(`^${ip} is in no AddressPool`),
    );
    bed.deleteService(name);
  }
  bed.createService('late');
  await bed.settle();
  assert.equal(codeOf(bed, 'late'), 'FamilyUnavailable');
  bed.poolWith('default', { exclude: [] });
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'late'), ['10.77.0.50']);
  bed.assertSound();
});

test('a Service that waits and becomes a ClusterIP waits no more', async () => {
  const bed = await bedOf('10.77.0.50');
  for (const name of ['a', 'b', 'c']) bed.createService(name);
  await bed.settle();
  bed.changeService('b', { type: 'ClusterIP', loadBalancerClass: null });
  await bed.settle();
  assert.deepEqual([bed.service('b').finalizers, bed.service('b').conditions], [[], []]);
  bed.deleteService('a');
  await bed.settle();
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/c n1,n2']);
  bed.assertSound();
});

const reserve = (bed: Bed, address: string, reservedFor?: object) =>
  bed.cluster.create(VIRTUAL_IP, undefined, {
    metadata: { name: address },
    spec: { address, family: 'IPv4', ...(reservedFor === undefined ? {} : { reservedFor }) },
  });

test('a reserved address is kept for its Service, before it comes and after it goes', async () => {
  const bed = await bedOf('10.77.0.50-10.77.0.51');
  reserve(bed, '10.77.0.50', { namespace: 'web', name: 'shop' });
  reserve(bed, '10.77.0.99', { namespace: 'web', name: 'far' });
  await bed.settle();
  bed.createService('rival');
  bed.createService('greedy', { loadBalancerIP: '10.77.0.50' });
  bed.createService('shop');
  bed.createService('far');
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'rival'), ['10.77.0.51']);
  assert.equal(codeOf(bed, 'greedy'), 'AddressInUse');
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50']);
  assert.deepEqual(ipsOf(bed, 'far'), ['10.77.0.99'], 'an administrator may reserve outside of pools');
  const used = bed.virtualIPs().find(({ name }) => name === '10.77.0.50');
  assert.deepEqual(used?.finalizers, ['fairlead.io/withdraw']);
  bed.deleteService('shop');
  await bed.settle();
  assert.equal(bed.hasService('shop'), false);
  assert.equal(codeOf(bed, 'greedy'), 'AddressReserved');
  const left = bed.virtualIPs().find(({ name }) => name === '10.77.0.50');
  assert.partialDeepStrictEqual(left, { services: [], reservedFor: { name: 'shop' }, candidates: [] });
  bed.cluster.remove(VIRTUAL_IP, { name: '10.77.0.50' });
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'greedy'), ['10.77.0.50']);
  bed.assertSound();
});

test('a retained address is there for a Service of the same name, and for nobody else', async () => {
  const bed = await bedOf();
  bed.createService('shop', {}, annotated({ 'fairlead.io/retain': 'true' }));
  await bed.settle();
  bed.deleteService('shop');
  await bed.settle();
  assert.equal(bed.hasService('shop'), false);
  bed.createService('other');
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'other'), ['10.77.0.51']);
  bed.createService('shop');
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.50']);
  assert.deepEqual(bed.plan(), ['10.77.0.50 web/shop n1,n2', '10.77.0.51 web/other n1,n2']);
  bed.assertSound();
});
