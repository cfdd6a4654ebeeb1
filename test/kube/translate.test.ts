// Kubernetes' own kinds as small values, also where a server leaves fields out or sends nonsense.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../../src/kube/api.ts';
import {
  translateApiServerSlice,
  translateEndpointSlice,
  translateLease,
  translateNode,
  translateService,
} from '../../src/kube/translate.ts';

const metadata = {
  namespace: 'web',
  name: 'shop',
  uid: 'u1',
  resourceVersion: '7',
  generation: 3,
  creationTimestamp: '2026-01-01T00:00:00Z',
};

const object = (fields: object): KubeObject => ({ metadata, ...fields });

test('a Service', () => {
  const condition = {
    type: 'fairlead.io/Allocated',
    status: 'True',
    reason: 'Allocated',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const spec = {
    type: 'LoadBalancer',
    loadBalancerClass: 'fairlead.io/lb',
    ipFamilies: ['IPv4', 'IPv6'],
    ipFamilyPolicy: 'PreferDualStack',
    clusterIPs: ['10.96.0.10', 'fd00:96::a'],
    selector: { app: 'shop' },
    ports: [
      { name: 'dns', protocol: 'UDP', port: 53, targetPort: 5353 },
      { port: 80, protocol: 'TCP' },
    ],
    externalTrafficPolicy: 'Local',
    loadBalancerIP: '10.77.0.50',
    loadBalancerSourceRanges: ['192.0.2.0/24'],
  };
  const ingress = [
    { ip: '10.77.0.50', ipMode: 'VIP' },
    { hostname: 'a.example', ports: [] },
  ];
  const status = { loadBalancer: { ingress }, conditions: [condition] };
  const labels = { tier: 'front' };
  assert.deepEqual(translateService({ metadata: { ...metadata, labels }, ...{ spec, status } }), {
    ...metadata,
    ...{ ...spec, labels, annotations: {}, finalizers: [], isDeleting: false },
    ports: [
      { name: 'dns', protocol: 'UDP', port: 53 },
      { name: '', protocol: 'TCP', port: 80 },
    ],
    ingress: [{ ip: '10.77.0.50', ipMode: 'VIP' }, { hostname: 'a.example' }],
    conditions: [condition],
  });
});

test('a Service that is being deleted, with finalizers and annotations', () => {
  const { finalizers, annotations, isDeleting } = translateService({
    metadata: {
      ...metadata,
      deletionTimestamp: '2026-01-02T00:00:00Z',
      finalizers: ['fairlead.io/load-balancer'],
      annotations: { 'fairlead.io/pool': 'home' },
    },
  });
  assert.deepEqual(
    { finalizers, annotations, isDeleting },
    {
      finalizers: ['fairlead.io/load-balancer'],
      annotations: { 'fairlead.io/pool': 'home' },
      isDeleting: true,
    },
  );
});

test('a Node', () => {
  const node = translateNode(
    object({
      spec: { taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] },
      status: {
        addresses: [
          { type: 'InternalIP', address: '10.77.0.11' },
          { type: 'Hostname', address: 'node1' },
          { type: 'InternalIP', address: 'fd77::b' },
        ],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    }),
  );
  assert.deepEqual(node, {
    ...{ name: 'shop', uid: 'u1', labels: {}, isDeleting: false, ready: true, isShuttingDown: false },
    taints: [{ key: 'node.kubernetes.io/unschedulable', value: '', effect: 'NoSchedule' }],
    addresses: ['10.77.0.11', 'fd77::b'],
  });
});

test('a Node is shutting down when its kubelet says so', () => {
  const isShuttingDown = (status: string, message?: string) =>
    translateNode(object({ status: { conditions: [{ type: 'Ready', status, message }] } })).isShuttingDown;
  assert.equal(isShuttingDown('False', 'node is shutting down'), true);
  assert.equal(isShuttingDown('False', '[container runtime is down, node is shutting down]'), true);
  assert.equal(isShuttingDown('False', 'container runtime is down'), false);
  assert.equal(isShuttingDown('Unknown', 'Kubelet stopped posting node status.'), false);
  assert.equal(isShuttingDown('True'), false);
});

test('an EndpointSlice: the nodes of those endpoints that traffic may be sent to', () => {
  const labels = { 'kubernetes.io/service-name': 'shop' };
  const endpoints = [
    { nodeName: 'n3', conditions: { ready: true, serving: true } },
    { nodeName: 'n1', conditions: {} },
    { nodeName: 'n1' },
    { nodeName: 'n2', conditions: { ready: false, serving: true, terminating: true } },
    { nodeName: 'n4', conditions: { ready: false, serving: false } },
    { nodeName: 'n5', conditions: { ready: false } },
  ];
  const slice = { metadata: { ...metadata, labels }, endpoints };
  const nodes = ['n1', 'n2', 'n3'];
  assert.deepEqual(translateEndpointSlice(slice), { service: 'web/shop', nodes, isAnywhere: false });
  const nowhere = { metadata: { ...metadata, labels }, endpoints: [{ conditions: { ready: true } }] };
  assert.deepEqual(translateEndpointSlice(nowhere), { service: 'web/shop', nodes: [], isAnywhere: true });
  const none = { service: 'web/', nodes: [], isAnywhere: false };
  for (const nonsense of [null, 7, {}, 'x']) {
    assert.deepEqual(translateEndpointSlice(object({ endpoints: nonsense })), none);
  }
});

test('a Node is ready only when it says so', () => {
  for (const status of ['False', 'Unknown', undefined]) {
    assert.equal(translateNode(object({ status: { conditions: [{ type: 'Ready', status }] } })).ready, false);
  }
  assert.equal(translateNode(object({})).ready, false);
});

test('a Lease, held and released', () => {
  const spec = {
    holderIdentity: 'node1',
    renewTime: '2026-01-01T00:00:00.000000Z',
    leaseDurationSeconds: 15,
  };
  const held = translateLease(object({ spec }));
  assert.deepEqual(held, {
    name: 'shop',
    holder: 'node1',
    renewTime: spec.renewTime,
    durationSeconds: 15,
    labels: {},
  });
  assert.equal(translateLease(object({ spec: { ...spec, holderIdentity: '' } })).holder, '');
  assert.deepEqual(translateLease(object({})), {
    ...held,
    holder: '',
    renewTime: undefined,
    durationSeconds: 0,
  });
});

test('all addresses of an EndpointSlice of the API server are read, and nothing else', () => {
  const read = (endpoints: unknown) => translateApiServerSlice({ ...object({}), endpoints } as KubeObject);
  const ready = { addresses: ['10.77.0.10', '10.77.0.11'], conditions: { ready: true } };
  assert.deepEqual(read([ready, { addresses: ['fd77::a'] }, {}, 'x', { addresses: [7, null] }]), {
    addresses: ['10.77.0.10', '10.77.0.11', 'fd77::a'],
  });
  // The server writes null where there are none.
  for (const nothing of [undefined, null, {}]) assert.deepEqual(read(nothing), { addresses: [] });
});

test('whatever a server sends, the fields have their types', () => {
  const names = [
    'type',
    'ports',
    'taints',
    'addresses',
    'conditions',
    'loadBalancer',
    'holderIdentity',
    'ipFamilies',
  ];
  const fields = fc.dictionary(fc.constantFrom(...names), fc.anything({ maxDepth: 3 }));
  const anything = fc.oneof(fields, fc.anything());
  fc.assert(
    fc.property(anything, anything, (spec, status) => {
      const service = translateService(object({ spec, status }));
      assert.equal(typeof service.type, 'string');
      assert.ok(
        service.ports.every(({ port, name }) => typeof port === 'number' && typeof name === 'string'),
      );
      assert.ok(service.ipFamilies.every((family) => family === 'IPv4' || family === 'IPv6'));
      assert.ok(service.conditions.every(({ type }) => typeof type === 'string'));
      const node = translateNode(object({ spec, status }));
      assert.ok(node.addresses.every((address) => typeof address === 'string'));
      assert.equal(typeof translateLease(object({ spec, status })).holder, 'string');
    }),
  );
});
