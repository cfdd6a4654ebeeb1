// Addresses in the pools that are somebody else's: the API server's, the gateways', the nodes'. No Service is given one,
// and no Service that was there first has to go.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NODE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { Bed } from './bed.ts';

const DUAL = { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' } as const;

function bedOf(...addresses: readonly string[]): Bed {
  const bed = new Bed();
  bed.node('n1', '10.77.0.11/24');
  bed.node('n2', '10.77.0.12/24');
  bed.pool('default', ...addresses);
  return bed;
}

const names = (bed: Bed): readonly string[] => bed.virtualIPs().map(({ name }) => name);
const ipOf = (bed: Bed, service: string): string | undefined => bed.service(service).ingress[0]?.ip;

function assertRefused(bed: Bed, service: string, owner: string): void {
  const [allocated] = bed.service(service).conditions;
  assert.equal(allocated?.reason, 'AddressInUse');
  assert.match(allocated.message, new RegExp(`in use by ${owner}, want a free one`));
}

test("neither the API server's address nor a gateway's is handed out, of either family", async () => {
  const bed = bedOf('10.77.0.1-10.77.0.3', 'fd77::1-fd77::3');
  bed.apiServer('10.77.0.1', 'fd77::1');
  bed.gateways('n1', '10.77.0.2', 'fd77::2');
  await bed.start();
  bed.createService('a', DUAL);
  bed.createService('b', DUAL);
  await bed.settle();
  assert.deepEqual(names(bed), ['10.77.0.3', 'fd77-0-0-0-0-0-0-3']);
  assert.equal(bed.service('b').conditions[0]?.reason, 'PoolsExhausted');
  bed.assertSound();
});

test('who asks for one by name is told whose it is', async () => {
  const bed = bedOf('10.77.0.1-10.77.0.3', '10.77.0.11');
  bed.apiServer('10.77.0.1');
  bed.gateways('n2', '10.77.0.2');
  await bed.start();
  bed.createService('a', { loadBalancerIP: '10.77.0.1' });
  bed.createService('b', { loadBalancerIP: '10.77.0.2' });
  bed.createService('c', { loadBalancerIP: '10.77.0.11' });
  await bed.settle();
  assertRefused(bed, 'a', 'the API server');
  assertRefused(bed, 'b', 'the default gateway of Node n2');
  assertRefused(bed, 'c', 'a link of Node n1');
  assert.deepEqual(names(bed), []);
});

test('what the API server and the last gateway leave serves who waits, at once', async () => {
  const bed = bedOf('10.77.0.1-10.77.0.2');
  bed.apiServer('10.77.0.1');
  for (const node of ['n1', 'n2']) bed.gateways(node, '10.77.0.2');
  await bed.start();
  bed.createService('a', { loadBalancerIP: '10.77.0.2' });
  bed.createService('b');
  await bed.settle();
  bed.gateways('n1');
  await bed.settle();
  assert.deepEqual(names(bed), [], 'the other node still has that gateway');
  bed.gateways('n2');
  bed.apiServer('10.77.0.10');
  await bed.settle();
  assert.deepEqual([ipOf(bed, 'a'), ipOf(bed, 'b')], ['10.77.0.2', '10.77.0.1']);
  bed.assertSound();
});

const TAKEN: Readonly<Record<string, (bed: Bed) => void>> = {
  'a gateway': (bed) => bed.gateways('n1', '10.77.0.50'),
  'the API server': (bed) => bed.apiServer('10.77.0.50'),
  'a link': (bed) => bed.announcer('n1', ['10.77.0.11/24', '10.77.0.50/32']),
  'a Node': (bed) => {
    const body = { status: { addresses: [{ type: 'InternalIP', address: '10.77.0.50' }] } };
    const patch = { type: 'merge', body } as const;
    bed.cluster.patch(NODE, { name: 'n1' }, { patch, subresource: 'status' });
  },
};

for (const [what, take] of Object.entries(TAKEN)) {
  test(`a Service whose address turns out to be that of ${what} keeps it, also after a restart`, async () => {
    const bed = bedOf('10.77.0.50');
    const first = await bed.start();
    bed.createService('shop', {}, { annotations: { 'fairlead.io/sharing-key': 'k' } });
    await bed.pass(6000);
    take(bed);
    bed.cluster.writes.length = 0;
    await bed.pass(6000);
    bed.kill(first);
    await bed.start();
    await bed.pass(6000);
    assert.deepEqual([ipOf(bed, 'shop'), names(bed)], ['10.77.0.50', ['10.77.0.50']]);
    assert.deepEqual(
      bed.cluster.writes.filter((write) => !write.includes('addresspools')),
      [],
    );
    const spec = { ports: [{ protocol: 'UDP', port: 53 }] };
    bed.createService('late', spec, { annotations: { 'fairlead.io/sharing-key': 'k' } });
    await bed.settle();
    assert.equal(ipOf(bed, 'late'), undefined, 'it is handed out to nobody any more');
    bed.deleteService('shop');
    await bed.settle();
    assert.equal(ipOf(bed, 'late'), undefined);
    bed.assertSound();
  });
}

test('a VirtualIP that a user made for an address of somebody else reserves it, and no more', async () => {
  const bed = bedOf('10.77.0.50-10.77.0.51');
  bed.gateways('n1', '10.77.0.50');
  const spec = {
    ...{ address: '10.77.0.50', family: 'IPv4' },
    reservedFor: { namespace: 'web', name: 'shop' },
  };
  bed.cluster.create(VIRTUAL_IP, undefined, { metadata: { name: '10.77.0.50' }, spec });
  await bed.start();
  bed.createService('shop');
  await bed.settle();
  assert.equal(ipOf(bed, 'shop'), '10.77.0.51');
  bed.assertSound();
});
