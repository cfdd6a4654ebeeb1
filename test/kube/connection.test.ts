// The connection: one socket for many requests, tokens, time limits, and what each failure becomes.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ApiError } from '../../src/kube/api-error.ts';
import { type Connection, type ConnectionOptions, createConnection } from '../../src/kube/connection.ts';
import type { Credentials } from '../../src/kube/credentials.ts';
import { SERVICE } from '../../src/kube/kinds.ts';
import { seconds } from '../../src/time/duration.ts';
import { FakeKubeServer } from '../fake/fake-kube-server.ts';
import { VirtualTime } from '../fake/virtual-time.ts';
import { until } from './watch-bed.ts';

const LIMIT = { timeout: 10_000 };
const REF = { namespace: 'web', name: 'a' };

interface Bed {
  readonly server: FakeKubeServer;
  readonly connection: Connection;
}

async function open(
  context: TestContext,
  change: (url: string) => Partial<Credentials> = () => ({}),
  options: ConnectionOptions = {},
): Promise<Bed> {
  const server = new FakeKubeServer();
  const url = await server.listen();
  const credentials = {
    server: url,
    tls: { rejectUnauthorized: true },
    headers: async () => ({}),
    ...change(url),
  };
  const connection = createConnection(credentials, options);
  context.after(async () => {
    await connection.close();
    await server.close();
  });
  server.put('a');
  return { server, connection };
}

async function errorOf(work: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ApiError, `${error}: want an ApiError`);
  return error;
}

/** One, or two: an answer is with us a moment before its socket is free again. */
function assertKept(server: FakeKubeServer): void {
  assert.ok(server.connections <= 2, `${server.connections} connections: want 1 or 2`);
}

test('requests one after the other share one socket', LIMIT, async (t) => {
  const { server, connection } = await open(t);
  for (let i = 0; i < 50; i++) await connection.get(SERVICE, REF);
  assertKept(server);
});

test('a refused request leaves its socket usable', LIMIT, async (t) => {
  const { server, connection } = await open(t);
  for (let i = 0; i < 5; i++) await errorOf(connection.get(SERVICE, { ...REF, name: 'absent' }));
  await connection.get(SERVICE, REF);
  assertKept(server);
});

test('each patch has its content type, and apply its manager', LIMIT, async (t) => {
  const { server, connection } = await open(t);
  const body = { metadata: { labels: { x: 'y' } } };
  await connection.patch(SERVICE, REF, { type: 'merge', body }, { subresource: 'status' });
  await connection.patch(SERVICE, REF, { type: 'strategic', body });
  await connection.patch(SERVICE, REF, { type: 'json', operations: [] });
  await connection.patch(SERVICE, REF, { type: 'apply', body, fieldManager: 'fairlead', force: true });
  const patches = server.requests.filter(({ method }) => method === 'PATCH');
  assert.deepEqual(
    patches.map(({ headers, path, query }) => `${headers['content-type']} ${path} ${query}`),
    [
      'application/merge-patch+json /api/v1/namespaces/web/services/a/status ',
      'application/strategic-merge-patch+json /api/v1/namespaces/web/services/a ',
      'application/json-patch+json /api/v1/namespaces/web/services/a ',
      'application/apply-patch+yaml /api/v1/namespaces/web/services/a fieldManager=fairlead&force=true',
    ],
  );
});

test("the path of the server's URL comes first, as behind Rancher", LIMIT, async (t) => {
  const { server, connection } = await open(t, (url) => ({ server: `${url}/k8s/clusters/c-1/` }));
  await errorOf(connection.get(SERVICE, REF));
  assert.equal(server.requests[0]?.path, '/k8s/clusters/c-1/api/v1/namespaces/web/services/a');
});

test('a token that was replaced is read anew after a 401', LIMIT, async (t) => {
  const asked: boolean[] = [];
  const headers = async (isRefused: boolean) => {
    asked.push(isRefused);
    return { authorization: `Bearer ${isRefused ? 'new' : 'old'}` };
  };
  const { server, connection } = await open(t, () => ({ headers }));
  server.failNext('other', { kind: 'status', status: 401 });
  await connection.get(SERVICE, REF);
  assert.deepEqual(asked, [false, true]);
  assert.deepEqual(
    server.requests.map((request) => request.headers.authorization),
    ['Bearer old', 'Bearer new'],
  );
});

test('credentials that can not be read make the request fail, with their message', LIMIT, async (t) => {
  const { connection } = await open(t, () => ({
    headers: () => Promise.reject(new Error('read token: gone')),
  }));
  const error = await errorOf(connection.get(SERVICE, REF));
  assert.equal(`${error.code} ${error.message}`, 'Unreachable get services "web/a": read token: gone');
});

const REFUSALS = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'BadRequest',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'ServerError',
  504: 'ServerError',
} as const;

for (const [status, code] of Object.entries(REFUSALS)) {
  test(`${status} is ${code}`, LIMIT, async (t) => {
    const { server, connection } = await open(t);
    const fault = { kind: 'status', status: Number(status), retryAfterSeconds: 3 } as const;
    for (const _ of status === '401' ? [1, 2] : [1]) server.failNext('other', fault);
    const error = await errorOf(connection.get(SERVICE, REF));
    assert.equal(error.code, code);
    assert.equal(error.status, Number(status));
    assert.equal(error.retryAfter, 3000);
    assert.equal(error.message, `get services "web/a": ${code}: made to fail with ${status}`);
  });
}

