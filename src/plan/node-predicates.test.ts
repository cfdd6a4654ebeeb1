// The switches of Services and Nodes as Kubernetes reads them, and which nodes may hold addresses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isUnlessFalse } from './boolean-text.ts';
import { hostOf, isExcluded, zoneOf } from './node-predicates.ts';

test('a switch is on unless it is absent or what strconv.ParseBool reads as false', () => {
  for (const text of ['', '1', 't', 'T', 'TRUE', 'true', 'True', 'yes', 'no', 'off', ' false', 'fALSE'])
    assert.equal(isUnlessFalse(text), true, text);
  for (const text of ['0', 'f', 'F', 'FALSE', 'false', 'False', undefined])
    assert.equal(isUnlessFalse(text), false, text);
});

const node = { labels: {}, taints: [], isDeleting: false, isShuttingDown: false };
const labelled = (value: string) => ({ 'node.kubernetes.io/exclude-from-external-load-balancers': value });
const tainted = (key: string) => [{ key, value: '', effect: 'NoSchedule' }];
const CASES: readonly [string, Partial<Parameters<typeof isExcluded>[0]>, boolean][] = [
  ['as any other', {}, false],
  ['with the label', { labels: labelled('') }, true],
  ['with the label that says true', { labels: labelled('true') }, true],
  ['with the label that says something', { labels: labelled('maybe') }, true],
  ['with the label that says false', { labels: labelled('false') }, false],
  [
    'with the label of before 1.19',
    { labels: { 'alpha.service-controller.kubernetes.io/exclude-balancer': 'true' } },
    false,
  ],
  ['that is being deleted', { isDeleting: true }, true],
  ['that is shutting down', { isShuttingDown: true }, true],
  ['that the autoscaler takes away', { taints: tainted('ToBeDeletedByClusterAutoscaler') }, true],
  ['that is cordoned', { taints: tainted('node.kubernetes.io/unschedulable') }, false],
  ['that is not ready', { taints: tainted('node.kubernetes.io/not-ready') }, false],
  [
    'of the control plane',
    {
      labels: { 'node-role.kubernetes.io/control-plane': '' },
      taints: tainted('node-role.kubernetes.io/control-plane'),
    },
    false,
  ],
];
for (const [name, changes, want] of CASES) {
  test(`a node ${name} ${want ? 'holds no address' : 'may hold addresses'}`, () =>
    assert.equal(isExcluded({ ...node, ...changes }), want));
}

test('zone and host are what the labels say, and a node without any is a host of its own', () => {
  assert.deepEqual([zoneOf({ labels: {} }), hostOf({ name: 'n1', labels: {} })], ['', 'n1']);
  const labels = { 'topology.kubernetes.io/zone': 'a', 'kubernetes.io/hostname': 'vm1' };
  assert.deepEqual([zoneOf({ labels }), hostOf({ name: 'n1', labels })], ['a', 'vm1']);
  assert.equal(hostOf({ name: 'n1', labels: { ...labels, 'fairlead.io/host': 'rack1-7' } }), 'rack1-7');
});
