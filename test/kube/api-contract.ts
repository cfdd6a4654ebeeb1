// What Fairlead relies on of KubeApi: objects, patches, and the writes that are particular to us.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonPatchOperation, KubeObject, ObjectRef } from '../../src/kube/api.ts';
import { ADDRESS_POOL, EVENT, LEASE, SERVICE } from '../../src/kube/kinds.ts';
import {
  type Any,
  type Cluster,
  CONFIG_MAP,
  FINALIZER,
  type Fields,
  LIMIT,
  NAMESPACE,
  refOf,
  refusedWith,
} from './contract-server.ts';

export function testObjects(cluster: Cluster): void {
  test('an object is created, read, replaced and deleted', LIMIT, async () => {
    const created = await cluster.configMap();
    const ref = refOf(created);
    assert.deepEqual((await cluster.api.get<Any>(CONFIG_MAP, ref)).data, { key: 'value' });
    const updated = await cluster.api.update<Any>(CONFIG_MAP, ref, { ...created, data: { key: 'other' } });
    assert.deepEqual(updated.data, { key: 'other' });
    assert.notEqual(updated.metadata.resourceVersion, created.metadata.resourceVersion);
    await cluster.api.remove(CONFIG_MAP, ref);
    await assert.rejects(
      cluster.api.get(CONFIG_MAP, ref),
      refusedWith('NotFound', /^get configmaps "default\/.*not found/),
    );
  });

  test('a name is given once', LIMIT, async () => {
    const created = await cluster.configMap();
    const again = cluster.api.create(CONFIG_MAP, NAMESPACE, { ...created, metadata: refOf(created) });
    await assert.rejects(again, refusedWith('AlreadyExists', /already exists/));
  });

  test('a stale replacement is a conflict', LIMIT, async () => {
    const stale = await cluster.configMap();
    await cluster.api.update(CONFIG_MAP, refOf(stale), { ...stale, data: { key: 'other' } });
    const late = cluster.api.update(CONFIG_MAP, refOf(stale), { ...stale, data: { key: 'late' } });
    await assert.rejects(late, refusedWith('Conflict', /^update configmaps/));
  });

  test('a deletion can be bound to uid and resourceVersion', LIMIT, async () => {
    const object = await cluster.configMap();
    const { uid, resourceVersion } = object.metadata;
    const ref = refOf(object);
    for (const preconditions of [
      { uid: '00000000-0000-0000-0000-000000000000' },
      { uid, resourceVersion: '1' },
    ]) {
      await assert.rejects(
        cluster.api.remove(CONFIG_MAP, ref, preconditions),
        refusedWith('Conflict', /precondition/),
      );
    }
    await cluster.api.remove(CONFIG_MAP, ref, { uid, resourceVersion });
    await assert.rejects(cluster.api.remove(CONFIG_MAP, ref), refusedWith('NotFound', /not found/));
  });

  test('an object with a finalizer is gone when that is', LIMIT, async () => {
    const object = await cluster.service([FINALIZER]);
    const ref = refOf(object);
    await cluster.api.remove(SERVICE, ref);
    const leaving = await cluster.api.get<Any>(SERVICE, ref);
    assert.ok(leaving.metadata.deletionTimestamp);
    const body = { metadata: { finalizers: null, resourceVersion: leaving.metadata.resourceVersion } };
    await cluster.api.patch(SERVICE, ref, { type: 'merge', body });
    await assert.rejects(cluster.api.get(SERVICE, ref), refusedWith('NotFound', /not found/));
  });

  test('a kind that does not exist is NotFound, never empty', LIMIT, async () => {
    const kind = {
      group: 'nowhere.example',
      version: 'v1',
      kind: 'Thing',
      plural: 'things',
      namespaced: false,
    };
    await assert.rejects(
      cluster.api.get(kind, { name: 'a' }),
      refusedWith('NotFound', /^get things "a": NotFound: /),
    );
  });
}

export function testCustomResources(cluster: Cluster): void {
  test('a new custom resource has no status, and its spec counts generations', LIMIT, async () => {
    const pool = await cluster.pool();
    assert.deepEqual([pool.status, pool.metadata.generation], [undefined, 1]);
    const body = { spec: { addresses: ['192.0.2.16/28'] }, status: { observedGeneration: 7 } };
    const changed = await cluster.api.patch<Any>(ADDRESS_POOL, refOf(pool), { type: 'merge', body });
    assert.deepEqual([changed.status, changed.metadata.generation], [undefined, 2]);
    // The API server has filled in the defaults of the other fields.
    assert.deepEqual(changed.spec, { ...pool.spec, ...body.spec });
  });

  test('the status path of a custom resource writes its status and nothing else', LIMIT, async () => {
    const pool = await cluster.pool();
    const body = {
      metadata: { finalizers: [FINALIZER], labels: { a: 'b' } },
      spec: { addresses: ['192.0.2.16/28'] },
      status: { observedGeneration: 1 },
    };
    const patch = { type: 'merge', body } as const;
    const { metadata, spec, status } = await cluster.api.patch<Any>(ADDRESS_POOL, refOf(pool), patch, {
      subresource: 'status',
    });
    assert.deepEqual(status, { observedGeneration: 1 });
    assert.deepEqual([spec, metadata.generation], [pool.spec, 1]);
    assert.deepEqual([metadata.finalizers, metadata.labels], [undefined, undefined]);
  });

  test('a deletion that waits for a finalizer is a new generation, and happens once', LIMIT, async () => {
    const ref = refOf(await cluster.pool([FINALIZER]));
    await cluster.api.remove(ADDRESS_POOL, ref);
    const leaving = await cluster.api.get<Any>(ADDRESS_POOL, ref);
    assert.equal(leaving.metadata.generation, 2);
    await cluster.api.remove(ADDRESS_POOL, ref);
    assert.deepEqual(await cluster.api.get<Any>(ADDRESS_POOL, ref), leaving);
    const body = { metadata: { finalizers: [] } };
    const gone = await cluster.api.patch<Any>(ADDRESS_POOL, ref, { type: 'merge', body });
    assert.equal(gone.metadata.uid, leaving.metadata.uid);
    await assert.rejects(cluster.api.get(ADDRESS_POOL, ref), refusedWith('NotFound', /not found/));
  });
}

const condition = (type: string, status: string): Fields => ({
  ...{ type, status, reason: 'Testing', message: '' },
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

const conditionsOf = ({ status }: Any): Fields => {
  const conditions = (status?.conditions ?? []) as readonly {
    readonly type: string;
    readonly status: string;
  }[];
  return Object.fromEntries(conditions.map(({ type, status: value }) => [type, value]));
};

const writeStatus = ({ api }: Cluster, ref: ObjectRef, body: Fields): Promise<Any> =>
  api.patch<Any>(SERVICE, ref, { type: 'strategic', body }, { subresource: 'status' });

export function testPatches(cluster: Cluster): void {
  const patchJson = (object: KubeObject, operations: readonly JsonPatchOperation[]) =>
    cluster.api.patch<Any>(CONFIG_MAP, refOf(object), { type: 'json', operations });

  test('a JSON patch whose tests hold is applied', LIMIT, async () => {
    const object = await cluster.configMap();
    const patched = await patchJson(object, [
      { op: 'test', path: '/metadata/uid', value: object.metadata.uid },
      { op: 'test', path: '/data/key', value: 'value' },
      { op: 'replace', path: '/data/key', value: 'other' },
      { op: 'add', path: '/metadata/annotations', value: {} },
      { op: 'add', path: '/metadata/annotations/example.com~1note', value: 'x' },
    ]);
    assert.deepEqual(patched.data, { key: 'other' });
    assert.deepEqual(patched.metadata.annotations, { 'example.com/note': 'x' });
  });

  const misfits: readonly (readonly JsonPatchOperation[])[] = [
    [{ op: 'test', path: '/metadata/uid', value: 'another' }],
    [{ op: 'test', path: '/data/absent', value: '' }],
    [{ op: 'remove', path: '/data/absent' }],
    [{ op: 'add', path: '/absent/key', value: 'x' }],
  ];
  for (const operations of misfits) {
    test(
      `a JSON patch that does not fit is Invalid and changes nothing: ${JSON.stringify(operations)}`,
      LIMIT,
      async () => {
        const object = await cluster.configMap();
        const all = [{ op: 'replace', path: '/data/key', value: 'other' } as const, ...operations];
        await assert.rejects(patchJson(object, all), refusedWith('Invalid', /^patch configmaps/));
        assert.deepEqual(await cluster.api.get(CONFIG_MAP, refOf(object)), object);
      },
    );
  }

  test(
    "a JSON patch may replace what is not there, against RFC 6902: the API server's own reading",
    LIMIT,
    async () => {
      const patched = await patchJson(await cluster.configMap(), [
        { op: 'replace', path: '/data/absent', value: 'x' },
      ]);
      assert.deepEqual(patched.data, { key: 'value', absent: 'x' });
    },
  );

  test('a merge patch adds, changes and removes', LIMIT, async () => {
    const object = await cluster.configMap({ annotations: { old: 'x', kept: 'y' } });
    const body = { metadata: { annotations: { old: null, fresh: 'z' } }, data: { key: 'other' } };
    const patched = await cluster.api.patch<Any>(CONFIG_MAP, refOf(object), { type: 'merge', body });
    assert.deepEqual(patched.metadata.annotations, { kept: 'y', fresh: 'z' });
    assert.deepEqual(patched.data, { key: 'other' });
  });

  test('a write that changes nothing is none', LIMIT, async () => {
    const object = await cluster.configMap();
    const patch = { type: 'merge', body: { data: { key: 'value' } } } as const;
    assert.deepEqual(await cluster.api.patch(CONFIG_MAP, refOf(object), patch), object);
    assert.deepEqual(await cluster.api.update(CONFIG_MAP, refOf(object), object), object);
  });

  test('a write to another uid of that name is refused', LIMIT, async () => {
    const object = await cluster.configMap();
    const metadata = { uid: '00000000-0000-0000-0000-000000000000' };
    const patching = cluster.api.patch(CONFIG_MAP, refOf(object), { type: 'merge', body: { metadata } });
    await assert.rejects(patching, refusedWith('Invalid', /^patch configmaps/));
    const other = { ...object, metadata: { ...object.metadata, ...metadata } };
    await assert.rejects(
      cluster.api.update(CONFIG_MAP, refOf(object), other),
      refusedWith('Conflict', /^update configmaps/),
    );
  });

  test('a patch that names an old resourceVersion is a conflict', LIMIT, async () => {
    const object = await cluster.configMap();
    const patch = {
      type: 'merge',
      body: { metadata: { resourceVersion: '1' }, data: { key: 'x' } },
    } as const;
    await assert.rejects(
      cluster.api.patch(CONFIG_MAP, refOf(object), patch),
      refusedWith('Conflict', /^patch/),
    );
  });

  test("a strategic patch of a Service's status merges conditions and finalizers", LIMIT, async () => {
    const ref = refOf(await cluster.service(['example.com/other']));
    await writeStatus(cluster, ref, {
      status: { conditions: [condition('A', 'True'), condition('B', 'True')] },
    });
    const written = await writeStatus(cluster, ref, {
      metadata: { finalizers: [FINALIZER] },
      status: {
        conditions: [condition('B', 'False')],
        loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] },
      },
    });
    assert.deepEqual(conditionsOf(written), { A: 'True', B: 'False' });
    assert.deepEqual(written.status?.loadBalancer, { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] });
    assert.deepEqual([...(written.metadata.finalizers ?? [])].sort(), ['example.com/other', FINALIZER]);
    await cluster.api.patch(SERVICE, ref, { type: 'merge', body: { metadata: { finalizers: null } } });
  });

  test(
    "a strategic patch of a Service's status takes back single conditions and finalizers",
    LIMIT,
    async () => {
      const ref = refOf(await cluster.service(['example.com/other', FINALIZER]));
      await writeStatus(cluster, ref, {
        status: { conditions: [condition('A', 'True'), condition('B', 'True')] },
      });
      const left = await writeStatus(cluster, ref, {
        metadata: { '$deleteFromPrimitiveList/finalizers': [FINALIZER] },
        status: { conditions: [{ type: 'A', $patch: 'delete' }] },
      });
      assert.deepEqual(conditionsOf(left), { B: 'True' });
      assert.deepEqual(left.metadata.finalizers, ['example.com/other']);
      await cluster.api.patch(SERVICE, ref, { type: 'merge', body: { metadata: { finalizers: null } } });
    },
  );

  test('server-side apply creates and changes what its manager owns', LIMIT, async () => {
    const { namespace, name } = cluster.ref();
    const apply = (data: Fields) =>
      cluster.api.patch<Any>(
        CONFIG_MAP,
        { namespace, name },
        {
          type: 'apply',
          fieldManager: 'fairlead-contract',
          force: true,
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data },
        },
      );
    assert.deepEqual((await apply({ a: '1' })).data, { a: '1' });
    assert.deepEqual((await apply({ a: '2' })).data, { a: '2' });
  });
}

