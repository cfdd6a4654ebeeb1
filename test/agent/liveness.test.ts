// Who is alive by the Leases, readiness, metrics, and the end of the wire worker.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suspicionLimit } from '../../src/agent/liveness-feed.ts';
import { ANNOUNCER, LEASE, SECRET } from '../../src/kube/kinds.ts';
import type { Condition } from '../../src/resource/condition.ts';
import { HEARTBEAT_SECRET } from '../../src/resource/heartbeat-secret.ts';
import { seconds } from '../../src/time/duration.ts';
import { AgentBed } from './agent-bed.ts';

const alive = (bed: AgentBed) => bed.worker.last('liveness')?.alive;

/** Lets time pass while these nodes renew their Leases every 5 s. */
async function passRenewing(bed: AgentBed, count: number, nodes: readonly string[]): Promise<void> {
  for (let passed = 0; passed < count; passed += 5000) {
    await bed.pass(5000);
    for (const node of nodes) bed.renew(node);
  }
}

test('a node whose Lease is not renewed any more is dead after its duration', async () => {
  const bed = new AgentBed();
  await bed.start({ others: ['node2', 'node3'] });
  await passRenewing(bed, 10_000, ['node1', 'node2']);
  assert.deepEqual(alive(bed), ['node1', 'node2', 'node3']);
  await passRenewing(bed, 5000, ['node1', 'node2']);
  assert.deepEqual(alive(bed), ['node1', 'node2']);
  bed.renew('node3');
  assert.deepEqual(alive(bed), ['node1', 'node2', 'node3']);
});

const deleteLease = (bed: AgentBed, node: string): void =>
  bed.cluster.erase(LEASE, { namespace: 'fairlead-system', name: `fairlead-agent-${node}` });

test('a released Lease means dead at once', async () => {
  const bed = new AgentBed();
  await bed.start({ others: ['node2', 'node3'] });
  bed.renew('node2', '');
  assert.deepEqual(alive(bed), ['node1', 'node3']);
});

test('a deleted Lease means dead when its time is up', async () => {
  const bed = new AgentBed();
  await bed.start({ others: ['node2', 'node3'] });
  await passRenewing(bed, 5000, ['node1', 'node2', 'node3']);
  deleteLease(bed, 'node2');
  deleteLease(bed, 'node3');
  await passRenewing(bed, 10_000, ['node1', 'node2']);
  assert.deepEqual(alive(bed), ['node1', 'node2', 'node3']);
  await passRenewing(bed, 5000, ['node1', 'node2']);
  assert.deepEqual(alive(bed), ['node1', 'node2']);
});

test('who sees its own Lease deleted makes it anew at once, unless it is leaving', async () => {
  const bed = new AgentBed();
  await bed.start();
  deleteLease(bed, 'node2');
  assert.equal(bed.lease.renewals, 0);
  deleteLease(bed, 'node1');
  assert.equal(bed.lease.renewals, 1);
  assert.deepEqual(alive(bed), ['node1', 'node2']);
  bed.renew('node1');
  const stopped = bed.agent.stop();
  deleteLease(bed, 'node1');
  bed.worker.say({ kind: 'left' });
  await bed.pass(30_000);
  await stopped;
  assert.equal(bed.lease.renewals, 1);
});

test('clocks that are wrong by hours make nobody look dead', async () => {
  const bed = new AgentBed();
  for (const [node, renewTime] of [
    ['node2', '2026-12-01T04:00:00.000000Z'],
    ['node3', '2026-12-01T16:00:00.000000Z'],
  ] as const) {
    const metadata = { name: `fairlead-agent-${node}`, namespace: 'fairlead-system', uid: `uid-${node}` };
    bed.cluster.put(LEASE, { metadata, spec: { holderIdentity: node, renewTime, leaseDurationSeconds: 15 } });
  }
  await bed.start({ others: [] });
  assert.deepEqual(alive(bed), ['node1', 'node2', 'node3']);
});

test('who does not see its own renewals suspects nobody, and gives everybody a full Lease afterwards', async () => {
  const bed = new AgentBed();
  await bed.start();
  await bed.pass(60_000);
  assert.deepEqual(alive(bed), ['node1', 'node2']);
  assert.match(bed.agent.notReady() ?? '', /Lease is not renewed/);
  assert.equal(bed.log.at('warn').at(-1), 'own Lease not renewed for too long; no node is suspected');
  bed.renew('node1');
  assert.equal(bed.agent.notReady(), undefined);
  await passRenewing(bed, 10_000, ['node1']);
  assert.deepEqual(alive(bed), ['node1', 'node2']);
  await passRenewing(bed, 5000, ['node1']);
  assert.deepEqual(alive(bed), ['node1']);
});

test('an API that falls silent just after our own renewal makes nobody look dead', async () => {
  const bed = new AgentBed();
  await bed.start({ others: ['node2', 'node3'] });
  // The others renew in their turn; the silence begins right after ours.
  await bed.pass(1000);
  bed.renew('node2');
  await bed.pass(6000);
  bed.renew('node1');
  await bed.pass(30_000);
  assert.deepEqual(alive(bed), ['node1', 'node2', 'node3']);
  assert.match(bed.agent.notReady() ?? '', /Lease is not renewed/);
});

test('a Lease of an earlier life of this agent does not count as renewed', async () => {
  const bed = new AgentBed();
  bed.renew('node1');
  await bed.pass(20_000);
  bed.agent.start();
  bed.leases.completeSync();
  bed.virtualIPs.completeSync();
  bed.worker.say({ kind: 'ready' });
  await bed.pass(1);
  assert.match(bed.agent.notReady() ?? '', /Lease is not renewed/);
  bed.renew('node1');
  assert.equal(bed.agent.notReady(), undefined);
});

