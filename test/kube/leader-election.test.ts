// Two candidates for one Lease: never two leaders, whatever the API does to either.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { electLeader, LEADER_ELECTION_TIMES, type LeaderElector } from '../../src/kube/leader-election.ts';
import { seconds } from '../../src/time/duration.ts';
import { FakeCluster } from '../fake/fake-cluster.ts';
import { FakeKubeApi, fail } from '../fake/fake-kube-api.ts';
import { settle, VirtualTime } from '../fake/virtual-time.ts';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/fairlead-system/leases/fairlead-controller';

interface Candidate {
  readonly api: FakeKubeApi;
  readonly elector: LeaderElector;
}

class Bed {
  readonly time = new VirtualTime();
  readonly cluster = new FakeCluster();
  readonly log: string[] = [];
  readonly problems: string[] = [];
  readonly #start = this.time.now();
  readonly candidates: readonly [Candidate, Candidate] = [this.#candidate('a'), this.#candidate('b')];

  #candidate(holder: string): Candidate {
    const api = new FakeKubeApi(this.cluster);
    const note = (what: string): number =>
      this.log.push(`${(this.time.now() - this.#start) / 1000} ${holder} ${what}`);
    const elector = electLeader(api, {
      namespace: 'fairlead-system',
      name: 'fairlead-controller',
      holder,
      labels: {},
      timestamp: () => this.time.timestamp(),
      random: () => 0,
      time: this.time,
      onStarted: () => note('leads'),
      onStopped: () => note('stopped'),
      onLeader: (leader) => note(`saw ${leader}`),
      onProblem: (error) => this.problems.push(error.message),
    });
    return { api, elector };
  }

  leaders(): number {
    return this.candidates.filter(({ elector }) => elector.isLeader()).length;
  }

  holder(): unknown {
    const { body } = this.cluster.store.handle({ method: 'GET', path: PATH });
    return (body as { spec: { holderIdentity: string } }).spec.holderIdentity;
  }
}

/** `a` leads, `b` is a candidate. */
async function opened(): Promise<Bed> {
  const bed = new Bed();
  for (const { elector } of bed.candidates) {
    elector.start();
    await settle();
  }
  assert.deepEqual(bed.log, ['0 a leads', '0 b saw a']);
  return bed;
}

test('one leads, and goes on leading', async () => {
  const bed = await opened();
  await bed.time.advance(seconds(120));
  assert.deepEqual(bed.log, ['0 a leads', '0 b saw a']);
  assert.deepEqual(bed.problems, []);
});

test('a leader that is cut off stops after 10 s, the other leads after 15 s', async () => {
  const bed = await opened();
  const [a, b] = bed.candidates;
  a.api.before = () => fail();
  await bed.time.advance(seconds(60));
  assert.deepEqual(bed.log.slice(2, 4), ['10 a stopped', '15 b leads']);
  assert.equal(b.elector.isLeader(), true);
  a.api.recover();
  await bed.time.advance(seconds(60));
  assert.deepEqual(bed.log.slice(4), ['65 a saw b']);
});

test('a leader whose request hangs stops at its deadline all the same', async () => {
  const bed = await opened();
  const [a] = bed.candidates;
  a.api.isHeld = true;
  await bed.time.advance(seconds(30));
  assert.deepEqual(bed.log.slice(2, 4), ['10 a stopped', '15 b leads']);
  // The late request finds the Lease written by another.
  a.api.isHeld = false;
  a.api.release();
  await bed.time.advance(seconds(10));
  assert.equal(a.elector.isLeader(), false);
});

test('an answer that comes after the deadline that it extends makes nobody leader', async () => {
  const bed = await opened();
  const [a, b] = bed.candidates;
  await b.elector.stop();
  a.api.isHeld = true;
  await bed.time.advance(seconds(16));
  a.api.isHeld = false;
  a.api.release();
  await settle();
  assert.equal(a.elector.isLeader(), false);
  assert.equal(bed.log.at(-1), '10 a stopped');
  await bed.time.advance(seconds(5));
  assert.equal(bed.log.at(-1), '21 a leads');
});

