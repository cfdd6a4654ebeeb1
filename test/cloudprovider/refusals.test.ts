// Every way to be refused an address: what the Service, its events and the metric say of it, once, and that what the
// guide names as the cure (docs/guide/refusals.md) ends it without any further doing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefusalCode } from '../../src/ipam/refusal.ts';
import { ADDRESS_POOL, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { Bed } from './bed.ts';

interface Case {
  /** Instead of a pool of two addresses. */
  readonly pool?: object;
  readonly before?: (bed: Bed) => void;
  readonly spec?: object;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly message: RegExp;
  readonly cure: (bed: Bed) => void;
}

const ADDRESSES = ['10.77.0.50-10.77.0.51'];
const KEY = { 'fairlead.io/sharing-key': 'dns' };
const asking = (address: string) => ({ 'fairlead.io/addresses': address });
const edit = (spec: object) => (bed: Bed) => bed.poolWith('default', spec);
const annotate = (annotations: Record<string, string | null>) => (bed: Bed) =>
  bed.annotate('shop', annotations);
const reserve = (bed: Bed) =>
  bed.cluster.create(VIRTUAL_IP, undefined, {
    metadata: { name: '10.77.0.50' },
    spec: { address: '10.77.0.50', family: 'IPv4', reservedFor: { namespace: 'web', name: 'boss' } },
  });

const CASES: Readonly<Record<RefusalCode, Case>> = {
  NoPool: {
    before: (bed) => bed.cluster.remove(ADDRESS_POOL, { name: 'default' }),
    message: /^there is no valid AddressPool: create one, for example with spec\.addresses/,
    cure: (bed) => bed.pool('late', '10.77.0.50'),
  },
  PoolsExhausted: {
    before: (bed) => {
      for (const name of ['a', 'b']) bed.createService(name);
    },
    message: /^every IPv4 address of default \(2\) is in use: add addresses to a pool, or delete a Service/,
    cure: edit({ addresses: ['10.77.0.50-10.77.0.52'] }),
  },
  FamilyUnavailable: {
    spec: { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' },
    message: /^spec\.ipFamilies has IPv6: no AddressPool for this Service holds IPv6 .*take IPv6 out$/,
    cure: (bed) => bed.pool('six', 'fd77::/120'),
  },
  AddressOutsidePools: {
    annotations: asking('10.77.0.60'),
    message:
      /^fairlead\.io\/addresses "10\.77\.0\.60": the address is in no AddressPool, want one of default$/,
    cure: edit({ addresses: ['10.77.0.60'] }),
  },
  AddressInUse: {
    before: (bed) => bed.createService('rival'),
    annotations: asking('10.77.0.50'),
    message:
      /^fairlead\.io\/addresses "10\.77\.0\.50": the address is in use by Service web\/rival, want a free one, or the same/,
    cure: (bed) => bed.deleteService('rival'),
  },
  AddressReserved: {
    before: reserve,
    annotations: asking('10.77.0.50'),
    message:
      /the address is reserved for Service web\/boss by a VirtualIP, want another one, or that VirtualIP deleted$/,
    cure: (bed) => bed.cluster.remove(VIRTUAL_IP, { name: '10.77.0.50' }),
  },
  SharingKeyMismatch: {
    before: (bed) => bed.createService('rival', {}, { annotations: KEY }),
    annotations: { ...KEY, ...asking('10.77.0.50') },
    message:
      /can not be shared with Service web\/rival: both use TCP\/80, want different ports or protocols$/,
    cure: (bed) => bed.changeService('rival', { ports: [{ protocol: 'TCP', port: 81 }] }),
  },
  NamespaceNotAllowed: {
    pool: { namespaces: ['team-a'] },
    message: /^metadata\.namespace "web": default is not for this namespace, want it in spec\.namespaces/,
    cure: edit({ namespaces: ['team-a', 'web'] }),
  },
  ServiceNotSelected: {
    pool: { serviceSelector: { matchLabels: { tier: 'front' } } },
    message: /^metadata\.labels: spec\.serviceSelector of default does not select this Service, want labels/,
    cure: (bed) => bed.editService('shop', { metadata: { labels: { tier: 'front' } } }),
  },
  PoolDisabled: {
    pool: { disabled: true },
    message: /^default is being drained \(spec\.disabled\): want another AddressPool, or disabled: false$/,
    cure: edit({ disabled: false }),
  },
  PoolNotAutomatic: {
    pool: { autoAssign: false },
    message: /^default is given only to Services that ask for it .*want the annotation fairlead\.io\/pool/,
    cure: annotate({ 'fairlead.io/pool': 'default' }),
  },
  QuotaExceeded: {
    pool: { quota: { perNamespace: 1 } },
    before: (bed) => bed.createService('rival'),
    message:
      /^metadata\.namespace "web": it has as many addresses of default as spec\.quota\.perNamespace allows/,
    cure: (bed) => bed.deleteService('rival'),
  },
  InvalidRequest: {
    spec: { loadBalancerIP: '10.77.0.51' },
    annotations: { 'metallb.universe.tf/loadBalancerIPs': '10.77.0.50' },
    message:
      /^metallb\.universe\.tf\/loadBalancerIPs "10\.77\.0\.50" and spec\.loadBalancerIP "10\.77\.0\.51" contradict/,
    cure: annotate({ 'metallb.universe.tf/loadBalancerIPs': '10.77.0.51' }),
  },
};

for (const code of Object.values(RefusalCode)) {
  const { pool = {}, before = () => {}, spec = {}, annotations = {}, message, cure } = CASES[code];
  test(`${code} is told once, in three places, and ends with its cause`, async () => {
    const bed = new Bed();
    bed.node('n1');
    bed.poolWith('default', { addresses: ADDRESSES, ...pool });
    const { events, refused } = await bed.start();
    before(bed);
    await bed.settle();
    events.length = 0;
    bed.createService('shop', spec, { annotations });
    await bed.settle();
    const [allocated] = bed.service('shop').conditions;
    assert.partialDeepStrictEqual(allocated, {
      type: 'fairlead.io/Allocated',
      status: 'False',
      reason: code,
    });
    assert.match(allocated?.message ?? '', message);
    bed.editService('shop', { metadata: { labels: { any: 'thing' } } });
    await bed.pass(10_000);
    assert.deepEqual(events, [`Warning SyncLoadBalancerFailed web/shop: ${code}: ${allocated?.message}`]);
    assert.deepEqual(refused, [code]);
    assert.deepEqual(bed.service('shop').ingress, []);
    cure(bed);
    await bed.settle();
    assert.equal(bed.service('shop').conditions[0]?.reason, 'Allocated');
    assert.equal(bed.service('shop').ingress.length, 1);
    bed.assertSound();
  });
}
