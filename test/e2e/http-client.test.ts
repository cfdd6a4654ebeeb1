// The lab's HTTP requests from inside a namespace, where what they ask is silent or not there.

import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { getIn } from '../../lab/http-client.ts';
import { listenIn } from '../../lab/netns.ts';
import { createNetwork } from '../../lab/network.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';

describe('an HTTP request from inside a namespace', requirement('lab'), () => {
  test('rejects once, with one line, when the server is silent or absent', async (t) => {
    const network = await createNetwork({ name: 'e2e-http', nodes: 1 });
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket));
    t.after(() => {
      silent.close();
      for (const socket of sockets) socket.destroy();
      return network.down();
    });
    await listenIn(network.controlPlane.netns, { host: network.controlPlane.ip, port: 80 }, silent);
    const get = (url: string): Promise<unknown> =>
      getIn(network.client.netns, url, { timeout: milliseconds(100) });
    await assert.rejects(
      get('http://10.77.0.10/'),
      /^Error: get "http:\/\/10\.77\.0\.10\/": no answer in 100 ms$/,
    );
    await assert.rejects(get('https://10.77.0.10:80/'), /no answer in 100 ms/);
    await assert.rejects(get('http://10.77.0.10:81/'), /ECONNREFUSED/);
    await assert.rejects(get('http://[fd77:0:0:1::a]:81/'), /ECONNREFUSED/);
  });
});
