// Which nodes have endpoints of a Service, by its slices, and when that is news.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceNodes } from '../../src/cloudprovider/service-nodes.ts';
import { ENDPOINT_SLICE } from '../../src/kube/kinds.ts';
import { translateEndpointSlice } from '../../src/kube/translate.ts';
import { FakeCluster } from '../fake/fake-cluster.ts';
import { FakeListWatch } from '../fake/fake-list-watch.ts';

function bedOf() {
  const cluster = new FakeCluster();
  const watch = new FakeListWatch(cluster, ENDPOINT_SLICE);
  const nodes = new ServiceNodes(watch, translateEndpointSlice);
  const news: string[] = [];
  nodes.onChange((service) => news.push(service));
  watch.start();
  const put = (name: string, service: string, on: readonly (string | undefined)[]): void => {
    const labels = { 'kubernetes.io/service-name': service };
    const endpoints = on.map((nodeName) => ({ addresses: [], nodeName }));
    if (!cluster.objects(ENDPOINT_SLICE).has(`web/${name}`))
      cluster.create(ENDPOINT_SLICE, 'web', { metadata: { name, labels }, endpoints });
    else {
      const patch = { type: 'merge', body: { metadata: { labels }, endpoints } } as const;
      cluster.patch(ENDPOINT_SLICE, { namespace: 'web', name }, { patch });
    }
  };
  const remove = (name: string): void => cluster.remove(ENDPOINT_SLICE, { namespace: 'web', name });
  /** Sorted; undefined for any node. */
  const of = (service: string) => {
    const found = nodes.nodesOf(service);
    return found && [...found].sort();
  };
  return { put, remove, of, news };
}

test('all slices of a Service count together, until they go', () => {
  const { put, remove, of, news } = bedOf();
  put('a', 'shop', ['n2', 'n1']);
  put('b', 'shop', ['n3', 'n1']);
  put('c', 'other', ['n4']);
  assert.deepEqual([of('web/shop'), of('web/other'), of('web/none')], [['n1', 'n2', 'n3'], ['n4'], []]);
  remove('a');
  assert.deepEqual(of('web/shop'), ['n1', 'n3']);
  assert.deepEqual(news, ['web/shop', 'web/shop', 'web/other', 'web/shop']);
});

test('other pods on the same nodes are no news', () => {
  const { put, news } = bedOf();
  put('a', 'shop', ['n1', 'n2']);
  news.length = 0;
  put('a', 'shop', ['n2', 'n1', 'n1']);
  assert.deepEqual(news, []);
  put('a', 'shop', ['n2']);
  assert.deepEqual(news, ['web/shop']);
});

test('a slice that goes to another Service is news to both', () => {
  const { put, of, news } = bedOf();
  put('a', 'shop', ['n1']);
  news.length = 0;
  put('a', 'other', ['n1']);
  assert.deepEqual(news.sort(), ['web/other', 'web/shop']);
  assert.deepEqual([of('web/shop'), of('web/other')], [[], ['n1']]);
});

test('an endpoint that names no node may be on any', () => {
  const { put, of } = bedOf();
  put('a', 'shop', ['n1', undefined]);
  assert.equal(of('web/shop'), undefined);
});
