// What Fairlead relies on of a ListWatch, of the real one on the fake server and of the fake one alike.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { KubeObject, ListWatch } from '../../src/kube/api.ts';
import { SERVICE } from '../../src/kube/kinds.ts';
import { FakeCluster } from '../fake/fake-cluster.ts';
import { FakeListWatch } from '../fake/fake-list-watch.ts';
import { openWatchBed, until } from './watch-bed.ts';

interface Subject {
  readonly cluster: FakeCluster;
  readonly watch: ListWatch<KubeObject>;
}

const subjects: Readonly<Record<string, (context: TestContext) => Promise<Subject>>> = {
  'list-watch': async (context) => {
    const { server, watch } = await openWatchBed(context);
    return { cluster: new FakeCluster(server.store), watch };
  },
  'fake list-watch': async () => {
    const cluster = new FakeCluster();
    return { cluster, watch: new FakeListWatch(cluster, SERVICE) };
  },
};

const ref = (name: string) => ({ namespace: 'web', name });

/** Tells a change by the label `v` before and now; checks that the copy is up to date when a handler runs. */
function record({ watch }: Subject): readonly string[] {
  const seen: string[] = [];
  const labelOf = (object: KubeObject): string => `${object.metadata.name}=${object.metadata.labels?.v}`;
  watch.onState((state) => seen.push(state));
  watch.onChange((change) => {
    const before = change.kind === 'added' ? '' : labelOf(change.before);
    const now = change.kind === 'deleted' ? '' : labelOf(change.object);
    const { name } = (change.kind === 'deleted' ? change.before : change.object).metadata;
    assert.equal(watch.get(`web/${name}`), change.kind === 'deleted' ? undefined : change.object);
    seen.push(`${change.kind} ${before}>${now}`);
  });
  return seen;
}

for (const [name, open] of Object.entries(subjects)) {
  test(`${name}: everything is told, in order, with what was before`, { timeout: 20_000 }, async (t) => {
    const subject = await open(t);
    const { cluster, watch } = subject;
    const seen = record(subject);
    const create = (service: string, v: string, finalizers: readonly string[] = []) =>
      cluster.create(SERVICE, 'web', { metadata: { name: service, labels: { v }, finalizers } });
    const patch = (service: string, metadata: object) =>
      cluster.patch(SERVICE, ref(service), { patch: { type: 'merge', body: { metadata } } });
    create('old', '1');
    assert.equal(watch.state(), 'Syncing');
    watch.start();
    await watch.synced();
    assert.deepEqual(seen, ['added >old=1', 'Synced']);
    create('new', '1', ['f']);
    patch('old', { labels: { v: '2' } });
    cluster.remove(SERVICE, ref('old'));
    cluster.remove(SERVICE, ref('new'));
    patch('new', { finalizers: null });
    create('new', '2');
    await until(t, () => seen.includes('added >new=2'));
    assert.deepEqual(seen.slice(2), [
      'added >new=1',
      'updated old=1>old=2',
      'deleted old=2>',
      'updated new=1>new=1',
      'deleted new=1>',
      'added >new=2',
    ]);
    assert.deepEqual(
      Array.from(watch.values(), ({ metadata }) => metadata.name),
      ['new'],
    );
    watch.stop();
  });

  test(`${name}: one that is stopped before its first list rejects`, { timeout: 20_000 }, async (t) => {
    const { watch } = await open(t);
    const synced = watch.synced();
    watch.stop();
    await assert.rejects(synced);
  });
}
