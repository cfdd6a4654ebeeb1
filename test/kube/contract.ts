// What Fairlead relies on of an API server, as tests that run against the fake one and against the real one alike.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { JsonPatchOperation, KubeObject, ObjectRef, ResourceKind } from '../../src/kube/api.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import type { Connection, ObjectEvent, WatchEvent } from '../../src/kube/connection.ts';
import { EVENT, LEASE, SERVICE } from '../../src/kube/kinds.ts';

export interface ContractServer {
  readonly connection: Connection;
  /** Unique in this server, for names of objects. */
  readonly prefix: string;
  close(): Promise<void>;
}

const NAMESPACE = 'default';

/** A kind that has nothing but data. */
const CONFIG_MAP: ResourceKind = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};

type Fields = Readonly<Record<string, unknown>>;
type Any = KubeObject & Readonly<Record<string, Fields | undefined>>;

const FINALIZER = 'fairlead.io/load-balancer';
const LIMIT = { timeout: 20_000 };

/** Registers the contract's tests; the server is opened before the first and closed after the last. */
export function testKubeContract(name: string, open: () => Promise<ContractServer>): void {
  describe(name, () => {
    let server: ContractServer;
    before(async () => {
      server = await open();
    });
    after(() => server.close());
    const cluster = new Cluster(() => server);
    testObjects(cluster);
    testPatches(cluster);
    testLists(cluster);
    testWatches(cluster);
    testOurWrites(cluster);
  });
}

/** Shorthands over the server under test. */
class Cluster {
  readonly #server: () => ContractServer;
  #count = 0;

  constructor(server: () => ContractServer) {
    this.#server = server;
  }

  get api(): Connection {
    return this.#server().connection;
  }

  /** A name that is used once. */
  ref(): ObjectRef & { readonly namespace: string } {
    return { namespace: NAMESPACE, name: `${this.#server().prefix}-${++this.#count}` };
  }

  async configMap(metadata: Fields = {}): Promise<Any> {
    const { namespace, name } = this.ref();
    return this.api.create<Any>(CONFIG_MAP, namespace, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...metadata, name, namespace },
      data: { key: 'value' },
    });
  }

  service(finalizers: readonly string[] = []): Promise<Any> {
    const { namespace, name } = this.ref();
    return this.api.create<Any>(SERVICE, namespace, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, finalizers },
      spec: { type: 'LoadBalancer', loadBalancerClass: 'fairlead.io/lb', ports: [{ port: 80 }] },
    });
  }
}

const refOf = ({ metadata }: KubeObject): ObjectRef => ({
  name: metadata.name,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
});

const refusedWith = (code: ApiError['code'], pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, pattern);
  return true;
};

function testObjects(cluster: Cluster): void {
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

function testPatches(cluster: Cluster): void {
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
    const object = await cluster.service(['example.com/other']);
    const ref = refOf(object);
    const condition = (type: string, status: string): Fields => ({
      ...{ type, status, reason: 'Testing', message: '' },
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
    const write = (body: Fields) =>
      cluster.api.patch<Any>(SERVICE, ref, { type: 'strategic', body }, { subresource: 'status' });
    await write({ status: { conditions: [condition('A', 'True'), condition('B', 'True')] } });
    const written = await write({
      metadata: { finalizers: [FINALIZER] },
      status: {
        conditions: [condition('B', 'False')],
        loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] },
      },
    });
    const conditions = (written.status?.conditions ?? []) as readonly Fields[];
    assert.deepEqual(Object.fromEntries(conditions.map(({ type, status }) => [type, status])), {
      A: 'True',
      B: 'False',
    });
    assert.deepEqual(written.status?.loadBalancer, { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] });
    assert.deepEqual([...(written.metadata.finalizers ?? [])].sort(), ['example.com/other', FINALIZER]);
    await cluster.api.patch(SERVICE, ref, { type: 'merge', body: { metadata: { finalizers: null } } });
  });

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