export function testOurWrites(cluster: Cluster): void {
  test('a Lease can be held and released with an empty holder', LIMIT, async () => {
    const { namespace, name } = cluster.ref();
    const spec = {
      holderIdentity: 'node1',
      leaseDurationSeconds: 15,
      renewTime: '2026-01-01T00:00:00.123456Z',
    };
    const metadata = { name, namespace };
    await cluster.api.create(LEASE, namespace, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata,
      spec,
    });
    const operations = [
      { op: 'test', path: '/spec/holderIdentity', value: 'node1' },
      { op: 'replace', path: '/spec/holderIdentity', value: '' },
    ] as const;
    const released = await cluster.api.patch<Any>(LEASE, { namespace, name }, { type: 'json', operations });
    assert.equal(released.spec?.holderIdentity ?? '', '');
    assert.equal(released.spec?.renewTime, spec.renewTime);
    const again = cluster.api.patch(LEASE, { namespace, name }, { type: 'json', operations });
    await assert.rejects(again, refusedWith('Invalid', /^patch leases/));
  });

  test('an Event about a cluster-scoped object goes to the namespace default', LIMIT, async () => {
    const { name } = cluster.ref();
    const event = await cluster.api.create<Any>(EVENT, 'default', {
      metadata: { name, namespace: 'default' },
      involvedObject: { kind: 'AddressPool', apiVersion: 'fairlead.io/v1alpha1', name: 'pool', uid: 'a-uid' },
      ...{ type: 'Normal', reason: 'Testing', message: 'a test', source: { component: 'fairlead-contract' } },
      ...{ firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:00Z', count: 1 },
    });
    const body = { count: 2, lastTimestamp: '2026-01-01T00:01:00Z' };
    const patched = await cluster.api.patch<Any>(EVENT, refOf(event), { type: 'merge', body });
    assert.equal(patched.count, 2);
  });
}
