// The HTTP server for probes and metrics, on a real socket of the loopback link.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HealthServer, ListenError, parseListenAddress } from '../../src/observe/health.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function serving(
  reason: () => string | undefined,
  use: (get: (path: string, method?: string) => Promise<Answer>, port: number) => Promise<void>,
): Promise<void> {
  const metrics = async () => ({ contentType: 'text/plain; version=0.0.4', body: 'fairlead_x 1\n' });
  const server = new HealthServer({ notReady: reason, metrics });
  const port = await server.listen(LOOPBACK);
  try {
    await use(async (path, method = 'GET') => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
      return { status: response.status, body: await response.text() };
    }, port);
  } finally {
    await server.close();
  }
}

test('/readyz says why not, and follows', async () => {
  let reason: string | undefined = 'VirtualIPs: Syncing';
  await serving(
    () => reason,
    async (get) => {
      assert.deepEqual(await get('/readyz'), { status: 503, body: 'not ready: VirtualIPs: Syncing\n' });
      assert.deepEqual(await get('/healthz'), { status: 200, body: 'ok\n' });
      reason = undefined;
      assert.deepEqual(await get('/readyz?verbose'), { status: 200, body: 'ok\n' });
    },
  );
});

test('/metrics is the page; other paths and methods are refused', async () => {
  await serving(
    () => undefined,
    async (get) => {
      assert.deepEqual(await get('/metrics'), { status: 200, body: 'fairlead_x 1\n' });
      assert.equal((await get('/secrets')).status, 404);
      assert.equal((await get('/metrics', 'POST')).status, 405);
      assert.deepEqual(await get('/healthz', 'HEAD'), { status: 200, body: '' });
    },
  );
});

test('a failing page is an answer, not a crash', async () => {
  const metrics = () => Promise.reject(new Error('worker gone'));
  const server = new HealthServer({ notReady: () => undefined, metrics });
  const port = await server.listen(LOOPBACK);
  try {
    assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 500);
  } finally {
    await server.close();
  }
});

test('a port in use is a ListenError that names the flag', async () => {
  await serving(
    () => undefined,
    async (_get, port) => {
      const second = new HealthServer({
        notReady: () => undefined,
        metrics: () => Promise.reject(new Error()),
      });
      await assert.rejects(second.listen({ host: '127.0.0.1', port }), (error) => {
        assert.ok(error instanceof ListenError);
        assert.equal(
          error.message,
          `listen on "127.0.0.1:${port}": the port is in use; choose another with --listen`,
        );
        return true;
      });
    },
  );
});

const ADDRESSES: readonly [string, ReturnType<typeof parseListenAddress>][] = [
  [':9373', { host: undefined, port: 9373 }],
  ['0.0.0.0:9373', { host: '0.0.0.0', port: 9373 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['9373', undefined],
  ['::1:80', undefined],
  [':65536', undefined],
  ['host:', undefined],
  ['[]:80', undefined],
  [' :80', undefined],
  ['', undefined],
];

for (const [text, expected] of ADDRESSES) {
  test(`--listen "${text}" is ${expected === undefined ? 'refused' : 'understood'}`, () => {
    assert.deepEqual(parseListenAddress(text), expected);
  });
}
