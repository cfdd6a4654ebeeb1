// Heartbeats of real wire workers over real packet sockets: past a firewall, and nothing left behind. What is no
// heartbeat of theirs is in bad-heartbeats.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wantAll, wantedOf } from '../fake/fake-wire.ts';
import { run, SKIP } from './bed.ts';
import { BridgeBed } from './bridge-bed.ts';
import { totalsWith, worker } from './heartbeat-workers.ts';

const VIP = '10.77.0.50';

test('past a firewall that drops them, and a hung main thread is succeeded', { skip: SKIP }, async (t) => {
  const bed = new BridgeBed(t, 2);
  for (const netns of bed.nodes) bed.dropHeartbeats(netns);
  const [first = '', second = ''] = bed.nodes;
  const knock = `echo x > /dev/udp/${bed.address(2)}/7373`;
  assert.notEqual(bed.shell(first, knock), 0, 'the firewall lets nothing out');
  assert.equal(bed.shell(bed.stranger, knock), 0);
  const rules = run('ip', 'netns', 'exec', second, 'nft', 'list', 'table', 'inet', 'firewall');
  assert.match(rules, /dport 7373 counter packets 1 /, 'nor in');
  const wires = [await worker(t, bed, 1), await worker(t, bed, 2)] as const;
  for (const wire of wires) await totalsWith(wire, ({ received }) => received >= 10);
  const candidates = ['node1', 'node2'];
  for (const wire of wires) wire.send({ kind: 'liveness', alive: candidates });
  wires[0].send(wantAll(wantedOf(VIP, { candidates })));
  await wires[0].until('held', () => wires[0].heldOn('eth0') === 1);
  const record = { holder: 'node1', epoch: 1 };
  wires[1].send(wantAll(wantedOf(VIP, { candidates, record })));
  wires[0].command({ kind: 'block', milliseconds: 9000 });
  await wires[1].until('taken over', () => wires[1].heldOn('eth0') === 1);
  assert.equal((await wires[1].line('claim')).epoch, 2);
  await wires[0].until(
    'let go, as it says when it moves again',
    () => wires[0].all('withdrawn').length === 1,
  );
});

/** Sends two datagrams to the heartbeat port; fails if the first one was refused by then. */
const KNOCK = (address: string): string =>
  `exec 3<>/dev/udp/${address}/7373; echo a >&3; sleep 0.3; echo b >&3 2>/dev/null`;

const isPortTaken = (netns: string): boolean =>
  / 0*:?.*:1CCD /i.test(run('ip', 'netns', 'exec', netns, 'cat', '/proc/net/udp'));

test('the port is reserved while it runs, and afterwards nothing is left', { skip: SKIP }, async (t) => {
  const bed = new BridgeBed(t, 1);
  const [netns = ''] = bed.nodes;
  const knock = (): number | null => bed.shell(bed.stranger, KNOCK(bed.address(1)));
  const state = (): readonly unknown[] => [
    run('ip', 'netns', 'exec', netns, 'cat', '/proc/net/packet').trim().split('\n').length - 1,
    isPortTaken(netns),
    run('ip', '-n', netns, 'maddr', 'show', 'dev', 'eth0').includes('01:00:5e:00:00:fe'),
  ];
  assert.notEqual(knock(), 0, 'a port that nobody has is refused');
  assert.deepEqual(state(), [0, false, false]);
  const wire = await worker(t, bed, 1);
  await totalsWith(wire, ({ transmitted }) => transmitted > 0);
  assert.deepEqual(state(), [3, true, true], 'ARP, and heartbeats of peers and of strangers');
  assert.equal(knock(), 0, 'what comes to it is not answered with "port unreachable"');
  wire.command({ kind: 'stop' });
  assert.equal((await wire.line('stopped')).error, undefined);
  assert.deepEqual(state(), [0, false, false]);
});
