// A Lease that is kept: taken, renewed, retried, given back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepLease, type LeaseKeeper } from '../../src/kube/lease.ts';
import { milliseconds, seconds } from '../../src/time/duration.ts';
import { FakeKubeApi, fail } from '../fake/fake-kube-api.ts';
import { settle, VirtualTime } from '../fake/virtual-time.ts';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/fairlead-system/leases/fairlead-agent-node1';

interface Bed {
  readonly api: FakeKubeApi;
  readonly time: VirtualTime;
  readonly keeper: LeaseKeeper;
  readonly log: string[];
  spec(): Readonly<Record<string, unknown>>;
}

function open(): Bed {
  const api = new FakeKubeApi();
  const time = new VirtualTime();
  const log: string[] = [];
  const start = time.now();
  const note = (what: string): number => log.push(`${(time.now() - start) / 1000} ${what}`);
  const keeper = keepLease(api, {
    namespace: 'fairlead-system',
    name: 'fairlead-agent-node1',
    holder: 'node1',
    labels: { 'app.kubernetes.io/component': 'agent' },
    durationSeconds: 15,
    renewIntervalMs: 7000,
    retryIntervalMs: 1000,
    timestamp: () => time.timestamp(),
    onRenewed: () => note('renewed'),
    onFailed: () => note('failed'),
    time,
  });
  const spec = () =>
    (
      api.cluster.store.handle({ method: 'GET', path: PATH }).body as {
        spec: Readonly<Record<string, unknown>>;
      }
    ).spec;
  return { api, time, keeper, log, spec };
}

/** Writes the Lease as somebody else would. */
function seize({ api }: Bed, holder: string): void {
  const body = { spec: { holderIdentity: holder } };
  api.cluster.store.handle({
    method: 'PATCH',
    path: PATH,
    contentType: 'application/merge-patch+json',
    body,
  });
}

test('a Lease is created and renewed, one write each', async () => {
  const { api, time, keeper, log, spec } = open();
  keeper.start();
  await time.advance(seconds(21));
  assert.deepEqual(log, ['0 renewed', '7 renewed', '14 renewed', '21 renewed']);
  assert.deepEqual(
    api.requests.map(({ method }) => method),
    ['GET', 'POST', 'PUT', 'PUT', 'PUT'],
  );
  const { renewTime, acquireTime, ...rest } = spec();
  assert.deepEqual(rest, { holderIdentity: 'node1', leaseDurationSeconds: 15, leaseTransitions: 0 });
  assert.equal(Date.parse(String(renewTime)) - Date.parse(String(acquireTime)), 21_000);
  assert.deepEqual(api.limits, [5000]);
  keeper.stop();
});

test('what somebody else wrote is read and taken over', async () => {
  const bed = open();
  bed.keeper.start();
  await settle();
  seize(bed, 'somebody');
  await bed.time.advance(seconds(8));
  assert.deepEqual(bed.log, ['0 renewed', '7 failed', '8 renewed']);
  assert.equal(bed.spec().holderIdentity, 'node1');
  assert.equal(bed.spec().leaseTransitions, 1);
  bed.keeper.stop();
});

test('a failed renewal is retried after 1, 2, 4, 7, 7 s, until it succeeds', async () => {
  const { api, time, keeper, log } = open();
  api.before = () => fail();
  keeper.start();
  await time.advance(seconds(20));
  assert.deepEqual(log, ['0 failed', '1 failed', '3 failed', '7 failed', '14 failed']);
  api.recover();
  await time.advance(seconds(8));
  assert.deepEqual(log.slice(5), ['21 renewed', '28 renewed']);
  keeper.stop();
});

test('a write whose answer was lost is no conflict with ourselves', async () => {
  const { api, time, keeper, log, spec } = open();
  api.after = ({ verb }) => {
    if (verb === 'create') fail();
  };
  keeper.start();
  await time.advance(seconds(1));
  assert.deepEqual(log, ['0 failed', '1 renewed']);
  assert.equal(spec().leaseTransitions, 0);
  keeper.stop();
});

test('a slow answer does not stretch the interval', async () => {
  const { api, time, keeper, log } = open();
  api.isHeld = true;
  keeper.start();
  await time.advance(seconds(2));
  api.isHeld = false;
  api.release();
  await time.advance(seconds(5));
  assert.deepEqual(log, ['2 renewed', '7 renewed']);
  keeper.stop();
});

test('release clears the holder, stops renewing, and can be repeated', async () => {
  const { time, keeper, log, spec } = open();
  keeper.start();
  await settle();
  await keeper.release();
  await keeper.release();
  assert.equal(spec().holderIdentity, '');
  await time.advance(seconds(60));
  assert.deepEqual(log, ['0 renewed']);
  assert.deepEqual(time.pending(), []);
});

test('release waits for the renewal that is under way', async () => {
  const { api, keeper, spec } = open();
  api.isHeld = true;
  keeper.start();
  await settle();
  const releasing = keeper.release();
  api.isHeld = false;
  api.release();
  await releasing;
  assert.equal(spec().holderIdentity, '');
});

test('release leaves alone what is not ours any more', async () => {
  const bed = open();
  bed.keeper.start();
  await settle();
  seize(bed, 'somebody');
  await bed.keeper.release();
  assert.equal(bed.spec().holderIdentity, 'somebody');
});

test('release of a Lease that was never made is done', async () => {
  const { api, keeper } = open();
  await keeper.release();
  assert.deepEqual(
    api.requests.map(({ method, path }) => `${method} ${path}`),
    [`PATCH ${PATH}`],
  );
});

test('release that could not be written rejects', async () => {
  const { api, keeper, spec } = open();
  keeper.start();
  await settle();
  api.before = () => fail();
  await assert.rejects(keeper.release(), { code: 'Unreachable' });
  api.recover();
  await keeper.release();
  assert.equal(spec().holderIdentity, '');
});

test('stop leaves the Lease as it is', async () => {
  const { time, keeper, spec } = open();
  keeper.start();
  await time.advance(milliseconds(100));
  keeper.stop();
  await time.advance(seconds(60));
  assert.equal(spec().holderIdentity, 'node1');
  assert.deepEqual(time.pending(), []);
});

test('a Lease that was deleted is made anew when asked for, and renewed from then on', async () => {
  const { api, time, keeper, log, spec } = open();
  keeper.start();
  await time.advance(seconds(2));
  api.cluster.store.handle({ method: 'DELETE', path: PATH });
  keeper.renew();
  await settle();
  assert.equal(spec().holderIdentity, 'node1');
  await time.advance(seconds(7));
  assert.deepEqual(log, ['0 renewed', '2 renewed', '9 renewed']);
  assert.deepEqual(time.pending(), ['renew Lease'], 'one row of renewals');
  keeper.stop();
  assert.deepEqual(time.pending(), []);
});

test('to ask for a renewal while one is under way makes one row of renewals', async () => {
  const { api, time, keeper, log } = open();
  api.isHeld = true;
  keeper.start();
  await settle();
  keeper.renew();
  api.isHeld = false;
  api.release();
  await time.advance(seconds(7));
  assert.deepEqual(log, ['0 renewed', '0 renewed', '7 renewed']);
  keeper.stop();
  assert.deepEqual(time.pending(), []);
});

test('a Lease that is not kept is not made anew', async () => {
  const { api, time, keeper } = open();
  keeper.renew();
  await time.advance(seconds(20));
  assert.equal(api.requests.length, 0);
});
