// Sockets and functions in network namespaces, seen from one process.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { connectIn, execIn, inNamespace, listenIn, udpSocketIn } from '../../lab/netns.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { networkFor } from './bed.ts';

const needs = requirement('lab');
const own = (): string => readlinkSync('/proc/thread-self/ns/net');

for (const [family, server, client] of [
  ['IPv4', '10.77.0.11', '10.77.0.100'],
  ['IPv6', 'fd77:0:0:1::b', 'fd77:0:0:1::64'],
] as const) {
  test(`TCP over ${family} between two namespaces of one process`, needs, async (t) => {
    const network = await networkFor(t, 1);
    const listener = createServer((socket) => socket.pipe(socket));
    t.after(() => listener.close());
    const at = { host: server, port: 7000 };
    await listenIn(`fl-${network.name}-node1`, at, listener);
    const socket = await connectIn(network.client.netns, at);
    assert.equal(socket.localAddress, client);
    socket.end('over and back');
    assert.equal(await socket.map(String).reduce((all, part) => all + part, ''), 'over and back');
  });

  test(`UDP over ${family} between two namespaces of one process`, needs, async (t) => {
    const network = await networkFor(t, 1);
    const there = await udpSocketIn(`fl-${network.name}-node1`, { host: server, port: 7001 });
    const here = await udpSocketIn(network.client.netns, { host: client, port: 0 });
    t.after(() => there.close());
    t.after(() => here.close());
    const received = once(there, 'message');
    here.send('hello', 7001, server);
    const [payload, from] = await received;
    assert.equal(String(payload), 'hello');
    assert.equal(from.address, client);
  });

  test(`a refused and an unanswered connection over ${family} reject`, needs, async (t) => {
    const network = await networkFor(t, 1);
    await assert.rejects(connectIn(network.client.netns, { host: server, port: 9 }), {
      code: 'ECONNREFUSED',
    });
    await execIn(`fl-${network.name}-node1`, ['ip', 'link', 'set', 'eth0', 'down']);
    const silent = connectIn(network.client.netns, { host: server, port: 9 }, milliseconds(50));
    await assert.rejects(silent, { code: 'ETIMEDOUT' });
  });
}

test('both wildcards can be bound to one port', needs, async (t) => {
  const network = await networkFor(t, 1);
  for (const host of ['0.0.0.0', '::']) {
    const server = createServer((socket) => socket.end(host));
    t.after(() => server.close());
    await listenIn(network.client.netns, { host, port: 7002 }, server);
  }
  for (const [address, host] of [
    ['10.77.0.100', '0.0.0.0'],
    ['fd77:0:0:1::64', '::'],
  ] as const) {
    const socket = await connectIn(network.router.netns, { host: address, port: 7002 });
    assert.equal(await socket.map(String).reduce((all, part) => all + part, ''), host);
  }
});

test('the thread is back in its own namespace after a function, also one that throws', needs, async (t) => {
  const network = await networkFor(t, 1);
  const home = own();
  assert.notEqual(inNamespace(network.client.netns, own), home);
  assert.equal(own(), home);
  const fail = (): never =>
    inNamespace(network.client.netns, () => {
      throw new Error('inside');
    });
  assert.throws(fail, /inside/);
  assert.equal(own(), home);
});

test(
  'a namespace that does not exist, an address that is none and a taken port are errors',
  needs,
  async (t) => {
    const network = await networkFor(t, 1);
    assert.throws(() => inNamespace('fl-no-such-lab', own), { code: 'ENOENT' });
    await assert.rejects(
      connectIn(network.client.netns, { host: 'localhost', port: 1 }),
      /want an IPv4 or IPv6 address/,
    );
    const socket = await udpSocketIn(network.client.netns, { host: '0.0.0.0', port: 7003 });
    t.after(() => socket.close());
    await assert.rejects(udpSocketIn(network.client.netns, { host: '0.0.0.0', port: 7003 }), {
      code: 'EADDRINUSE',
    });
  },
);

test('a program run in a namespace sees its network and its result is told', needs, async (t) => {
  const network = await networkFor(t, 1);
  const script = 'cat; cat /sys/class/net/eth0/address; echo oops >&2; exit 7';
  const result = await execIn(network.client.netns, ['sh', '-c', script], { input: 'in\n' });
  assert.deepEqual(result, { code: 7, stdout: 'in\n02:00:00:00:00:64\n', stderr: 'oops\n' });
});

test('a program that takes too long is killed', needs, async (t) => {
  const network = await networkFor(t, 1);
  const result = await execIn(network.client.netns, ['sleep', '600'], { timeout: milliseconds(100) });
  assert.equal(result.code, 128 + 9);
});
