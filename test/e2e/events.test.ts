// The event recorder on a real API server: what it writes for a storm, by the Events that are there and by the requests
// in the audit log.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { SERVER_NAME } from '../../lab/fault-proxy.ts';
import type { EventRecorder, EventTarget, KubeObject } from '../../src/kube/api.ts';
import { createConnection } from '../../src/kube/connection.ts';
import { createEventRecorder } from '../../src/kube/events.ts';
import { EVENT } from '../../src/kube/kinds.ts';
import { minutes } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { BentTime } from './bent-time.ts';
import { CONFIG_MAP, NAMESPACE, useFaultBed } from './fault-bed.ts';

/** What one object may cause at once, and how long until it may cause one more. */
const BURST = 25;
const REFILL = minutes(5);

interface EventObject extends KubeObject {
  readonly involvedObject: { readonly uid?: string };
  readonly message: string;
  readonly count: number;
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
}

describe('events', requirement('cluster'), () => {
  const bed = useFaultBed('e2e-events');

  interface Recorder {
    readonly events: EventRecorder;
    readonly time: BentTime;
    readonly problems: Error[];
    readonly userAgent: string;
  }

  function open(t: TestContext): Recorder {
    const { server, certificateAuthority, token } = bed().proxy.access;
    const userAgent = `events of ${t.name}`;
    const credentials = {
      server,
      tls: { ca: certificateAuthority, servername: SERVER_NAME, rejectUnauthorized: true },
      headers: async () => ({ authorization: `Bearer ${token}` }),
    };
    const connection = createConnection(credentials, { userAgent });
    t.after(async () => {
      bed().proxy.calm();
      await connection.close();
    });
    const time = new BentTime({});
    const problems: Error[] = [];
    let unique = 0;
    const events = createEventRecorder(connection, {
      component: 'fairlead-test',
      timestamp: () => new Date().toISOString(),
      uniqueName: () => `${Date.now()}${++unique}`,
      onProblem: (error) => problems.push(error),
      time,
    });
    return { events, time, problems, userAgent };
  }

  /** An object that exists, for events about it. */
  async function target(name: string): Promise<EventTarget> {
    const { apiVersion, kind } = { apiVersion: 'v1', kind: 'ConfigMap' };
    const metadata = { name, namespace: NAMESPACE };
    const made = await bed().lab.api.create<KubeObject>(CONFIG_MAP, NAMESPACE, {
      apiVersion,
      kind,
      metadata,
    });
    return { apiVersion, kind, namespace: NAMESPACE, name, uid: made.metadata.uid };
  }

  const eventsAbout = async ({ uid }: EventTarget): Promise<readonly EventObject[]> =>
    (await bed().lab.api.list<EventObject>(EVENT, { namespace: NAMESPACE })).filter(
      ({ involvedObject }) => involvedObject.uid === uid,
    );

  const requestsOf = async ({ userAgent }: Recorder): Promise<number> =>
    (await bed().lab.auditEntries()).filter((entry) => entry.userAgent === userAgent).length;

  test('the same one again and again is one Event with a count, and few requests', async (t) => {
    const recorder = open(t);
    const shop = await target('same');
    for (let i = 0; i < 10; i++) recorder.events.record(shop, 'Warning', 'SyncLoadBalancerFailed', 'no pool');
    await recorder.events.flush();
    for (let i = 0; i < 10; i++) recorder.events.record(shop, 'Warning', 'SyncLoadBalancerFailed', 'no pool');
    await recorder.events.flush();
    const found = await eventsAbout(shop);
    assert.deepEqual(
      found.map(({ count, message }) => [count, message]),
      [[20, 'no pool']],
    );
    assert.ok((await requestsOf(recorder)) <= 4, `${await requestsOf(recorder)} requests for 20 events`);
    assert.deepEqual(recorder.problems, []);
  });

  test('a storm about one object ends after its budget, and one about another has its own', async (t) => {
    const recorder = open(t);
    const { events, time } = recorder;
    const [loud, quiet] = [await target('loud'), await target('quiet')];
    const storm = (): void => {
      for (let i = 0; i < 1000; i++) events.record(loud, 'Normal', 'Flapping', `message ${i}`);
    };
    storm();
    events.record(quiet, 'Normal', 'Ready', 'said once');
    await events.flush();
    assert.equal((await eventsAbout(loud)).length, BURST);
    assert.equal((await eventsAbout(quiet)).length, 1);
    assert.equal(await requestsOf(recorder), BURST + 1);
    // The clock is moved, so that nobody waits ten minutes.
    time.step(2 * REFILL + 1000);
    storm();
    await events.flush();
    assert.equal(await requestsOf(recorder), BURST + 3, 'one more in five minutes');
    assert.deepEqual(recorder.problems, []);
  });

  test('an API that refuses or is silent holds up nobody, and what comes later is written', async (t) => {
    const recorder = open(t);
    const { events, problems } = recorder;
    const shop = await target('refused');
    const refusing = bed().proxy.inject(
      { kind: 'status', status: 429, retryAfterSeconds: 1 },
      { path: /events/ },
    );
    for (let i = 0; i < 10; i++) events.record(shop, 'Normal', 'Storm', `message ${i}`);
    await events.flush();
    assert.equal(problems.length, 10);
    refusing.lift();
    events.record(shop, 'Normal', 'Storm', 'message 0');
    await events.flush();
    const found = await eventsAbout(shop);
    assert.deepEqual(
      found.map(({ count, message }) => [count, message]),
      [[2, 'message 0']],
    );
  });
});