test('a long list comes compressed and is read while it comes', LIMIT, async (t) => {
  const { server, connection } = await open(t);
  const value = 'ä€𝄞'.repeat(100);
  for (let i = 0; i < 2000; i++) server.put(`many-${i}`, { annotations: { value } });
  const items = await connection.list(SERVICE);
  assert.equal(server.requests[0]?.headers['accept-encoding'], 'gzip');
  assert.equal(items.length, 2001);
  assert.ok(items.slice(1).every(({ metadata }) => metadata.annotations?.value === value));
});

test('a compressed answer that breaks off is Unreachable', LIMIT, async (t) => {
  const { server, connection } = await open(t);
  server.failNext('list', { kind: 'broken-off', encoding: 'gzip' });
  assert.equal((await errorOf(connection.list(SERVICE))).code, 'Unreachable');
  assert.equal((await connection.list(SERVICE)).length, 1);
});

for (const kind of ['reset', 'garbage', 'broken-off'] as const) {
  test(`${kind} is Unreachable, and the next request succeeds`, LIMIT, async (t) => {
    const { server, connection } = await open(t);
    server.failNext('other', { kind });
    const error = await errorOf(connection.get(SERVICE, REF));
    assert.equal(`${error.code} ${error.status}`, 'Unreachable 0');
    assert.ok(error.cause instanceof Error);
    await connection.get(SERVICE, REF);
  });
}

test('nobody listening is Unreachable and says where', LIMIT, async (t) => {
  const { connection } = await open(t, () => ({ server: 'http://127.0.0.1:1' }));
  const error = await errorOf(connection.list(SERVICE));
  assert.match(
    `${error.code} ${error.message}`,
    /^Unreachable list services: .*ECONNREFUSED 127\.0\.0\.1:1$/,
  );
});

test('TLS with a server that has none is Unreachable', LIMIT, async (t) => {
  const { connection } = await open(t, (url) => ({ server: url.replace('http:', 'https:') }));
  assert.equal((await errorOf(connection.list(SERVICE))).code, 'Unreachable');
});

test('after an answer that did not come in time, idle sockets are not trusted either', LIMIT, async (t) => {
  const time = new VirtualTime();
  const { server, connection } = await open(t, () => ({}), { time });
  await Promise.all([connection.get(SERVICE, REF), connection.get(SERVICE, REF)]);
  assert.equal(server.connections, 2);
  time.delays.length = 0;
  server.failNext('other', { kind: 'silence' });
  const failing = errorOf(connection.within(seconds(4)).get(SERVICE, REF));
  await until(t, () => server.requests.length === 3);
  assert.deepEqual(time.delays, [{ name: 'request limit', delay: 4000 }]);
  time.fire('request limit');
  const error = await failing;
  assert.equal(`${error.code} ${error.message}`, 'Unreachable get services "web/a": no answer within 4 s');
  await connection.get(SERVICE, REF);
  assert.equal(server.connections, 3);
  assert.deepEqual(time.pending(), []);
});

test('a limit that passed while the connection opened holds although its timer is late', LIMIT, async (t) => {
  const time = new VirtualTime();
  let url = new URL('http://127.0.0.1');
  const stopped = (): Socket => {
    time.skip(seconds(4));
    return connect(Number(url.port), url.hostname);
  };
  const seen = (server: string): object => {
    url = new URL(server);
    return {};
  };
  const { server, connection } = await open(t, seen, { time, connect: stopped });
  const error = await errorOf(connection.within(seconds(4)).create(SERVICE, 'web', { metadata: {} }));
  assert.equal(`${error.code} ${error.message}`, 'Unreachable create services "web/": no answer within 4 s');
  assert.equal(server.requests.length, 0);
  assert.deepEqual(time.pending(), []);
});

test('where it is a watch, the limit is for its answer to begin', LIMIT, async (t) => {
  const time = new VirtualTime();
  const { server, connection } = await open(t, () => ({}), { time });
  const query = { resourceVersion: String(server.store.version), timeoutSeconds: 300, signal: t.signal };
  const events = await connection.watch(SERVICE, query);
  assert.deepEqual(time.pending(), []);
  server.put('b');
  for await (const event of events) {
    assert.equal(event.type, 'ADDED');
    break;
  }
  // Leaving the loop closes the watch.
  await until(t, () => server.openWatches === 0);
  server.failNext('watch', { kind: 'silence' });
  const failing = errorOf(connection.watch(SERVICE, query));
  await until(t, () => server.seen('watch').length === 2);
  time.fire('request limit');
  assert.match((await failing).message, /^watch services: no answer within 15 s$/);
});

test('close ends what is in flight', LIMIT, async (t) => {
  const { server, connection } = await open(t);
  server.failNext('other', { kind: 'silence' });
  const waiting = errorOf(connection.get(SERVICE, REF));
  await until(t, () => server.requests.length === 1);
  await connection.close();
  assert.equal((await waiting).code, 'Unreachable');
  await until(t, () => server.openConnections === 0);
});

test('a namespaced kind without a namespace is a mistake of ours', LIMIT, async (t) => {
  const { connection } = await open(t);
  await assert.rejects(connection.get(SERVICE, { name: 'a' }), TypeError);
});
