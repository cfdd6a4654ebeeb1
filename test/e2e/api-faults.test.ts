// Our connection and list-watch on a real API server that fails in every way it can: each case ends in an event that
// arrived, with none lost and none doubled.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiFault, TlsFailure } from '../../lab/fault-proxy.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { EVENT } from '../../src/kube/kinds.ts';
import { minutes, seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { BentTime } from './bent-time.ts';
import { CONFIG_MAP, NAMESPACE, useFaultBed, type Watcher, watchThrough } from './fault-bed.ts';

/** Faults of single requests, and the code of the problems that they make. */
const FAULTS: readonly { readonly fault: ApiFault; readonly code: string }[] = [
  { fault: { kind: 'status', status: 401 }, code: 'Unauthorized' },
  { fault: { kind: 'status', status: 403 }, code: 'Forbidden' },
  { fault: { kind: 'status', status: 429, retryAfterSeconds: 1 }, code: 'TooManyRequests' },
  { fault: { kind: 'status', status: 500 }, code: 'ServerError' },
  { fault: { kind: 'status', status: 503 }, code: 'ServerError' },
  { fault: { kind: 'reset' }, code: 'Unreachable' },
];

/** A 401 is asked once more with fresh credentials before it counts. */
const attemptsOf = (fault: ApiFault): number => (fault.kind === 'status' && fault.status === 401 ? 2 : 1);

/** What the watch says of each. */
const TLS_FAILURES: readonly (readonly [TlsFailure, RegExp])[] = [
  ['alert', /handshake failure/],
  ['stranger', /self-signed certificate/],
  ['reset', /ECONNRESET|socket disconnected/],
];

const titleOf = (fault: ApiFault): string =>
  fault.kind === 'status' ? `status ${fault.status}` : fault.kind;

describe('a list-watch on a real API server', requirement('cluster'), () => {
  const bed = useFaultBed('e2e-faults');

  /** Resolves after so many further problems. */
  const problems = (watcher: Watcher, more: number): Promise<true> => {
    const enough = watcher.problems.length + more;
    return watcher.until(`${more} problems`, () => watcher.problems.length >= enough);
  };

  for (const { fault, code } of FAULTS) {
    const title = titleOf(fault);
    const times = 2 * attemptsOf(fault);
    const path = /configmaps/;

    test(`${title} on the first list`, async (t) => {
      const { proxy } = bed();
      const refused = proxy.inject(fault, { verb: 'list', path, times });
      const watcher = watchThrough(t, bed());
      await watcher.begin();
      assert.equal(refused.struckAt.length, times);
      assert.deepEqual(watcher.codes(), [code]);
      assert.deepEqual(watcher.states, ['Synced']);
      await watcher.changeAll();
      await watcher.end();
    });

    test(`${title} on a watch`, async (t) => {
      const { proxy } = bed();
      const watcher = watchThrough(t, bed());
      await watcher.begin();
      const refused = proxy.inject(fault, { verb: 'watch', path });
      proxy.resetAll();
      await problems(watcher, 3);
      assert.equal(watcher.watch.state(), 'Lost');
      await watcher.changeAll();
      refused.lift();
      await watcher.end();
      assert.deepEqual(watcher.codes(), [...new Set(['Unreachable', code])]);
      // It resumed; with what is in the server's memory nothing need be listed again.
      assert.equal(watcher.lists, 1);
    });

    test(`${title} on a relist`, async (t) => {
      const { proxy } = bed();
      const watcher = watchThrough(t, bed());
      await watcher.begin();
      proxy.inject({ kind: 'status', status: 410 }, { verb: 'watch', path, times: 1 });
      const refused = proxy.inject(fault, { verb: 'list', path });
      proxy.resetAll();
      await problems(watcher, 4);
      assert.equal(watcher.watch.state(), 'Lost');
      assert.deepEqual(watcher.ledger.changes.length, 1, 'what can not be listed is not gone');
      await watcher.changeAll();
      refused.lift();
      await watcher.end();
      assert.equal(watcher.lists, 2);
    });
  }

  test('429: it waits for as long as it was told to', async (t) => {
    const { proxy } = bed();
    const slowDown = { kind: 'status', status: 429, retryAfterSeconds: 2 } as const;
    const refused = proxy.inject(slowDown, { verb: 'list', path: /configmaps/, times: 2 });
    const watcher = watchThrough(t, bed(), { time: new BentTime({}) });
    await watcher.begin();
    const [first = 0, second = 0] = refused.struckAt;
    assert.ok(second - first >= 2000, `asked again after ${second - first} ms`);
    await watcher.changeAll();
    await watcher.end();
  });

  for (const [how, message] of TLS_FAILURES) {
    test(`TLS that fails (${how}) in mid-life`, async (t) => {
      const { proxy } = bed();
      const watcher = watchThrough(t, bed());
      await watcher.begin();
      proxy.failTls(how);
      proxy.resetAll();
      await problems(watcher, 4);
      await watcher.changeAll();
      proxy.failTls(undefined);
      await watcher.end();
      assert.match(watcher.problems.at(-1)?.error.message ?? '', message);
      assert.deepEqual([watcher.codes(), watcher.lists], [['Unreachable'], 1]);
    });
  }

  test('packets are lost for less than keep-alive takes: nobody notices', async (t) => {
    const { proxy } = bed();
    const watcher = watchThrough(t, bed());
    await watcher.begin();
    await proxy.drop();
    await watcher.changeAll();
    await assertNoAnswer(watcher, seconds(3));
    proxy.heal();
    await watcher.end();
    assert.deepEqual([watcher.problems, watcher.opened, watcher.lists], [[], 1, 1]);
  });

  test('packets are lost for long: half-open connections are given up, new ones in vain', async (t) => {
    const { proxy } = bed();
    const watcher = watchThrough(t, bed());
    await watcher.begin();
    const began = performance.now();
    await proxy.drop();
    await watcher.changeAll();
    await assertNoAnswer(watcher, seconds(1));
    await problems(watcher, 1);
    t.diagnostic(`noticed after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    assert.match(watcher.problems[0]?.error.message ?? '', /ETIMEDOUT/);
    await problems(watcher, 1);
    assert.match(watcher.problems[1]?.error.message ?? '', /no connection within 5 s/);
    assert.equal(watcher.watch.state(), 'Lost');
    proxy.heal();
    await watcher.end();
    assert.equal(watcher.lists, 1);
  });

  test('a watch that is silent while TCP is alive is opened anew', async (t) => {
    const { proxy } = bed();
    const silent = proxy.inject({ kind: 'silence' }, { verb: 'watch', path: /configmaps/, times: 1 });
    const watcher = watchThrough(t, bed(), { time: new BentTime({ retry: 0.1, silence: 0.02 }) });
    await watcher.begin();
    assert.equal(silent.struckAt.length, 1);
    await watcher.changeAll();
    await watcher.end();
    assert.ok(watcher.opened >= 2);
    assert.deepEqual([watcher.problems, watcher.lists], [[], 1]);
  });

  test('a request that is never answered ends, and the next one does not', async (t) => {
    const { proxy } = bed();
    const watcher = watchThrough(t, bed());
    await watcher.begin();
    const silent = proxy.inject({ kind: 'silence' }, { verb: 'list' });
    await assertNoAnswer(watcher, seconds(1));
    silent.lift();
    await watcher.connection.list(CONFIG_MAP, { namespace: NAMESPACE });
    await watcher.changeAll();
    await watcher.end();
    assert.deepEqual([watcher.problems, watcher.opened], [[], 1]);
  });

  for (const target of ['apiserver', 'etcd']) {
    test(`${target} is killed and started again`, async (t) => {
      const { lab } = bed();
      const watcher = watchThrough(t, bed());
      await watcher.begin();
      // On its way when the server dies.
      await watcher.changeAll(1);
      await lab.faults.kill(target);
      if (target === 'apiserver') await problems(watcher, 2);
      await lab.faults.start(target);
      await watcher.changeAll(2);
      await watcher.arrived('added during1');
      await watcher.end(2);
      t.diagnostic(`problems: ${watcher.codes().join(', ') || 'none'}; lists: ${watcher.lists}`);
    });
  }

  test('410: etcd was compacted while the watch was away', async (t) => {
    const { lab, proxy } = bed();
    // The API server keeps no history of Events in memory, so their watches depend on that of etcd.
    const watcher = watchThrough(t, bed(), { kind: EVENT });
    const event = { involvedObject: { namespace: NAMESPACE, kind: 'Node', name: 'node1' } };
    await watcher.create('before', event);
    await watcher.create('gone', event);
    await watcher.arrived('added gone');
    const away = proxy.inject({ kind: 'reset' }, { verb: 'watch', path: /events/ });
    proxy.resetAll();
    await problems(watcher, 2);
    await watcher.remove('gone');
    await watcher.create('during', event);
    await watcher.touch('during');
    await compact();
    assert.equal(watcher.watch.state(), 'Lost');
    away.lift();
    await watcher.arrived('deleted gone');
    await watcher.arrived('added during');
    await watcher.create('after', event);
    await watcher.arrived('added after');
    assert.deepEqual(watcher.codes(), ['Unreachable', 'Gone']);
    assert.equal(watcher.lists, 2);
    await watcher.assertComplete();

    async function compact(): Promise<void> {
      const newest = await lab.api.list<{ metadata: never }>(EVENT);
      const revision = Math.max(
        ...newest.map(({ metadata }) => Number((metadata as { resourceVersion: string }).resourceVersion)),
      );
      const etcdctl = ['env', 'ETCDCTL_API=3', 'etcdctl', '--endpoints=127.0.0.1:2379'];
      const { code, stderr } = await lab.exec(lab.network.controlPlane, [
        ...etcdctl,
        'compact',
        String(revision),
      ]);
      assert.equal(code, 0, stderr);
    }
  });

  test('an object that was made anew while the watch was away is a deletion and an addition', async (t) => {
    const { proxy } = bed();
    const watcher = watchThrough(t, bed());
    await watcher.begin();
    const gone = { kind: 'status', status: 410 } as const;
    proxy.inject(gone, { verb: 'watch', path: /configmaps/, times: 1 });
    const away = proxy.inject({ kind: 'reset' }, { verb: 'list', path: /configmaps/ });
    proxy.resetAll();
    await problems(watcher, 2);
    await watcher.remove('before');
    await watcher.create('before');
    away.lift();
    await watcher.arrived('deleted before');
    await watcher.create('after');
    await watcher.arrived('added after');
    await watcher.assertComplete();
    const ofIt = watcher.ledger.changes.filter((change) => change.endsWith('-before'));
    assert.deepEqual(
      ofIt.map((change) => change.split(' ')[0]),
      ['added', 'deleted', 'added'],
    );
  });

  test('a watch that is closed at once in a loop is asked for less than once a second', async (t) => {
    const { proxy } = bed();
    const closing = proxy.inject({ kind: 'close' }, { verb: 'watch', path: /configmaps/ });
    const watcher = watchThrough(t, bed(), { time: new BentTime({}) });
    await watcher.create('before');
    await watcher.arrived('added before');
    await watcher.until('eight watches', () => closing.struckAt.length >= 8);
    const gaps = closing.struckAt.slice(1).map((at, i) => at - (closing.struckAt[i] ?? at));
    t.diagnostic(`asked again after ${gaps.map((gap) => (gap / 1000).toFixed(1)).join(', ')} s`);
    assert.ok(gaps.every((gap) => gap > 100) && gaps.slice(3).every((gap) => gap > 1000), `${gaps}`);
    await watcher.changeAll();
    const healed = performance.now();
    closing.lift();
    await watcher.end();
    t.diagnostic(`all arrived ${((performance.now() - healed) / 1000).toFixed(1)} s after the end of it`);
    assert.equal(watcher.lists, 1);
  });

  test('the clock is stepped by an hour, forwards and back', async (t) => {
    const time = new BentTime({ retry: 0.1, silence: 0.02 });
    const watcher = watchThrough(t, bed(), { time });
    await watcher.begin();
    for (const [round, hours] of [1, -1].entries()) {
      time.step(minutes(60) * hours);
      await watcher.changeAll(round);
      await watcher.arrived(`added during${round}`);
      bed().proxy.resetAll();
      await watcher.end(round);
    }
    assert.equal(watcher.lists, 1);
  });

  test('every list of all of these was a quorum read, and every watch asked for bookmarks', async () => {
    const entries = (await bed().lab.auditEntries()).filter(({ userAgent }) => userAgent === 'fairlead');
    const queriesOf = (verb: string): readonly URLSearchParams[] =>
      entries
        .filter((entry) => entry.verb === verb)
        .map(({ requestURI }) => new URL(requestURI, 'https://lab').searchParams);
    const [lists, watches] = [queriesOf('list'), queriesOf('watch')];
    assert.ok(lists.length > 5 && watches.length > 5, `${lists.length} lists, ${watches.length} watches`);
    // No resourceVersion at all: neither 0, which is any copy however old, nor one that may be older than what is there.
    assert.deepEqual(
      lists.filter((query) => query.has('resourceVersion')),
      [],
    );
    assert.ok(watches.every((query) => query.get('allowWatchBookmarks') === 'true'));
    assert.ok(watches.every((query) => Number(query.get('resourceVersion')) > 0));
  });
});

async function assertNoAnswer(watcher: Watcher, limit: ReturnType<typeof seconds>): Promise<void> {
  const list = watcher.connection.within(limit).list(CONFIG_MAP, { namespace: NAMESPACE });
  await assert.rejects(
    list,
    (error) => error instanceof ApiError && error.code === 'Unreachable' && /no answer/.test(error.message),
  );
}
