// The status of a request to this host: an answer, a refusal, and a server that does not answer.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { milliseconds, seconds } from '../../time/duration.ts';
import { httpStatus } from './http-status.ts';

const LONG = seconds(30);

async function serve(status: number | undefined): Promise<{ url: string; close: () => void }> {
  const server = createServer((_, response) => {
    if (status !== undefined) response.writeHead(status).end('text');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`, close };
}

for (const status of [200, 503])
  test(`a server that answers ${status}`, async () => {
    const { url, close } = await serve(status);
    assert.equal(await httpStatus(url, LONG), status);
    close();
  });

test('nobody listens', async () => {
  const { url, close } = await serve(200);
  close();
  await assert.rejects(httpStatus(url, LONG), { code: 'ECONNREFUSED' });
});

test('a server that never answers', async () => {
  const { url, close } = await serve(undefined);
  await assert.rejects(httpStatus(url, milliseconds(20)), /no answer in 20 ms/);
  close();
});
