// A ListWatch against a server that fails in every way it can: each case ends in an event that arrived.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unreachable } from '../../src/kube/api-error.ts';
import { SERVICE } from '../../src/kube/kinds.ts';
import { createListWatch } from '../../src/kube/list-watch.ts';
import { seconds } from '../../src/time/duration.ts';
import type { Fault } from '../fake/fake-kube-server.ts';
import { VirtualTime } from '../fake/virtual-time.ts';
import { codesOf, openWatchBed, until, type WatchBed } from './watch-bed.ts';

const LIMIT = { timeout: 10_000 };

test('a list in pages holds all objects, of one moment, by a quorum read', LIMIT, async (t) => {
  const { server, watch } = await openWatchBed(t);
  server.pageLimit = 500;
  for (let i = 0; i < 1203; i++) server.put(`many-${i}`);
  watch.start();
  await watch.synced();
  assert.equal([...watch.values()].length, 1203);
  const lists = server.seen('list');
  assert.equal(lists.length, 3);
  assert.ok(lists.every(({ query }) => !query.has('resourceVersion') && Number(query.get('limit')) >= 500));
});

test('a continue token that expires half-way begins the list anew', LIMIT, async (t) => {
  const { server, watch, problems } = await openWatchBed(t);
  server.pageLimit = 500;
  for (let i = 0; i < 600; i++) server.put(`many-${i}`);
  server.failNext('list', { kind: 'none' });
  server.failNext('list', { kind: 'status', status: 410 });
  watch.start();
  await watch.synced();
  assert.equal([...watch.values()].length, 600);
  assert.deepEqual(
    server.seen('list').map(({ query }) => query.has('continue')),
    [false, true, false, true],
  );
  assert.equal(problems.length, 0);
});

test('the watch begins where the list ended, asks for bookmarks and a random end', LIMIT, async (t) => {
  const { server, watch, arrived, watching } = await openWatchBed(t);
  server.put('a');
  watch.start();
  await watching();
  const [first] = server.seen('watch');
  assert.equal(first?.query.get('resourceVersion'), String(server.store.version));
  assert.equal(first?.query.get('allowWatchBookmarks'), 'true');
  assert.equal(first?.query.get('timeoutSeconds'), '300');
  server.put('b');
  await arrived('added web/b');
});

test('a watch resumes from the last bookmark', LIMIT, async (t) => {
  const { server, time, watch, arrived, watching } = await openWatchBed(t);
  watch.start();
  await watching();
  server.put('a');
  await arrived('added web/a');
  server.bookmark();
  const bookmarked = server.store.version;
  time.skip(seconds(300));
  server.endWatches('close');
  await watching();
  assert.equal(server.seen('watch').at(-1)?.query.get('resourceVersion'), String(bookmarked));
  assert.equal(server.seen('list').length, 1);
  server.put('b');
  await arrived('added web/b');
});

const FAULTS: readonly Fault[] = [
  ...[400, 403, 404, 429, 500, 503].map((status) => ({ kind: 'status', status }) as const),
  { kind: 'reset' },
  { kind: 'garbage' },
  { kind: 'broken-off' },
];

for (const fault of FAULTS) {
  const title = fault.kind === 'status' ? fault.status : fault.kind;

  test(`${title} on the first list: still Syncing, and the list is repeated`, LIMIT, async (t) => {
    const { server, watch, states, problems, arrived } = await openWatchBed(t);
    server.put('a');
    server.failNext('list', fault);
    watch.start();
    await arrived('added web/a');
    assert.equal(problems.length, 1);
    assert.deepEqual(states, ['Synced']);
  });

  test(`${title} on a relist: Lost, nothing is taken for deleted, and it recovers`, LIMIT, async (t) => {
    const { server, watch, states, changes, arrived, watching } = await openWatchBed(t);
    server.put('a');
    watch.start();
    await watching();
    server.failNext('watch', { kind: 'error-event', code: 410 });
    server.failNext('list', fault);
    server.endWatches('close');
    server.put('b');
    await arrived('added web/b');
    assert.ok(states.includes('Lost'), `${states}`);
    assert.equal(watch.state(), 'Synced');
    assert.deepEqual(changes, ['added web/a', 'added web/b']);
  });

  test(`${title} on a watch loses nothing`, LIMIT, async (t) => {
    const { server, watch, states, changes, arrived, watching } = await openWatchBed(t);
    server.put('a');
    watch.start();
    await watching();
    server.failNext('watch', fault);
    server.endWatches('reset');
    server.put('b');
    server.delete('a');
    await arrived('added web/b');
    await arrived('deleted web/a');
    assert.ok(states.includes('Lost'), `${states}`);
    await until(t, () => watch.state() === 'Synced');
    assert.equal(changes.length, 3);
  });
}

