// Services that share an address: on one VirtualIP, and so on one node; who comes, who stays, who has to go.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_OPTIONS } from '../../src/cloudprovider/deps.ts';
import { SERVICE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { type Bed, bedOf, type Running } from './bed.ts';

const KEY = { annotations: { 'fairlead.io/sharing-key': 'dns' } };
const onPort = (protocol: string, port = 53) => ({ ports: [{ protocol, port }] });

async function startedBedOf(...pool: string[]): Promise<{ bed: Bed; running: Running }> {
  const bed = bedOf(...pool);
  const running = await bed.start();
  return { bed, running };
}

const sharers = (bed: Bed) =>
  bed.virtualIPs().map(({ name, services }) => `${name} ${services.map((ref) => ref.name).join()}`);
const ipsOf = (bed: Bed, name: string) => bed.service(name).ingress.map(({ ip }) => ip);

test('TCP and UDP of one port share an address, and its VirtualIP stays until the last goes', async () => {
  const { bed, running } = await startedBedOf();
  bed.createService('tcp', onPort('TCP'), KEY);
  bed.createService('udp', onPort('UDP'), KEY);
  await bed.settle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 tcp,udp']);
  assert.deepEqual([ipsOf(bed, 'tcp'), ipsOf(bed, 'udp')], [['10.77.0.50'], ['10.77.0.50']]);
  const [virtualIP] = bed.virtualIPs();
  assert.deepEqual(
    virtualIP?.services.map(({ ports }) => ports),
    [[{ protocol: 'TCP', port: 53 }], [{ protocol: 'UDP', port: 53 }]],
  );
  running.api.requests.length = 0;
  bed.deleteService('tcp');
  await bed.settle();
  assert.equal(bed.hasService('tcp'), false);
  assert.deepEqual(sharers(bed), ['10.77.0.50 udp']);
  const plans = running.api.requests.filter(({ plural }) => plural === 'virtualips').map(({ body }) => body);
  assert.equal(plans.length, 1);
  assert.ok(!JSON.stringify(plans).includes('candidates'), 'nobody who answers is told to stop');
  assert.equal(bed.virtualIPs()[0]?.uid, virtualIP?.uid);
  bed.deleteService('udp');
  await bed.settle();
  assert.deepEqual(sharers(bed), []);
  bed.assertSound();
});

test('the sharer that changes its port has to go, and says so where there is no other address', async () => {
  const { bed, running } = await startedBedOf('10.77.0.50');
  bed.createService('tcp', onPort('TCP'), KEY);
  bed.createService('udp', onPort('UDP'), KEY);
  await bed.settle();
  bed.changeService('tcp', onPort('UDP'));
  await bed.settle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 udp']);
  assert.deepEqual(ipsOf(bed, 'tcp'), [], 'the address is not its own any more');
  assert.equal(bed.service('tcp').conditions[0]?.reason, 'PoolsExhausted');
  const lost = running.events.filter((event) => event.startsWith('Warning AddressLost'));
  assert.equal(lost.length, 1);
  assert.match(lost[0] ?? '', /web\/tcp: SharingKeyMismatch: .*with Service web\/udp: both use UDP\/53/);
  assert.deepEqual(ipsOf(bed, 'udp'), ['10.77.0.50']);
  bed.changeService('tcp', onPort('UDP', 5353));
  await bed.settle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 udp,tcp']);
  assert.deepEqual(ipsOf(bed, 'tcp'), ['10.77.0.50']);
  bed.assertSound();
});

test('the rules are named where an address is asked for', async () => {
  const { bed } = await startedBedOf();
  bed.createService('tcp', onPort('TCP'), KEY);
  await bed.settle();
  const asking = { annotations: { ...KEY.annotations, 'fairlead.io/addresses': '10.77.0.50' } };
  bed.createService('late', onPort('TCP'), asking);
  await bed.settle();
  const [condition] = bed.service('late').conditions;
  assert.equal(condition?.reason, 'SharingKeyMismatch');
  assert.match(condition?.message ?? '', /shared with Service web\/tcp: both use TCP\/53/);
  bed.changeService('tcp', onPort('TCP', 54));
  await bed.settle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 tcp,late'], 'it waited for that');
  bed.assertSound();
});

test('with externalTrafficPolicy Local they share as long as they have the same pods', async () => {
  const { bed } = await startedBedOf();
  const local = (app: string) => ({ externalTrafficPolicy: 'Local', selector: { app } });
  bed.createService('tcp', { ...onPort('TCP'), ...local('dns') }, KEY);
  bed.createService('udp', { ...onPort('UDP'), ...local('dns') }, KEY);
  bed.createService('cluster', { ...onPort('TCP', 80), selector: { app: 'dns' } }, KEY);
  await bed.settle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 tcp,udp', '10.77.0.51 cluster']);
  bed.changeService('udp', { selector: { app: 'other' } });
  await bed.settle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 tcp', '10.77.0.51 cluster', '10.77.0.52 udp']);
  assert.deepEqual([ipsOf(bed, 'tcp'), ipsOf(bed, 'udp')], [['10.77.0.50'], ['10.77.0.52']]);
  bed.assertSound();
});

test('a sharer that is renumbered leaves the others where they are; several addresses are shared as one is', async () => {
  const { bed } = await startedBedOf();
  const two = { annotations: { ...KEY.annotations, 'fairlead.io/count': '2' } };
  bed.createService('tcp', onPort('TCP'), two);
  await bed.settle();
  bed.createService('udp', onPort('UDP'), two);
  bed.createService('one', onPort('SCTP'), KEY);
  await bed.settle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 tcp,udp,one', '10.77.0.51 tcp,udp']);
  bed.annotate('udp', { 'fairlead.io/renumber': 'now' });
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'udp'), ['10.77.0.52', '10.77.0.53', '10.77.0.50', '10.77.0.51']);
  await bed.pass(DEFAULT_OPTIONS.replacementOverlap);
  assert.deepEqual(sharers(bed), [
    '10.77.0.50 tcp,one',
    '10.77.0.51 tcp',
    '10.77.0.52 udp',
    '10.77.0.53 udp',
  ]);
  assert.deepEqual(ipsOf(bed, 'tcp'), ['10.77.0.50', '10.77.0.51']);
  bed.assertSound();
});

