// What a controller makes of what it finds: restored backups, Services that another provider served, addresses that a
// Node has too. An address never changes because something was started again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NODE } from '../../src/kube/kinds.ts';
import { Bed } from './bed.ts';

function bedOf(...pool: string[]): Bed {
  const bed = new Bed();
  for (const name of ['n1', 'n2']) bed.node(name);
  bed.pool('default', ...(pool.length > 0 ? pool : ['10.77.0.50-10.77.0.59', 'fd77::50-fd77::59']));
  return bed;
}

const ipsOf = (bed: Bed, name: string) => bed.service(name).ingress.map(({ ip }) => ip);
const codeOf = (bed: Bed, name: string) => bed.service(name).conditions[0]?.reason;

/** As it is in a backup without VirtualIPs. */
function restore(bed: Bed, name: string, ...ips: string[]): void {
  const ingress = ips.map((ip) => ({ ip, ipMode: 'VIP' }));
  bed.editService(name, { status: { loadBalancer: { ingress } } });
}

test('of several with one address in their status the oldest keeps it, and no other says it any more', async () => {
  const bed = bedOf('10.77.0.50-10.77.0.51');
  for (const name of ['old', 'middle', 'last']) {
    bed.createService(name);
    restore(bed, name, '10.77.0.50');
  }
  const { events } = await bed.start();
  await bed.settle();
  assert.deepEqual(ipsOf(bed, 'old'), ['10.77.0.50']);
  assert.deepEqual(ipsOf(bed, 'middle'), ['10.77.0.51']);
  assert.deepEqual([ipsOf(bed, 'last'), codeOf(bed, 'last')], [[], 'PoolsExhausted']);
  const why =
    'AddressInUse: status.loadBalancer.ingress "10.77.0.50": the address is in use by Service web/old';
  assert.deepEqual(
    events.filter((event) => event.includes(' AddressLost ')).sort(),
    ['last', 'middle'].map(
      (name) =>
        `Warning AddressLost web/${name}: ${why}, want a free one, or the same fairlead.io/sharing-key on both`,
    ),
  );
  bed.assertSound();
});

test('those that may share the address in their status share it again', async () => {
  const bed = bedOf();
  for (const [name, protocol] of Object.entries({ tcp: 'TCP', udp: 'UDP', late: 'UDP' })) {
    const key = { annotations: { 'fairlead.io/sharing-key': 'dns' } };
    bed.createService(name, { ports: [{ protocol, port: 53 }] }, key);
    restore(bed, name, '10.77.0.55');
  }
  await bed.start();
  await bed.settle();
  assert.deepEqual(bed.plan(), ['10.77.0.55 web/tcp,web/udp n1,n2', '10.77.0.50 web/late n1,n2']);
  assert.deepEqual(ipsOf(bed, 'late'), ['10.77.0.50']);
  bed.assertSound();
});

test('a restored Service keeps all of its addresses, of both families and several of one', async () => {
  const bed = bedOf();
  const both = { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' };
  bed.createService('both', both);
  restore(bed, 'both', '10.77.0.57', 'fd77::57');
  bed.createService('two', {}, { annotations: { 'fairlead.io/count': '2' } });
  restore(bed, 'two', '10.77.0.58', '10.77.0.53');
  await bed.start();
  bed.createService('new', both);
  await bed.settle();
  const names = (service: string) =>
    bed.virtualIPs().flatMap(({ name, services }) => (services[0]?.name === service ? [name] : []));
  assert.deepEqual(names('both'), ['10.77.0.57', 'fd77-0-0-0-0-0-0-57']);
  assert.deepEqual(
    [names('two'), ipsOf(bed, 'two')],
    [
      ['10.77.0.58', '10.77.0.53'],
      ['10.77.0.58', '10.77.0.53'],
    ],
  );
  assert.deepEqual(names('new'), ['10.77.0.50', 'fd77-0-0-0-0-0-0-50']);
  bed.assertSound();
});

const COMING: readonly [string, (bed: Bed) => void][] = [
  [
    'a Node',
    (bed) => {
      const status = { addresses: [{ type: 'InternalIP', address: '10.77.0.51' }] };
      const patch = { type: 'merge', body: { status } } as const;
      bed.cluster.patch(NODE, { name: 'n1' }, { patch, subresource: 'status' });
    },
  ],
  ['a link', (bed) => bed.announcer('n1', ['10.77.0.11/24', '10.77.0.51/32'])],
  ['a subnet at its edge', (bed) => bed.announcer('n1', ['10.77.0.11/24', '10.77.0.49/30'])],
];
for (const [what, come] of COMING) {
  test(`an address that ${what} comes to have stays with its Service, also after a restart`, async () => {
    const bed = bedOf('10.77.0.51');
    const first = await bed.start();
    bed.createService('shop');
    await bed.settle();
    come(bed);
    await first.controller.stop();
    await bed.start();
    bed.createService('late', {}, { annotations: { 'fairlead.io/addresses': '10.77.0.51' } });
    await bed.settle();
    assert.deepEqual(bed.plan(), ['10.77.0.51 web/shop n1,n2']);
    assert.deepEqual(ipsOf(bed, 'shop'), ['10.77.0.51']);
    assert.equal(codeOf(bed, 'late'), 'AddressInUse');
    bed.deleteService('shop');
    await bed.settle();
    assert.deepEqual(bed.plan(), [], 'nobody new gets it');
    bed.assertSound();
  });
}
