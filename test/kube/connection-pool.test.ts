// The pool of connections: what becomes of a connection that went stale, of one that does not come, and of what is in
// flight when it is given up.

import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ConnectionPool, type HttpRequest, type PoolOptions } from '../../src/kube/connection-pool.ts';
import { FakeKubeServer } from '../fake/fake-kube-server.ts';
import { VirtualTime } from '../fake/virtual-time.ts';
import { until } from './watch-bed.ts';

const LIMIT = { timeout: 10_000 };
const PATH = '/api/v1/namespaces/web/services/a';
const TLS = { rejectUnauthorized: true };

interface Bed {
  readonly server: FakeKubeServer;
  readonly pool: ConnectionPool;
}

async function open(context: TestContext, options: PoolOptions = {}): Promise<Bed> {
  const server = new FakeKubeServer();
  const pool = new ConnectionPool({ server: await server.listen(), tls: TLS }, options);
  context.after(async () => {
    pool.destroy();
    await server.close();
  });
  server.put('a');
  return { server, pool };
}

/** A pool on a server that does with each connection what it is told. */
async function openRaw(context: TestContext, serve: (socket: Socket) => void): Promise<ConnectionPool> {
  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const pool = new ConnectionPool({ server: `http://127.0.0.1:${port}`, tls: TLS });
  context.after(() => {
    pool.destroy();
    server.close();
  });
  return pool;
}

const requestOf = (change: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  path: PATH,
  headers: {},
  body: undefined,
  signal: new AbortController().signal,
  isLate: () => false,
  ...change,
});

/** The answer, read to its end. */
async function ask(pool: ConnectionPool, change: Partial<HttpRequest> = {}): Promise<string> {
  let text = '';
  for await (const chunk of await pool.send(requestOf(change))) text += chunk;
  return text;
}

/** Until the connection is idle again, which is a moment after the answer's end. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const PATCH = { method: 'PATCH', headers: { 'content-type': 'application/merge-patch+json' }, body: '{}' };

test(
  'a read that meets a connection which the server has closed is sent once more, on a new one',
  LIMIT,
  async (t) => {
    const { server, pool } = await open(t);
    await ask(pool);
    await settle();
    server.failNext('other', { kind: 'reset' });
    assert.match(await ask(pool), /"name":"a"/);
    assert.equal(server.requests.length, 3);
    assert.equal(server.connections, 2);
  },
);

test('once, not more often', LIMIT, async (t) => {
  const { server, pool } = await open(t);
  await ask(pool);
  await settle();
  for (let i = 0; i < 2; i++) server.failNext('other', { kind: 'reset' });
  await assert.rejects(ask(pool), { code: 'ECONNRESET' });
  assert.equal(server.requests.length, 3);
});

test('a write is not repeated: it may have been done', LIMIT, async (t) => {
  const { server, pool } = await open(t);
  await ask(pool, PATCH);
  await settle();
  server.failNext('other', { kind: 'reset' });
  await assert.rejects(ask(pool, PATCH), { code: 'ECONNRESET' });
  assert.equal(server.requests.length, 2);
  assert.equal(server.connections, 1);
});

test('a read that is reset on a new connection is not repeated', LIMIT, async (t) => {
  const { server, pool } = await open(t);
  server.failNext('other', { kind: 'reset' });
  await assert.rejects(ask(pool), { code: 'ECONNRESET' });
  assert.equal(server.requests.length, 1);
});

test('an answer that breaks off in its middle is an error, not a short answer', LIMIT, async (t) => {
  const { server, pool } = await open(t);
  server.failNext('other', { kind: 'broken-off' });
  await assert.rejects(ask(pool), { code: 'ECONNRESET' });
  assert.equal(server.requests.length, 1);
});

test('so is one without a length', LIMIT, async (t) => {
  const pool = await openRaw(t, (socket) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n', () => socket.end());
  });
  await assert.rejects(ask(pool), { code: 'ECONNRESET' });
});

test('what is no HTTP is an error that says so', LIMIT, async (t) => {
  const pool = await openRaw(t, (socket) => void socket.end('SSH-2.0-OpenSSH_9.9\r\n'));
  await assert.rejects(ask(pool), /Parse Error/);
});

test('a connection that does not come is given up after 5 s', LIMIT, async (t) => {
  const time = new VirtualTime();
  const never = new Socket();
  const { pool } = await open(t, { time, connect: () => never });
  const failing = assert.rejects(ask(pool), /^Error: no connection within 5 s$/);
  await until(t, () => time.pending().length > 0);
  assert.deepEqual(time.delays, [{ name: 'connect limit', delay: 5000 }]);
  time.fire('connect limit');
  await failing;
  assert.ok(never.destroyed);
  assert.deepEqual(time.pending(), []);
});

test('one that came has no limit any more', LIMIT, async (t) => {
  const time = new VirtualTime();
  const { pool } = await open(t, { time });
  await ask(pool);
  assert.deepEqual(time.pending(), []);
});

test('why an answer broke off is said, not only that it did', LIMIT, async (t) => {
  const sockets: Socket[] = [];
  const server = new FakeKubeServer();
  const url = new URL(await server.listen());
  const open = (): Socket => {
    const socket = connect(Number(url.port), url.hostname);
    sockets.push(socket);
    return socket;
  };
  const pool = new ConnectionPool({ server: url.href, tls: TLS }, { connect: open });
  t.after(async () => {
    pool.destroy();
    await server.close();
  });
  const answer = await pool.send(requestOf({ path: '/api/v1/namespaces/web/services?watch=true' }));
  sockets[0]?.destroy(new Error('read ETIMEDOUT'));
  await assert.rejects(answer.toArray(), /^Error: read ETIMEDOUT$/);
});

test('the signal ends the reading of an answer', LIMIT, async (t) => {
  const { server, pool } = await open(t);
  const stopping = new AbortController();
  const path = `/api/v1/namespaces/web/services?watch=true&resourceVersion=${server.store.version}`;
  const answer = await pool.send(requestOf({ path, signal: stopping.signal }));
  server.put('b');
  const read = async (): Promise<void> => {
    for await (const _ of answer) stopping.abort();
  };
  await assert.rejects(read(), /aborted/);
  await until(t, () => server.openWatches === 0);
});

test('a retired connection carries its answer to the end and is closed then', LIMIT, async (t) => {
  const { server, pool } = await open(t);
  await Promise.all([ask(pool), ask(pool)]);
  await settle();
  const path = `/api/v1/namespaces/web/services?watch=true&resourceVersion=${server.store.version}`;
  const answer = await pool.send(requestOf({ path }));
  pool.retire();
  await until(t, () => server.openConnections === 1);
  server.put('b');
  server.endWatches('close');
  let text = '';
  for await (const chunk of answer) text += chunk;
  assert.match(text, /"name":"b"/);
  await until(t, () => server.openConnections === 0);
  await ask(pool);
  assert.equal(server.connections, 3);
});

test('after the end nothing is sent any more', LIMIT, async (t) => {
  const { server, pool } = await open(t);
  pool.destroy();
  await assert.rejects(ask(pool), /the connection to the API server was closed/);
  assert.equal(server.connections, 0);
});

test('many requests under one signal leave no listener behind', LIMIT, async (t) => {
  const warnings: Error[] = [];
  const remember = (warning: Error): void => void warnings.push(warning);
  process.on('warning', remember);
  t.after(() => process.off('warning', remember));
  const { pool } = await open(t);
  const { signal } = new AbortController();
  for (let i = 0; i < 50; i++) await ask(pool, { signal });
  await settle();
  assert.deepEqual(warnings, []);
});
