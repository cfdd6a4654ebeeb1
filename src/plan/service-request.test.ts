// What Services ask for, from their spec and annotations of our own and of others; and what can not be read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service } from '../../test/arbitrary/service.ts';
import type { Refusal } from '../ipam/refusal.ts';
import type { AllocationRequest } from '../ipam/request.ts';
import { formatAddress } from '../net/address.ts';
import { requestOf, sharingClaimOf } from './service-request.ts';
import type { ServiceView } from './views.ts';

const BOTH = ['IPv4', 'IPv6'] as const;
const read = (changes: Partial<ServiceView>): AllocationRequest | Refusal => {
  const view = service({ ipFamilies: BOTH, ...changes });
  return requestOf(view, sharingClaimOf(view));
};

function request(changes: Partial<ServiceView>): AllocationRequest {
  const found = read(changes);
  if ('code' in found) assert.fail(found.message);
  return found;
}

const ADDRESSES: readonly [string, Partial<ServiceView>, string][] = [
  ['none', {}, ''],
  ['empty', { annotations: { 'fairlead.io/addresses': ' ' } }, ''],
  ['one', { annotations: { 'fairlead.io/addresses': '10.0.0.1' } }, '10.0.0.1 by fairlead.io/addresses'],
  [
    'one of each family',
    { annotations: { 'fairlead.io/addresses': 'fd77::1, 10.0.0.1' } },
    'fd77::1 by fairlead.io/addresses, 10.0.0.1 by fairlead.io/addresses',
  ],
  ['the deprecated field', { loadBalancerIP: '10.0.0.1' }, '10.0.0.1 by spec.loadBalancerIP'],
  ...['metallb.io/loadBalancerIPs', 'metallb.universe.tf/loadBalancerIPs', 'kube-vip.io/loadbalancerIPs'].map(
    (name): [string, Partial<ServiceView>, string] => [
      name,
      { annotations: { [name]: '10.0.0.1' } },
      `10.0.0.1 by ${name}`,
    ],
  ),
  [
    'the same twice, and another family once',
    { annotations: { 'fairlead.io/addresses': '10.0.0.1,fd77::1' }, loadBalancerIP: '10.0.0.1' },
    '10.0.0.1 by fairlead.io/addresses, fd77::1 by fairlead.io/addresses',
  ],
];
for (const [name, changes, want] of ADDRESSES) {
  test(`addresses, ${name}`, () => {
    const asked = request(changes).addresses;
    assert.equal(asked.map(({ value, source }) => `${formatAddress(value)} by ${source}`).join(', '), want);
  });
}

const REFUSED: readonly [Partial<ServiceView>, string][] = [
  [
    { annotations: { 'fairlead.io/addresses': '10.0.0.01' } },
    'fairlead.io/addresses "10.0.0.01": want IP addresses in canonical form, at most one of each family, separated by commas',
  ],
  [
    { annotations: { 'kube-vip.io/loadbalancerIPs': 'shop.example.com' } },
    'kube-vip.io/loadbalancerIPs "shop.example.com": want IP addresses in canonical form, at most one of each family, separated by commas',
  ],
  [
    { annotations: { 'metallb.io/loadBalancerIPs': '10.0.0.1,10.0.0.2' } },
    'metallb.io/loadBalancerIPs "10.0.0.1,10.0.0.2": want IP addresses in canonical form, at most one of each family, separated by commas',
  ],
  [
    { ipFamilies: ['IPv4'], loadBalancerIP: 'fd77::1' },
    'spec.loadBalancerIP "fd77::1": want only IPv4, as in spec.ipFamilies',
  ],
  [
    { annotations: { 'fairlead.io/addresses': '10.0.0.1' }, loadBalancerIP: '10.0.0.2' },
    'fairlead.io/addresses "10.0.0.1" and spec.loadBalancerIP "10.0.0.2" contradict each other: want the same in both, or only one of them',
  ],
  [
    { annotations: { 'fairlead.io/pool': 'a', 'metallb.universe.tf/address-pool': 'b' } },
    'fairlead.io/pool "a" and metallb.universe.tf/address-pool "b" contradict each other: want the same in both, or only one of them',
  ],
  [
    { annotations: { 'fairlead.io/sharing-key': 'a', 'metallb.io/allow-shared-ip': 'b' } },
    'fairlead.io/sharing-key "a" and metallb.io/allow-shared-ip "b" contradict each other: want the same in both, or only one of them',
  ],
  [{ annotations: { 'fairlead.io/count': '0' } }, 'fairlead.io/count "0": want a whole number from 1 to 16'],
  [
    { annotations: { 'fairlead.io/count': '1.5' } },
    'fairlead.io/count "1.5": want a whole number from 1 to 16',
  ],
  [
    { annotations: { 'fairlead.io/count': '17' } },
    'fairlead.io/count "17": want a whole number from 1 to 16',
  ],
  [{ annotations: { 'fairlead.io/retain': 'yes' } }, 'fairlead.io/retain "yes": want "true" or "false"'],
  [{ annotations: { 'fairlead.io/renumber': 'later' } }, 'fairlead.io/renumber "later": want "now"'],
];
for (const [changes, message] of REFUSED) {
  test(`refused: ${message}`, () => assert.deepEqual(read(changes), { code: 'InvalidRequest', message }));
}

test('everything else of a request', () => {
  const annotations = {
    'fairlead.io/count': '3',
    'metallb.io/address-pool': 'lan',
    'fairlead.io/renumber': 'now',
  };
  const asked = request({
    ...{ annotations, labels: { tier: 'front' }, ipFamilyPolicy: 'PreferDualStack' },
    ingress: [{ ip: '10.0.0.9' }, { hostname: 'x' }],
  });
  assert.partialDeepStrictEqual(asked, {
    ...{ uid: 'u1', key: 'web/shop', namespace: 'web', labels: { tier: 'front' }, families: BOTH, count: 3 },
    ...{ isOneFamilyEnough: true, isRenumbering: true },
    pool: { value: 'lan', source: 'metallb.io/address-pool' },
    preferred: [{ family: 'IPv4', value: 0x0a000009n }],
  });
  assert.equal(request({ ipFamilyPolicy: 'RequireDualStack' }).isOneFamilyEnough, false);
  assert.deepEqual(request({ ipFamilies: [] }).families, ['IPv4']);
});

const LOCAL = { externalTrafficPolicy: 'Local' };
test('what a Service says about sharing', () => {
  const annotations = { 'metallb.io/allow-shared-ip': 'dns', 'fairlead.io/sharing-namespaces': 'a, b' };
  assert.deepEqual(sharingClaimOf(service({ annotations })), {
    ...{ namespace: 'web', key: 'dns', source: 'metallb.io/allow-shared-ip', namespaces: ['a', 'b'] },
    ...{ ports: ['TCP/80'], localTo: '' },
  });
  const localTo = (changes: Partial<ServiceView>) => sharingClaimOf(service(changes)).localTo;
  assert.equal(
    localTo({ ...LOCAL, selector: { b: '2', a: '1' } }),
    localTo({ ...LOCAL, selector: { a: '1', b: '2' } }),
  );
  assert.notEqual(localTo({ ...LOCAL, selector: { a: '1' } }), localTo({ ...LOCAL, selector: { a: '2' } }));
  assert.notEqual(
    localTo({ ...LOCAL, name: 'a' }),
    localTo({ ...LOCAL, name: 'b' }),
    'no selector: its own endpoints',
  );
});
