// A ListWatch against a server that fails in every way it can: each case ends in an event that arrived.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { KubeObject, ListWatch, WatchState } from '../../src/kube/api.ts';
import { type Connection, createConnection } from '../../src/kube/connection.ts';
import { SERVICE } from '../../src/kube/kinds.ts';
import { createListWatch } from '../../src/kube/list-watch.ts';
import { FakeKubeServer, type Fault } from '../fake/fake-kube-server.ts';

const server = new FakeKubeServer();
let connection: Connection;

before(async () => {
  const url = await server.listen();
  const headers = async (): Promise<Readonly<Record<string, string>>> => ({ authorization: 'Bearer x' });
  connection = createConnection({ server: url, tls: { rejectUnauthorized: true }, headers });
});

after(async () => {
  await connection.close();
  await server.close();
});

interface Observed {
  readonly watch: ListWatch<KubeObject>;
  readonly states: WatchState[];
  readonly problems: string[];
  /** Resolves when a change that reads like this (`added a`, `deleted a`) has arrived, also if it has before. */
  arrived(change: string): Promise<void>;
}

/** A running watch; `random` 1 makes the back-off as short as jitter allows. */
function observe(): Observed {
  const problems: string[] = [];
  const seen: string[] = [];
  const waiting = new Map<string, () => void>();
  const watch = createListWatch<KubeObject>(connection, SERVICE, {
    random: () => 0.99,
    onProblem: ({ error }) => problems.push(error.message),
  });
  watch.onChange((change) => {
    const name = (change.kind === 'deleted' ? change.before : change.object).metadata.name;
    seen.push(`${change.kind} ${name}`);
    waiting.get(`${change.kind} ${name}`)?.();
  });
  const states: WatchState[] = [];
  watch.onState((state) => states.push(state));
  const arrived = (change: string): Promise<void> =>
    seen.includes(change) ? Promise.resolve() : new Promise((resolve) => waiting.set(change, resolve));
  return { watch, states, problems, arrived };
}

let number = 0;
let name = '';
beforeEach(() => {
  name = `service-${++number}`;
});

test('a list in pages holds all objects, and asks for a quorum read', async () => {
  for (let i = 0; i < 1203; i++) server.put(`many-${i}`);
  const { watch } = observe();
  server.requests.length = 0;
  watch.start();
  await watch.synced();
  assert.equal([...watch.values()].filter((object) => object.metadata.name.startsWith('many-')).length, 1203);
  const lists = server.requests.filter((request) => request.verb === 'list');
  assert.equal(lists.length, 3);
  assert.ok(lists.every((request) => !request.query.has('resourceVersion')));
  watch.stop();
  for (let i = 0; i < 1203; i++) server.delete(`many-${i}`);
});

test('bookmarks are asked for and used to resume', async () => {
  const observed = observe();
  observed.watch.start();
  await observed.watch.synced();
  server.put(name);
  await observed.arrived(`added ${name}`);
  server.bookmark();
  server.put(`${name}-b`);
  await observed.arrived(`added ${name}-b`);
  server.endWatches('close');
  server.put(`${name}-c`);
  await observed.arrived(`added ${name}-c`);
  const watches = server.requests.filter((request) => request.verb === 'watch');
  assert.ok(watches.every((request) => request.query.get('allowWatchBookmarks') === 'true'));
  observed.watch.stop();
});

const faults: readonly { readonly title: string; readonly fault: Fault }[] = [
  ...[401, 403, 404, 429, 500, 503].map((status) => ({
    title: `${status}`,
    fault: { kind: 'status', status } as const,
  })),
  { title: 'a reset', fault: { kind: 'reset' } },
];

for (const { title, fault } of faults) {
  test(`${title} on the first list is retried`, async () => {
    const { watch, problems, arrived } = observe();
    server.put(name);
    // A 401 is answered once more with a fresh token before it counts.
    for (const _ of title === '401' ? [1, 2] : [1]) server.failNext('list', fault);
    watch.start();
    await arrived(`added ${name}`);
    assert.equal(problems.length, 1);
    watch.stop();
  });

  test(`${title} on a watch loses nothing`, async () => {
    const { watch, states, arrived } = observe();
    watch.start();
    await watch.synced();
    for (const _ of title === '401' ? [1, 2] : [1]) server.failNext('watch', fault);
    server.endWatches('reset');
    server.put(name);
    await arrived(`added ${name}`);
    assert.ok(states.includes('Lost'), `states: ${states}`);
    assert.equal(watch.state(), 'Synced');
    watch.stop();
  });
}

test('410 after a compaction lists again and delivers the deletions missed meanwhile', async () => {
  server.put(name);
  const { watch, arrived } = observe();
  watch.start();
  await arrived(`added ${name}`);
  server.failNext('watch', { kind: 'reset' });
  server.endWatches('reset');
  server.delete(name);
  server.compact();
  await arrived(`deleted ${name}`);
  assert.equal(watch.get(`web/${name}`), undefined);
  watch.stop();
});

test('410 as an ERROR event lists again', async () => {
  const { watch, arrived } = observe();
  watch.start();
  await watch.synced();
  server.failNext('watch', { kind: 'error-event', code: 410 });
  server.endWatches('close');
  server.put(name);
  await arrived(`added ${name}`);
  watch.stop();
});

test('a watch that is closed at once backs off, and still delivers', async () => {
  const { watch, problems, arrived } = observe();
  watch.start();
  await watch.synced();
  for (const _ of [1, 2, 3]) server.failNext('watch', { kind: 'close' });
  server.endWatches('close');
  server.put(name);
  await arrived(`added ${name}`);
  assert.ok(
    problems.filter((problem) => problem.includes('closed at once')).length >= 2,
    problems.join('\n'),
  );
  watch.stop();
});

test('an object re-created under the same name is a deletion and an addition', async () => {
  server.put(name);
  const { watch, arrived } = observe();
  watch.start();
  await watch.synced();
  const before = watch.get(`web/${name}`)?.metadata.uid;
  server.put(name, true);
  await arrived(`deleted ${name}`);
  await arrived(`added ${name}`);
  assert.notEqual(watch.get(`web/${name}`)?.metadata.uid, before);
  watch.stop();
});

test('a list older than the last seen one is refused, and nothing is deleted by it', async () => {
  server.put(name);
  const { watch, problems, arrived } = observe();
  watch.start();
  await watch.synced();
  server.failNext('list', { kind: 'lagging', resourceVersion: '1' });
  server.failNext('watch', { kind: 'error-event', code: 410 });
  server.endWatches('close');
  server.put(`${name}-after`);
  await arrived(`added ${name}-after`);
  assert.ok(
    problems.some((problem) => problem.includes('older than')),
    problems.join('\n'),
  );
  assert.notEqual(watch.get(`web/${name}`), undefined);
  watch.stop();
});

test('a handler that throws is reported and stops nothing', async () => {
  const { watch, problems, arrived } = observe();
  watch.onChange(() => {
    throw new Error('a mistake of ours');
  });
  server.put(name);
  watch.start();
  await arrived(`added ${name}`);
  server.put(`${name}-next`);
  await arrived(`added ${name}-next`);
  assert.ok(problems.includes('a mistake of ours'));
  watch.stop();
});

test('stop before the first list rejects synced and ends the loop', async () => {
  const { watch } = observe();
  server.failNext('list', { kind: 'status', status: 500 });
  watch.start();
  watch.stop();
  await assert.rejects(watch.synced(), /stopped before its first list/);
});
