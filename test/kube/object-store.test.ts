// The store behind a ListWatch, against a plain map: whoever applies its changes has what it has.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject, ObjectChange } from '../../src/kube/api.ts';
import { identityOf, keyOf, ObjectStore } from '../../src/kube/object-store.ts';

const object = (name: string, uid: string, version: number): KubeObject => ({
  metadata: { name, uid, resourceVersion: `${version}`, creationTimestamp: '2026-01-01T00:00:00Z' },
});

const describe = (changes: readonly ObjectChange<KubeObject>[]): readonly string[] =>
  changes.map(
    (change) => `${change.kind} ${(change.kind === 'deleted' ? change.before : change.object).metadata.uid}`,
  );

test('keys have the namespace where there is one', () => {
  const { metadata } = object('a', 'u', 1);
  assert.equal(keyOf({ metadata }), 'a');
  assert.equal(keyOf({ metadata: { ...metadata, namespace: 'web' } }), 'web/a');
});

test('what is already known is no change', () => {
  const store = new ObjectStore();
  store.upsert(object('a', 'u1', 1));
  assert.deepEqual(store.upsert(object('a', 'u1', 1)), []);
  assert.deepEqual(store.replace([object('a', 'u1', 1)]), []);
});

test('where identities are kept, changes are seen whole, and what is kept has nothing else', () => {
  const store = new ObjectStore(identityOf);
  const { metadata } = object('a', 'u1', 1);
  const whole = { kind: 'Service', metadata: { ...metadata, namespace: 'web', labels: { app: 'a' } } };
  assert.deepEqual(store.upsert(whole), [{ kind: 'added', object: whole }]);
  const kept = { metadata: { ...metadata, namespace: 'web' } };
  assert.deepEqual([...store.values()], [kept]);
  assert.deepEqual(store.upsert(whole), []);
  const next = { ...whole, metadata: { ...whole.metadata, resourceVersion: '2' } };
  assert.deepEqual(store.upsert(next), [{ kind: 'updated', object: next, before: kept }]);
  assert.deepEqual(describe(store.replace([])), ['deleted u1']);
});

test('another uid under the same name is a deletion and an addition', () => {
  const store = new ObjectStore();
  store.upsert(object('a', 'u1', 1));
  assert.deepEqual(describe(store.replace([object('a', 'u2', 5)])), ['deleted u1', 'added u2']);
});

test('the deletion of an earlier object of that name changes nothing', () => {
  const store = new ObjectStore();
  store.upsert(object('a', 'u2', 5));
  assert.deepEqual(store.remove(object('a', 'u1', 6)), []);
  assert.equal(store.get('a')?.metadata.uid, 'u2');
});

test('applying its changes gives its contents', () => {
  const one = fc.record({ name: fc.constantFrom('a', 'b', 'c'), uid: fc.nat(2), version: fc.nat(5) });
  const step = fc.record({
    how: fc.constantFrom('upsert', 'remove', 'replace'),
    objects: fc.array(one, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const store = new ObjectStore();
      const mirror = new Map<string, KubeObject>();
      for (const { how, objects } of steps) {
        const items = objects.map(({ name, uid, version }) => object(name, `${name}${uid}`, version));
        const unique = [...new Map(items.map((item) => [keyOf(item), item])).values()];
        const changes =
          how === 'replace'
            ? store.replace(unique)
            : unique.flatMap((item) => store[how as 'upsert' | 'remove'](item));
        for (const change of changes) follow(mirror, change);
        assert.deepEqual([...store.values()].map(keyOf).sort(), [...mirror.keys()].sort());
        for (const [key, value] of mirror) assert.equal(store.get(key), value);
      }
    }),
  );
});

/** Applies a change, and checks that it fits what is there. */
function follow(mirror: Map<string, KubeObject>, change: ObjectChange<KubeObject>): void {
  if (change.kind !== 'added') assert.equal(mirror.get(keyOf(change.before)), change.before);
  else assert.ok(!mirror.has(keyOf(change.object)));
  if (change.kind === 'updated') assert.equal(change.before.metadata.uid, change.object.metadata.uid);
  if (change.kind === 'deleted') mirror.delete(keyOf(change.before));
  else mirror.set(keyOf(change.object), change.object);
}
