// Answers to our own writes against a watch that is late: the newer wins, an echo is no change, the dead stay dead.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mirror } from '../../src/cloudprovider/mirror.ts';
import type { KubeObject } from '../../src/kube/api.ts';
import { VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { FakeCluster } from '../fake/fake-cluster.ts';
import { FakeListWatch } from '../fake/fake-list-watch.ts';

const ref = { name: '10.0.0.1' };
const spec = { address: '10.0.0.1', family: 'IPv4' };

function bed() {
  const cluster = new FakeCluster();
  const watch = new FakeListWatch(cluster, VIRTUAL_IP);
  const mirror = new Mirror(watch, (object: KubeObject) => object.metadata.labels?.v ?? '');
  const seen: string[] = [];
  mirror.onChange(({ before, now }) => seen.push(`${before?.value ?? '-'}>${now?.value ?? '-'}`));
  watch.start();
  const create = (v: string) =>
    cluster.create(VIRTUAL_IP, undefined, { metadata: { ...ref, labels: { v } }, spec });
  const label = (v: string) =>
    cluster.patch(VIRTUAL_IP, ref, { patch: { type: 'merge', body: { metadata: { labels: { v } } } } });
  return { cluster, watch, mirror, seen, create, label };
}

test('the answer to a write counts at once, and its echo is no change', () => {
  const { watch, mirror, seen, create, label } = bed();
  create('a');
  watch.hold();
  mirror.note(label('b'));
  assert.equal(mirror.get('10.0.0.1')?.value, 'b');
  watch.release();
  assert.deepEqual(seen, ['->a', 'a>b']);
});

test('what the watch brings late is not taken for news, what is newer is', () => {
  const { watch, mirror, seen, create, label } = bed();
  create('a');
  watch.hold();
  label('b');
  const answer = label('c');
  label('d');
  mirror.note(answer);
  watch.release();
  assert.deepEqual(seen, ['->a', 'a>c', 'c>d']);
});

test('an answer that comes after the watch has shown something newer is ignored', () => {
  const { mirror, seen, create, label } = bed();
  create('a');
  const answer = label('b');
  label('c');
  mirror.note(answer);
  assert.deepEqual(seen, ['->a', 'a>b', 'b>c']);
});

test('an answer that comes after the deletion was seen does not bring the object back', () => {
  const { cluster, mirror, seen, create, label } = bed();
  create('a');
  const answer = label('b');
  cluster.remove(VIRTUAL_IP, ref);
  mirror.note(answer);
  assert.deepEqual(seen, ['->a', 'a>b', 'b>-']);
  assert.equal(mirror.get('10.0.0.1'), undefined);
});

test('an object made anew under the same name goes first and then comes', () => {
  const { cluster, watch, mirror, seen, create } = bed();
  create('a');
  watch.hold();
  cluster.remove(VIRTUAL_IP, ref);
  mirror.note(create('b'));
  assert.deepEqual(seen, ['->a', 'a>-', '->b']);
  watch.release();
  assert.deepEqual(seen, ['->a', 'a>-', '->b']);
  assert.equal(mirror.get('10.0.0.1')?.value, 'b');
});

test('a patch that took the last finalizer from a deleted object means that it is gone', () => {
  const { cluster, mirror, seen, watch } = bed();
  const metadata = { ...ref, labels: { v: 'a' }, finalizers: ['f'] };
  cluster.create(VIRTUAL_IP, undefined, { metadata, spec });
  cluster.remove(VIRTUAL_IP, ref);
  watch.hold();
  mirror.note(
    cluster.patch(VIRTUAL_IP, ref, { patch: { type: 'merge', body: { metadata: { finalizers: [] } } } }),
  );
  assert.equal(mirror.get('10.0.0.1'), undefined);
  watch.release();
  assert.deepEqual(seen, ['->a', 'a>a', 'a>-']);
});