test('401 twice, list and watch: Lost, and an event arrives', LIMIT, async (t) => {
  const { server, watch, states, problems, arrived, watching } = await openWatchBed(t);
  const unauthorized = { kind: 'status', status: 401 } as const;
  // Each is asked once more with a fresh token before it counts.
  server.failNext('list', unauthorized);
  server.failNext('list', unauthorized);
  watch.start();
  await watching();
  server.failNext('watch', unauthorized);
  server.failNext('watch', unauthorized);
  server.endWatches('reset');
  server.put('a');
  await arrived('added web/a');
  assert.equal(codesOf(problems).filter((code) => code === 'Unauthorized').length, 2);
  assert.ok(states.includes('Lost'));
});

test('429 is repeated when the server said', LIMIT, async (t) => {
  const { server, watch, time, arrived } = await openWatchBed(t);
  server.put('a');
  server.failNext('list', { kind: 'status', status: 429, retryAfterSeconds: 17 });
  watch.start();
  await arrived('added web/a');
  assert.deepEqual(
    time.delays.filter(({ name }) => name === 'retry').map(({ delay }) => delay),
    [17_000],
  );
});

test('the back-off doubles to 30 s and starts anew after a healthy watch', LIMIT, async (t) => {
  const { server, watch, time, arrived, watching, problems } = await openWatchBed(t);
  for (let i = 0; i < 10; i++) server.failNext('list', { kind: 'status', status: 500 });
  watch.start();
  await watching();
  const retries = () => time.delays.filter(({ name }) => name === 'retry').map(({ delay }) => delay);
  assert.deepEqual(retries(), [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  time.skip(seconds(5));
  server.endWatches('reset');
  server.put('a');
  await arrived('added web/a');
  assert.equal(retries().at(-1), 200);
  assert.equal(problems.at(-1)?.retryInMs, 200);
});

test('a watcher that must not be late sets a limit of its own', LIMIT, async () => {
  const time = new VirtualTime('retry');
  const refuse = () => Promise.reject(unreachable('list', 'away'));
  const tried = Promise.withResolvers<void>();
  let attempts = 0;
  const watch = createListWatch({ listPage: refuse, watch: refuse }, SERVICE, {
    random: () => 0,
    retryLimit: seconds(5),
    time,
    onProblem: () => {
      if (++attempts === 8) tried.resolve();
    },
  });
  watch.start();
  await tried.promise;
  watch.stop();
  const delays = time.delays.map(({ delay }) => delay);
  assert.deepEqual(delays.slice(0, 7), [200, 400, 800, 1600, 3200, 5000, 5000]);
});

test('a server that takes long to refuse a watch is backed off from all the same', LIMIT, async (t) => {
  const { connection } = await openWatchBed(t);
  const time = new VirtualTime('retry');
  let attempts = 0;
  const done = Promise.withResolvers<void>();
  const source: Parameters<typeof createListWatch>[0] = {
    listPage: (kind, query) => connection.listPage(kind, query),
    watch: async () => {
      time.skip(seconds(6));
      if (++attempts === 5) done.resolve();
      throw unreachable('watch services', new Error('connect timeout'));
    },
  };
  const watch = createListWatch(source, SERVICE, { random: () => 0, time, onProblem: () => undefined });
  watch.start();
  await done.promise;
  watch.stop();
  const retries = time.delays.filter(({ name }) => name === 'retry').map(({ delay }) => delay);
  assert.deepEqual(retries, [200, 400, 800, 1600]);
});

test('410 after a compaction lists again and delivers the deletions missed meanwhile', LIMIT, async (t) => {
  const { server, watch, states, arrived, watching } = await openWatchBed(t);
  server.put('a');
  watch.start();
  await watching();
  server.failNext('watch', { kind: 'reset' });
  server.endWatches('reset');
  server.delete('a');
  server.put('b');
  server.store.compact();
  await arrived('deleted web/a');
  await arrived('added web/b');
  assert.equal(watch.get('web/a'), undefined);
  assert.equal(states.at(-1), 'Synced');
});

for (const code of [410, 500]) {
  test(`an ERROR event of ${code} lists again`, LIMIT, async (t) => {
    const { server, watch, arrived, watching } = await openWatchBed(t);
    watch.start();
    await watching();
    server.failNext('watch', { kind: 'error-event', code });
    server.endWatches('close');
    server.put('a');
    await arrived('added web/a');
    assert.equal(server.seen('list').length, 2);
  });
}

const retriesOf = ({ time }: WatchBed): readonly number[] =>
  time.delays.filter(({ name }) => name === 'retry').map(({ delay }) => delay);

test('a watch that is closed at once in a loop is held to a rate, and still delivers', LIMIT, async (t) => {
  const bed = await openWatchBed(t);
  const { server, watch, problems, arrived, watching } = bed;
  watch.start();
  await watching();
  for (let i = 0; i < 6; i++) server.failNext('watch', { kind: 'close' });
  server.endWatches('close');
  server.put('a');
  await arrived('added web/a');
  // The first of the seven was open for no time as well; once is no failure.
  assert.deepEqual(retriesOf(bed), [200, 400, 800, 1600, 1600, 1600, 1600]);
  assert.equal(problems.length, 6);
  assert.ok(problems.every(({ error }) => error.message.includes('closed at once')));
  assert.equal(server.seen('list').length, 1);
});

for (const fault of ['close', 'reset'] as const) {
  test(`an API that flaps (${fault}) is tried again soon, however long it flapped`, LIMIT, async (t) => {
    const bed = await openWatchBed(t);
    const { server, watch, arrived, watching } = bed;
    watch.start();
    await watching();
    for (let round = 0; round < 8; round++) {
      server.failNext('watch', { kind: 'status', status: 503 });
      server.endWatches(fault);
      server.put(`${round}`);
      await arrived(`added web/${round}`);
      await watching();
    }
    // What came before it broke off proves that it worked, so each round begins anew.
    assert.ok(Math.max(...retriesOf(bed)) <= 400, `${retriesOf(bed)}`);
  });
}

test('a bookmark proves a watch as an event does', LIMIT, async (t) => {
  const bed = await openWatchBed(t);
  const { server, watch, arrived, watching } = bed;
  for (let i = 0; i < 7; i++) server.failNext('list', { kind: 'status', status: 500 });
  watch.start();
  await watching();
  server.bookmark();
  server.endWatches('close');
  server.put('a');
  await arrived('added web/a');
  assert.deepEqual(retriesOf(bed).slice(6), [12_800, 200]);
  assert.equal(bed.problems.length, 7);
});

test('a watch that was accepted and broke off is tried again within 1.6 s', LIMIT, async (t) => {
  const bed = await openWatchBed(t);
  const { server, watch, arrived, watching } = bed;
  for (let i = 0; i < 7; i++) server.failNext('list', { kind: 'status', status: 500 });
  watch.start();
  await watching();
  server.endWatches('reset');
  server.put('a');
  await arrived('added web/a');
  assert.deepEqual(retriesOf(bed).slice(6), [12_800, 1600]);
});

test(
  'a list that the server forgets each time is a failure; a watch that it forgets is none',
  LIMIT,
  async (t) => {
    const { server, watch, states, problems, arrived, watching } = await openWatchBed(t);
    for (let i = 0; i < 3; i++) server.failNext('list', { kind: 'none' });
    watch.start();
    await watching();
    server.failNext('watch', { kind: 'error-event', code: 410 });
    server.endWatches('close');
    server.put('a');
    await arrived('added web/a');
    assert.deepEqual([states, codesOf(problems)], [['Synced'], ['Gone']]);
    for (let i = 0; i < 3; i++) server.failNext('list', { kind: 'status', status: 410 });
    await watching();
    server.failNext('watch', { kind: 'error-event', code: 410 });
    server.endWatches('close');
    server.put('b');
    await arrived('added web/b');
    assert.deepEqual(states, ['Synced', 'Lost', 'Synced']);
  },
);

test('a server that asks for a day of patience gets a minute', LIMIT, async (t) => {
  const bed = await openWatchBed(t);
  const { server, watch, arrived } = bed;
  server.put('a');
  server.failNext('list', { kind: 'status', status: 429, retryAfterSeconds: 86_400 });
  watch.start();
  await arrived('added web/a');
  assert.deepEqual(retriesOf(bed), [60_000]);
});

test('a watch that is silent for longer than two bookmarks is opened anew', LIMIT, async (t) => {
  const { server, watch, time, states, problems, arrived, openedWatches } = await openWatchBed(t);
  server.failNext('watch', { kind: 'half-open' });
  watch.start();
  await until(t, () => openedWatches() === 1);
  server.put('a');
  const before = time.now();
  time.fire('silence');
  await arrived('added web/a');
  assert.equal(time.now() - before, 150_000);
  assert.equal(server.seen('list').length, 1);
  // No failure: a kind that nobody touches sends no bookmarks either.
  assert.deepEqual(states, ['Synced']);
  assert.equal(problems.length, 0);
});

test('an event within the time keeps a watch open', LIMIT, async (t) => {
  const { server, watch, time, problems, arrived, watching } = await openWatchBed(t);
  watch.start();
  await watching();
  time.skip(seconds(100));
  server.put('a');
  await arrived('added web/a');
  // The timer is due 150 s after the start, 100 s of which had passed before the event.
  time.fire('silence');
  assert.equal(time.delays.at(-1)?.name, 'silence');
  server.put('b');
  await arrived('added web/b');
  assert.equal(problems.length, 0);
});

test('an object re-created during a gap is a deletion and an addition', LIMIT, async (t) => {
  const { server, watch, changes, arrived, watching } = await openWatchBed(t);
  server.put('a');
  watch.start();
  await watching();
  const before = watch.get('web/a')?.metadata.uid;
  server.failNext('watch', { kind: 'reset' });
  server.endWatches('reset');
  server.delete('a');
  server.put('a');
  server.store.compact();
  await arrived('deleted web/a');
  assert.deepEqual(changes, ['added web/a', 'deleted web/a', 'added web/a']);
  assert.notEqual(watch.get('web/a')?.metadata.uid, before);
});

test('a list older than the last seen one is discarded, and nothing is deleted by it', LIMIT, async (t) => {
  const { server, watch, changes, problems, arrived, watching } = await openWatchBed(t);
  server.put('a');
  watch.start();
  await watching();
  server.failNext('watch', { kind: 'error-event', code: 410 });
  server.failNext('list', { kind: 'lagging', resourceVersion: '1' });
  server.endWatches('close');
  server.put('b');
  await arrived('added web/b');
  assert.ok(problems.some(({ error }) => error.message.includes('is older than')));
  assert.deepEqual(changes, ['added web/a', 'added web/b']);
});

test('a handler that throws is reported and stops neither the others nor the watch', LIMIT, async (t) => {
  const { server, watch, problems, arrived } = await openWatchBed(t);
  const seen: string[] = [];
  watch.onChange(() => {
    throw new Error('a mistake of ours');
  });
  watch.onChange((change) => seen.push(change.kind));
  server.put('a');
  watch.start();
  await arrived('added web/a');
  server.put('b');
  await arrived('added web/b');
  await until(t, () => seen.length === 2);
  assert.deepEqual(
    problems.map(({ error, retryInMs }) => `${error.message} ${retryInMs}`),
    ['a mistake of ours 0', 'a mistake of ours 0'],
  );
});

test('managedFields are not kept', LIMIT, async (t) => {
  const { server, watch, arrived, watching } = await openWatchBed(t);
  server.put('a', { managedFields: [{ manager: 'x' }] });
  watch.start();
  await watching();
  server.put('b', { managedFields: [{ manager: 'x' }] });
  await arrived('added web/b');
  for (const key of ['web/a', 'web/b']) assert.ok(!('managedFields' in (watch.get(key)?.metadata ?? {})));
});

test('stop before the first list rejects synced and asks no more', LIMIT, async (t) => {
  const { server, watch, changes, time } = await openWatchBed(t);
  server.put('a');
  server.failNext('list', { kind: 'silence' });
  watch.start();
  await until(t, () => server.seen('list').length === 1);
  watch.stop();
  await assert.rejects(watch.synced(), /stopped before its first list/);
  await until(t, () => server.openConnections === 0);
  assert.deepEqual(changes, []);
  assert.deepEqual(time.pending(), []);
});

test('stop ends an open watch and leaves no timer', LIMIT, async (t) => {
  const { server, watch, time, changes, watching } = await openWatchBed(t);
  watch.start();
  await watching();
  watch.stop();
  server.put('a');
  await until(t, () => server.openWatches === 0);
  assert.deepEqual(time.pending(), []);
  assert.deepEqual(changes, []);
});
