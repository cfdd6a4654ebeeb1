// The event recorder: counting, budget, and never in anybody's way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventRecorder, EventTarget } from '../../src/kube/api.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { createEventRecorder } from '../../src/kube/events.ts';
import { type Duration, milliseconds, minutes } from '../../src/time/duration.ts';
import { FakeKubeApi, fail } from '../fake/fake-kube-api.ts';
import { placeOf } from '../fake/fake-kube-store.ts';
import { VirtualTime } from '../fake/virtual-time.ts';

const SHOP: EventTarget = { kind: 'Service', apiVersion: 'v1', namespace: 'web', name: 'shop', uid: 'u1' };
const POOL: EventTarget = {
  kind: 'AddressPool',
  apiVersion: 'fairlead.io/v1alpha1',
  name: '10.0.0.0',
  uid: 'u2',
};

interface Bed {
  readonly api: FakeKubeApi;
  readonly time: VirtualTime;
  readonly events: EventRecorder;
  readonly problems: string[];
  /** The stored events as `namespace/involved TYPE Reason xCOUNT: message`. */
  stored(): readonly string[];
}

interface StoredEvent {
  readonly metadata: { readonly namespace: string };
  readonly involvedObject: { readonly name: string };
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
}

const ALL = placeOf('/api/v1/events');

function open(delay?: Duration): Bed {
  const api = new FakeKubeApi();
  const time = new VirtualTime();
  const problems: string[] = [];
  let unique = 0;
  const events = createEventRecorder(api, {
    component: 'fairlead-controller',
    timestamp: () => time.timestamp(),
    uniqueName: () => `${++unique}`,
    onProblem: (error) => problems.push(error.message),
    time,
    ...(delay === undefined ? {} : { delay }),
  });
  const stored = () =>
    (api.cluster.store.objects(ALL) as unknown as readonly StoredEvent[]).map(
      ({ metadata, involvedObject, type, reason, count, message }) =>
        `${metadata.namespace}/${involvedObject.name} ${type} ${reason} x${count}: ${message}`,
    );
  return { api, time, events, problems, stored };
}

test('the same event raises a count; another message is another event', async () => {
  const { events, api, stored } = open();
  events.record(SHOP, 'Warning', 'SyncLoadBalancerFailed', 'pool full');
  await events.flush();
  events.record(SHOP, 'Warning', 'SyncLoadBalancerFailed', 'pool full');
  events.record(SHOP, 'Warning', 'SyncLoadBalancerFailed', 'no pool');
  await events.flush();
  assert.deepEqual(stored(), [
    'web/shop Warning SyncLoadBalancerFailed x2: pool full',
    'web/shop Warning SyncLoadBalancerFailed x1: no pool',
  ]);
  assert.equal(api.requests.filter(({ verb }) => verb === 'patch').length, 1);
});