test('nobody joins an address that is being withdrawn', async () => {
  const { bed, running } = await startedBedOf();
  bed.createService('tcp', onPort('TCP'), KEY);
  await bed.settle();
  bed.deleteService('tcp');
  await running.queue.idle();
  assert.equal(bed.virtualIPs()[0]?.isDeleting, true, 'its holder has not fallen silent yet');
  bed.createService('udp', onPort('UDP'), KEY);
  await running.queue.idle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 tcp', '10.77.0.51 udp']);
  await bed.settle();
  assert.deepEqual(sharers(bed), ['10.77.0.51 udp']);
  bed.assertSound();
});

test('across namespaces only where the pool and both Services allow it', async () => {
  const { bed } = await startedBedOf();
  const open = { annotations: { ...KEY.annotations, 'fairlead.io/sharing-namespaces': '*' } };
  bed.createService('tcp', onPort('TCP'), open);
  const spec = {
    ...{ type: 'LoadBalancer', loadBalancerClass: 'fairlead.io/lb', ipFamilies: ['IPv4'] },
    ...{ ipFamilyPolicy: 'SingleStack', ports: [{ protocol: 'UDP', port: 53 }] },
  };
  const create = (name: string) =>
    bed.cluster.create(SERVICE, 'other', { metadata: { name, ...open }, spec });
  create('udp');
  await bed.settle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 tcp', '10.77.0.51 udp']);
  bed.poolWith('default', { sharing: 'Cluster' });
  bed.cluster.remove(SERVICE, { namespace: 'other', name: 'udp' });
  await bed.settle();
  create('udp');
  await bed.settle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 tcp,udp']);
  bed.poolWith('default', { sharing: 'Namespace' });
  await bed.settle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 tcp,udp'], 'a pool that is edited moves nobody');
  bed.assertSound();
});

test('a sharer that another controller added, and that is not in view yet, stays', async () => {
  const { bed, running } = await startedBedOf();
  bed.createService('tcp', onPort('TCP'), KEY);
  await bed.settle();
  running.watches.services.hold();
  bed.createService('udp', { ...onPort('UDP'), loadBalancerIP: '10.77.0.50' }, KEY);
  const patch = { type: 'merge', body: { metadata: { finalizers: ['fairlead.io/load-balancer'] } } } as const;
  bed.cluster.patch(SERVICE, { namespace: 'web', name: 'udp' }, { patch });
  const { uid } = bed.service('udp');
  const services = [
    ...(bed.virtualIPs()[0]?.services ?? []),
    { namespace: 'web', name: 'udp', uid, ports: [] },
  ];
  bed.cluster.patch(
    VIRTUAL_IP,
    { name: '10.77.0.50' },
    { patch: { type: 'merge', body: { spec: { services } } } },
  );
  bed.node('n3');
  await running.queue.idle();
  assert.deepEqual(sharers(bed), ['10.77.0.50 tcp,udp']);
  running.watches.services.release();
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'udp'), ['10.77.0.50']);
  bed.assertSound();
});

test('sharers survive a restart as they are, without a write', async () => {
  const { bed, running } = await startedBedOf();
  for (const [name, port] of Object.entries({ a: 1, b: 2, c: 3 }))
    bed.createService(name, onPort('TCP', port), KEY);
  await bed.pass(6000);
  await running.controller.stop();
  bed.cluster.writes.length = 0;
  await bed.start();
  await bed.pass(10_000);
  assert.deepEqual(bed.cluster.writes, []);
  assert.deepEqual(sharers(bed), ['10.77.0.50 a,b,c']);
  bed.assertSound();
});