test('one failed renewal is made good within the deadline', async () => {
  const bed = await opened();
  const [a] = bed.candidates;
  a.api.before = () => fail();
  await bed.time.advance(seconds(8));
  a.api.recover();
  await bed.time.advance(seconds(60));
  assert.deepEqual(bed.log, ['0 a leads', '0 b saw a']);
});

test('a leader that stops gives the Lease back, and the other has it at its next look', async () => {
  const bed = await opened();
  await bed.time.advance(seconds(6));
  const [a, b] = bed.candidates;
  await a.elector.stop();
  assert.equal(bed.holder(), '');
  await bed.time.advance(seconds(5));
  assert.deepEqual(bed.log.slice(2), ['6 a stopped', '10 b leads']);
  await b.elector.stop();
  assert.deepEqual(bed.time.pending(), []);
});

test('a candidate that stops leaves the leader alone', async () => {
  const bed = await opened();
  await bed.candidates[1].elector.stop();
  await bed.time.advance(seconds(30));
  assert.deepEqual(bed.log, ['0 a leads', '0 b saw a']);
  assert.equal(bed.holder(), 'a');
});

test('a leader whose Lease was taken by hand stops at its next renewal', async () => {
  const bed = await opened();
  const body = { spec: { holderIdentity: 'b' } };
  bed.cluster.store.handle({
    method: 'PATCH',
    path: PATH,
    contentType: 'application/merge-patch+json',
    body,
  });
  await bed.time.advance(seconds(7));
  assert.ok(bed.log.includes('6 a stopped'), `${bed.log}`);
  assert.equal(bed.leaders(), 1);
});

test('errors while waiting do not put off the take-over', async () => {
  const bed = await opened();
  const [a, b] = bed.candidates;
  a.api.before = () => fail();
  await bed.time.advance(seconds(4));
  b.api.before = () => fail();
  await bed.time.advance(seconds(8));
  b.api.recover();
  await bed.time.advance(seconds(10));
  assert.ok(bed.log.includes('15 b leads'), `${bed.log}`);
});

test('never two leaders, and one in the end', async () => {
  const trouble = fc.constantFrom('before', 'after', 'held', 'none', 'none');
  const step = fc.record({ who: fc.nat(1), trouble, wait: fc.integer({ min: 1, max: 12_000 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
      const bed = await opened();
      for (const { who, trouble: kind, wait } of steps) {
        const { api } = bed.candidates[who === 0 ? 0 : 1];
        api.isHeld = kind === 'held';
        const isFailing = kind === 'before' || kind === 'after';
        api.recover();
        if (isFailing) api[kind] = () => fail();
        if (kind !== 'held') api.release();
        for (let left = wait; left > 0; left -= 500) {
          await bed.time.advance(seconds(Math.min(left, 500) / 1000));
          assert.ok(bed.leaders() <= 1, bed.log.join('\n'));
        }
      }
      for (const { api } of bed.candidates) {
        api.isHeld = false;
        api.recover();
        api.release();
      }
      await bed.time.advance(seconds(30));
      assert.equal(bed.leaders(), 1, bed.log.join('\n'));
    }),
    { numRuns: 30 },
  );
});

test('a renewal that is never answered leaves time for another before the deadline', () => {
  const api = new FakeKubeApi(new FakeCluster());
  const time = new VirtualTime();
  const limits: number[] = [];
  const bounded = Object.assign(Object.create(api) as FakeKubeApi, {
    within(limit: number) {
      limits.push(limit);
      return api;
    },
  });
  const ignore = (): void => undefined;
  const names = { namespace: 'fairlead-system', name: 'fairlead-controller', holder: 'a', labels: {} };
  const handlers = { onStarted: ignore, onStopped: ignore, onProblem: ignore };
  electLeader(bounded, { ...names, ...handlers, timestamp: () => time.timestamp(), random: () => 0, time });
  const { renewDeadline, retryPeriod } = LEADER_ELECTION_TIMES;
  const [limit = Number.POSITIVE_INFINITY] = limits;
  // The hung one, and a second attempt of a read and a write.
  assert.ok(retryPeriod + 2 * limit < renewDeadline, `${limit} ms for a request`);
});