test('times are whole seconds, and source and reporter are set', async () => {
  const { events, api } = open();
  events.record(SHOP, 'Normal', 'EnsuredLoadBalancer', 'done');
  await events.flush();
  const [event] = api.cluster.store.objects(ALL);
  assert.match(String(event?.firstTimestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual(event?.source, { component: 'fairlead-controller' });
  assert.equal(event?.reportingComponent, 'fairlead-controller');
  assert.deepEqual(event?.involvedObject, SHOP);
});

test('an event about a cluster-scoped object is in default, the only place where it may be', async () => {
  const { events, stored } = open();
  events.record(POOL, 'Normal', 'Ready', 'valid');
  await events.flush();
  assert.deepEqual(stored(), ['default/10.0.0.0 Normal Ready x1: valid']);
});

test('an event that has expired meanwhile is made again, with its count', async () => {
  const { events, api, stored } = open();
  events.record(SHOP, 'Normal', 'A', 'm');
  await events.flush();
  const [event] = api.cluster.store.objects(ALL);
  api.cluster.store.handle({
    method: 'DELETE',
    path: `/api/v1/namespaces/web/events/${event?.metadata.name}`,
  });
  events.record(SHOP, 'Normal', 'A', 'm');
  await events.flush();
  assert.deepEqual(stored(), ['web/shop Normal A x2: m']);
});

test('an object has 25 events, then one in five minutes; others have theirs', async () => {
  const { events, time, api } = open();
  for (let i = 0; i < 40; i++) events.record(SHOP, 'Normal', 'A', `message ${i}`);
  events.record(POOL, 'Normal', 'A', 'm');
  await events.flush();
  assert.equal(api.cluster.store.objects(ALL).length, 26);
  await time.advance(minutes(10));
  for (let i = 0; i < 40; i++) events.record(SHOP, 'Normal', 'B', `message ${i}`);
  await events.flush();
  assert.equal(api.cluster.store.objects(ALL).length, 28);
});

test('counts that rise while a write is under way go out with one more write', async () => {
  const { events, api, stored } = open();
  api.isHeld = true;
  for (let i = 0; i < 20; i++) events.record(SHOP, 'Normal', 'A', 'm');
  assert.equal(api.requests.length, 1);
  api.isHeld = false;
  api.release();
  await events.flush();
  assert.deepEqual(stored(), ['web/shop Normal A x20: m']);
  assert.equal(api.requests.length, 2);
});

test('what can not be written is reported, and recording goes on', async () => {
  const { events, api, problems, stored } = open();
  api.before = () => fail();
  events.record(SHOP, 'Normal', 'A', 'm');
  await events.flush();
  assert.deepEqual(problems, ['made to fail']);
  api.recover();
  events.record(SHOP, 'Normal', 'A', 'm');
  await events.flush();
  assert.deepEqual(stored(), ['web/shop Normal A x2: m']);
});

test('that a namespace is being deleted is no problem worth a word', async () => {
  const { events, api, problems } = open();
  api.before = () => {
    const causes = ['NamespaceTerminating'];
    throw new ApiError('being terminated', { code: 'Forbidden', status: 403, reason: 'Forbidden', causes });
  };
  events.record(SHOP, 'Normal', 'A', 'm');
  await events.flush();
  api.before = () => fail('Forbidden');
  events.record(SHOP, 'Normal', 'B', 'm');
  await events.flush();
  assert.deepEqual(problems, ['made to fail'], 'one that is not allowed is');
});

test('an API that does not answer holds up four writes and ten thousand events; the others are told of once', async () => {
  const { events, api, problems } = open();
  api.isHeld = true;
  for (let i = 0; i < 10_100; i++)
    events.record({ ...SHOP, uid: `u${i}`, name: `s${i}` }, 'Normal', 'A', 'm');
  assert.equal(api.requests.length, 4);
  api.isHeld = false;
  api.before = () => fail('Forbidden');
  api.release();
  await events.flush();
  assert.equal(api.requests.length, 10_004);
  const [dropped, ...more] = problems.filter((problem) => problem !== 'made to fail');
  assert.deepEqual([dropped, more], ['96 events dropped: 10000 others waited to be written', []]);
});

test('a message is cut at 1,024 characters', async () => {
  const { events, api } = open();
  events.record(SHOP, 'Normal', 'A', 'x'.repeat(5000));
  await events.flush();
  assert.equal(String(api.cluster.store.objects(ALL)[0]?.message).length, 1024);
});

test('with a delay nothing is written before it has passed, and then all of it', async () => {
  const { events, api, time, stored } = open(milliseconds(250));
  events.record(SHOP, 'Normal', 'EnsuringLoadBalancer', 'taking');
  await time.advance(milliseconds(249));
  assert.equal(api.requests.length, 0);
  events.record(SHOP, 'Normal', 'EnsuredLoadBalancer', 'published');
  await time.advance(milliseconds(1));
  await events.flush();
  assert.equal(stored().length, 2);
});

test('flush does not wait for the delay', async () => {
  const { events, stored } = open(milliseconds(250));
  events.record(SHOP, 'Normal', 'EnsuredLoadBalancer', 'published');
  await events.flush();
  assert.equal(stored().length, 1);
});