test('the limit of suspicion lies between interval and duration: 10 s of 7 s and 15 s', () => {
  assert.equal(suspicionLimit({ duration: seconds(15), renewInterval: seconds(7) }), seconds(10));
  const limit = suspicionLimit({ duration: seconds(3), renewInterval: seconds(1) });
  assert.ok(limit > seconds(1) && limit < seconds(3));
});

const conditionsOf = (bed: AgentBed): readonly string[] => {
  const status = bed.cluster.stored(ANNOUNCER, { name: 'node1' })?.status;
  const { conditions } = (status ?? { conditions: [] }) as { readonly conditions: readonly Condition[] };
  return conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
};

test('without a heartbeat key an agent is not ready and says why, and is ready with one', async () => {
  const bed = new AgentBed();
  bed.cluster.erase(SECRET, { namespace: 'fairlead-system', name: HEARTBEAT_SECRET });
  await bed.start();
  assert.match(bed.agent.notReady() ?? '', /^no heartbeat key: .*not found/i);
  await bed.pass(6000);
  assert.deepEqual(conditionsOf(bed).slice(0, 2), ['Ready False NotReady', 'HeartbeatKey False KeyMissing']);
  bed.putKey();
  await bed.pass(21_000);
  assert.equal(bed.worker.last('heartbeats')?.settings.activeKey, 1);
  assert.ok(!(bed.agent.notReady() ?? '').includes('heartbeat'));
  assert.equal(conditionsOf(bed)[1], 'HeartbeatKey True KeyInUse');
});

test('readiness names what is missing', async () => {
  const bed = new AgentBed();
  bed.renew('node1');
  bed.agent.start();
  assert.match(bed.agent.notReady() ?? '', /wire worker is starting/);
  bed.worker.say({ kind: 'ready' });
  assert.equal(bed.agent.notReady(), 'VirtualIPs: Syncing');
  bed.virtualIPs.completeSync();
  assert.equal(bed.agent.notReady(), 'Leases: Syncing');
  bed.leases.completeSync();
  await bed.pass(1);
  assert.equal(bed.agent.notReady(), undefined);
  bed.virtualIPs.setState('Lost');
  assert.equal(bed.agent.notReady(), 'VirtualIPs: Lost');
});

test('alive is all but a wire worker that hangs: an API that is away is no reason for a restart', async () => {
  const bed = new AgentBed();
  assert.equal(bed.agent.notAlive(), undefined);
  await bed.start();
  bed.virtualIPs.setState('Lost');
  await bed.pass(600_000);
  assert.equal(bed.agent.notAlive(), undefined);
  bed.worker.hangs = true;
  assert.equal(bed.agent.notAlive(), 'the wire worker hangs');
});

test('the worker is given what it needs for heartbeats once it is known', async () => {
  const bed = new AgentBed();
  await bed.start();
  assert.partialDeepStrictEqual(bed.worker.last('heartbeats')?.settings, {
    clusterUid: 'uid-cluster',
    session: '9f3c0a11d2e47b60',
    activeKey: 1,
    intervalMs: 100,
    multiplier: 3,
  });
});

test('a dead wire worker is fatal', async () => {
  const bed = new AgentBed();
  await bed.start();
  bed.worker.die(new Error('out of memory'));
  assert.deepEqual(
    bed.fatal.map(({ message }) => message),
    ['out of memory'],
  );
});

test('metrics hold the counters of the worker, and the former ones when it does not answer in time', async () => {
  const bed = new AgentBed();
  await bed.start();
  const page = bed.metrics.page();
  const heartbeats = { transmitted: 5, received: 4, transmitErrors: 0, dropsByReason: { replayed: 2 } };
  const counts = { repliesByLink: { eth0: 7 }, announcementsByLink: {}, dropsByReason: { 'not-held': 3 } };
  const totals = { ...counts, transmitErrors: 1, kernelDrops: 2, turns: 9, heartbeats };
  bed.worker.say({ kind: 'counters', counters: totals });
  const expected = /fairlead_arp_replies_total\{link="eth0"\} 7/;
  assert.match((await page).body, expected);
  const { body } = await page;
  for (const line of [
    'fairlead_arp_drops_total{reason="not-held"} 3',
    'fairlead_arp_kernel_drops_total 2',
    'fairlead_heartbeats_transmitted_total 5',
    'fairlead_heartbeats_received_total 4',
    'fairlead_heartbeat_transmit_errors_total 0',
    'fairlead_heartbeat_drops_total{reason="replayed"} 2',
  ])
    assert.ok(body.includes(`${line}\n`), line);
  const late = bed.metrics.page();
  await bed.pass(1000);
  assert.match((await late).body, expected);
  assert.equal(bed.worker.count('count'), 2);
});

test('a kube-proxy that is not healthy any more makes the node unable and the agent not ready', async () => {
  const bed = new AgentBed();
  await bed.start();
  const told = () => bed.worker.last('data-plane')?.health;
  await bed.pass(1000);
  assert.deepEqual([told(), bed.agent.notReady()], [undefined, undefined]);
  bed.proxyStatus = 503;
  await bed.pass(4000);
  assert.deepEqual([told(), bed.agent.notReady()], ['Unhealthy', 'kube-proxy is not healthy']);
  const page = bed.metrics.page();
  // The fake worker does not say what it has counted.
  await bed.pass(1000);
  assert.match((await page).body, /^fairlead_proxy_healthy 0$/m);
  bed.proxyStatus = 200;
  await bed.pass(1000);
  assert.deepEqual([told(), bed.agent.notReady()], ['Recovering', undefined]);
});
