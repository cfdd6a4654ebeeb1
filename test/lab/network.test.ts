// The lab's network: who reaches whom, that labs do not meet, that nothing touches the machine's own network.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { exec } from '../../lab/exec.ts';
import { connectIn, execIn, listenIn } from '../../lab/netns.ts';
import { createNetwork, type LabNetwork } from '../../lab/network.ts';
import { requirement } from '../requirements.ts';
import { labName, namespaces, networkFor, pings } from './bed.ts';

const needs = requirement('lab');

const hostsOf = (network: LabNetwork) => [
  ...network.nodes,
  network.client,
  network.router,
  network.controlPlane,
];

test('every host reaches every other in both families', needs, async (t) => {
  const network = await networkFor(t, 2);
  const unreachable: string[] = [];
  const pairs = hostsOf(network).flatMap((from) => hostsOf(network).map((to) => ({ from, to })));
  for (const { from, to } of pairs) {
    for (const address of [to.ip, to.ip6]) {
      if (!(await pings(from, address))) unreachable.push(`${from.name} -> ${address}`);
    }
  }
  assert.deepEqual(unreachable, []);
});

test('addresses and namespaces are the documented ones', needs, async (t) => {
  const network = await networkFor(t, 2);
  const fl = `fl-${network.name}`;
  assert.equal(network.lanNetns, `${fl}-lan`);
  assert.deepEqual(network.nodes[1], {
    name: 'node2',
    netns: `${fl}-node2`,
    ip: '10.77.0.12',
    ip6: 'fd77:0:0:1::c',
    mac: '02:00:00:00:00:0c',
    podCIDR: '10.244.2.0/24',
    podCIDR6: 'fd00:244:2::/64',
  });
  const short = hostsOf(network).map(({ netns, ip, ip6 }) => [netns, ip, ip6].join(' '));
  assert.deepEqual(short.slice(2), [
    `${fl}-client 10.77.0.100 fd77:0:0:1::64`,
    `${fl}-router 10.77.0.1 fd77:0:0:1::1`,
    `${fl}-cp 10.77.0.10 fd77:0:0:1::a`,
  ]);
  const { stdout } = await execIn(`${fl}-node2`, ['cat', '/sys/class/net/eth0/address']);
  assert.equal(stdout.trim(), '02:00:00:00:00:0c');
});

test(
  'pods reach pods of their own and of other nodes, and the client, in both families',
  needs,
  async (t) => {
    const network = await networkFor(t, 2);
    const [node1, node2] = network.nodes;
    assert.ok(node1 !== undefined && node2 !== undefined);
    const pod = await network.addPod(node1, 'web-1', 2);
    const neighbour = await network.addPod(node1, 'web-2', 3);
    const far = await network.addPod(node2, 'web-3', 2);
    assert.deepEqual(far, { netns: `fl-${network.name}-web-3`, ip: '10.244.2.2', ip6: 'fd00:244:2::2' });
    for (const to of [neighbour, far, network.client]) {
      assert.equal(await pings(pod, to.ip), true, `pod -> ${to.ip}`);
      assert.equal(await pings(pod, to.ip6), true, `pod -> ${to.ip6}`);
    }
  },
);

test('a pod with a host number outside of its network is refused', needs, async (t) => {
  const network = await networkFor(t, 1);
  const [node] = network.nodes;
  assert.ok(node !== undefined);
  for (const index of [1, 255, 2.5])
    await assert.rejects(network.addPod(node, 'web', index), /want 2 to 254/);
});

test('two labs with the same addresses side by side do not meet', needs, async (t) => {
  const [one, other] = [await networkFor(t, 1), await networkFor(t, 1)];
  const server = createServer((socket) => socket.end('one'));
  t.after(() => server.close());
  const at = { host: '10.77.0.11', port: 8080 };
  await listenIn(`fl-${one.name}-node1`, at, server);
  const socket = await connectIn(one.client.netns, at);
  assert.equal(await socket.map(String).reduce((all, part) => all + part, ''), 'one');
  await assert.rejects(connectIn(other.client.netns, at), { code: 'ECONNREFUSED' });
});

test('no link of a lab is in the machine’s own namespace', needs, async (t) => {
  const network = await networkFor(t, 1);
  const { stdout: ports } = await execIn(network.lanNetns, ['ip', '-o', 'link', 'show', 'type', 'veth']);
  assert.equal(ports.trim().split('\n').length, 4);
  const { stdout: own } = await exec(['ip', '-o', 'link']);
  assert.doesNotMatch(own, /p-(node|client|router|cp)|br0|cni0/);
});

test('down leaves no namespace and no state, and may be called twice', needs, async () => {
  const network = await createNetwork({ name: labName(), nodes: 2 });
  const isOurs = (netns: string): boolean => netns.startsWith(`fl-${network.name}-`);
  assert.equal((await namespaces()).filter(isOurs).length, 6);
  await network.down();
  await network.down();
  assert.deepEqual((await namespaces()).filter(isOurs), []);
  assert.equal(existsSync(network.stateDir), false);
});

test('a second network of the same name is refused and does the first no harm', needs, async (t) => {
  const network = await networkFor(t, 1);
  await assert.rejects(createNetwork({ name: network.name, nodes: 1 }), /exists already/);
  assert.equal(await pings(network.client, '10.77.0.11'), true);
});

test('a number of nodes that has no addresses is refused', needs, async () => {
  for (const nodes of [0, 81, 1.5])
    await assert.rejects(createNetwork({ name: labName(), nodes }), /want 1 to 80/);
});
