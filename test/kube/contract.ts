// What Fairlead relies on of an API server, as tests that run against the fakes and against the real one alike.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { KubeApi } from '../../src/kube/api.ts';
import type { Connection, ObjectEvent, WatchEvent } from '../../src/kube/connection.ts';
import { testCustomResources, testObjects, testOurWrites, testPatches } from './api-contract.ts';
import {
  type Any,
  Cluster,
  CONFIG_MAP,
  type ContractServer,
  LIMIT,
  NAMESPACE,
  refOf,
  refusedWith,
} from './contract-server.ts';

/** The part that needs no pages and no watches. The server is opened before the first test and closed after the last. */
export function testApiContract<Api extends KubeApi>(
  name: string,
  open: () => Promise<ContractServer<Api>>,
  more: (cluster: Cluster<Api>) => void = () => {},
): void {
  describe(name, () => {
    let server: ContractServer<Api> | undefined;
    before(async () => {
      server = await open();
    });
    after(() => server?.close());
    const cluster = new Cluster(() => server);
    testObjects(cluster);
    testCustomResources(cluster);
    testPatches(cluster);
    testOurWrites(cluster);
    more(cluster);
  });
}

export function testKubeContract(name: string, open: () => Promise<ContractServer<Connection>>): void {
  testApiContract(name, open, (cluster) => {
    testLists(cluster);
    testWatches(cluster);
  });
}

function testLists(cluster: Cluster<Connection>): void {
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

function testWatches(cluster: Cluster<Connection>): void {
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