function testLists(cluster: Cluster): void {
  test('pages of a list are of one moment, and complete', LIMIT, async () => {
    const labels = { contract: cluster.ref().name };
    const scope = { namespace: NAMESPACE, labelSelector: `contract=${labels.contract}` };
    for (let i = 0; i < 5; i++) await cluster.configMap({ labels });
    const first = await cluster.api.listPage<Any>(CONFIG_MAP, { ...scope, limit: 2 });
    await cluster.configMap({ labels });
    const items = [...first.items];
    for (let next = first.next; next !== undefined; ) {
      const page = await cluster.api.listPage<Any>(CONFIG_MAP, { ...scope, limit: 2, next });
      assert.equal(page.resourceVersion, first.resourceVersion);
      items.push(...page.items);
      next = page.next;
    }
    assert.ok(new Set(items.map(({ metadata }) => metadata.name)).size >= 5);
    assert.equal((await cluster.api.list(CONFIG_MAP, scope)).length, 6);
    assert.deepEqual(await cluster.api.list(CONFIG_MAP, { labelSelector: 'contract=nothing' }), []);
  });
}

/** Reads until `count` events that are no bookmarks have come. */
async function take(
  events: AsyncIterable<WatchEvent<Any>>,
  count: number,
): Promise<readonly ObjectEvent<Any>[]> {
  const taken: ObjectEvent<Any>[] = [];
  for await (const event of events) {
    if (event.type !== 'BOOKMARK') taken.push(event);
    if (taken.length === count) return taken;
  }
  throw new Error(`the watch ended after ${taken.length} events: want ${count}`);
}

function testWatches(cluster: Cluster): void {
  test('a watch tells what happened after a list, in order', LIMIT, async (t) => {
    const { resourceVersion } = await cluster.api.listPage(CONFIG_MAP, { namespace: NAMESPACE });
    const query = { namespace: NAMESPACE, resourceVersion, timeoutSeconds: 30, signal: t.signal };
    // Before the watch is open, and after.
    const created = await cluster.configMap();
    const events = await cluster.api.watch<Any>(CONFIG_MAP, query);
    const taking = take(events, 3);
    await cluster.api.update(CONFIG_MAP, refOf(created), { ...created, data: { key: 'other' } });
    await cluster.api.remove(CONFIG_MAP, refOf(created));
    const taken = await taking;
    assert.deepEqual(
      taken.map(({ type }) => type),
      ['ADDED', 'MODIFIED', 'DELETED'],
    );
    const versions = taken.map(({ object }) => BigInt(object.metadata.resourceVersion));
    assert.ok(versions.every((version, i) => version > (versions[i - 1] ?? BigInt(resourceVersion))));
    assert.ok(taken.every(({ object }) => object.metadata.uid === created.metadata.uid));
  });

  test('a watch resumes from the last event', LIMIT, async (t) => {
    const { resourceVersion } = await cluster.api.listPage(CONFIG_MAP, { namespace: NAMESPACE });
    const query = { namespace: NAMESPACE, timeoutSeconds: 30, signal: t.signal };
    const names = [(await cluster.configMap()).metadata.name, (await cluster.configMap()).metadata.name];
    const [first] = await take(await cluster.api.watch<Any>(CONFIG_MAP, { ...query, resourceVersion }), 1);
    assert.equal(first?.object.metadata.name, names[0]);
    const from = first?.object.metadata.resourceVersion ?? '';
    const [second] = await take(
      await cluster.api.watch<Any>(CONFIG_MAP, { ...query, resourceVersion: from }),
      1,
    );
    assert.equal(second?.object.metadata.name, names[1]);
  });

  test('a watch that its caller aborts ends', LIMIT, async () => {
    const { resourceVersion } = await cluster.api.listPage(CONFIG_MAP, { namespace: NAMESPACE });
    const caller = new AbortController();
    const query = { namespace: NAMESPACE, resourceVersion, timeoutSeconds: 30, signal: caller.signal };
    const taking = take(await cluster.api.watch<Any>(CONFIG_MAP, query), 1);
    caller.abort();
    await assert.rejects(taking, refusedWith('Unreachable', /^watch configmaps in "default"/));
  });
}

function testOurWrites(cluster: Cluster): void {
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
