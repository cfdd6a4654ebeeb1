// The agent's Announcer object: created, owned, written when it changed and not too often.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { announcerLinks, announcerSegments } from '../../src/agent/announcer-links.ts';
import { ANNOUNCER, NODE } from '../../src/kube/kinds.ts';
import type { Condition } from '../../src/resource/condition.ts';
import { fail } from '../fake/fake-kube-api.ts';
import { AgentBed, ETH0 } from './agent-bed.ts';

function statusOf(bed: AgentBed): Record<string, unknown> {
  return (bed.cluster.stored(ANNOUNCER, { name: 'node1' })?.status ?? {}) as Record<string, unknown>;
}

async function startedBed(): Promise<AgentBed> {
  const bed = new AgentBed();
  await bed.start();
  return bed;
}

test('the Announcer is created for the Node and reported at once', async () => {
  const bed = await startedBed();
  const metadata = bed.cluster.stored(ANNOUNCER, { name: 'node1' })?.metadata as Record<string, unknown>;
  assert.deepEqual(metadata.ownerReferences, [
    { apiVersion: 'v1', kind: 'Node', name: 'node1', uid: 'uid-node1' },
  ]);
  const { gateways, ...eth0 } = ETH0;
  const { conditions, ...status } = statusOf(bed);
  assert.deepEqual(status, {
    version: '0.0.0-test',
    session: '9f3c0a11d2e47b60',
    links: [eth0],
    segments: [{ link: 'eth0', gateways, peers: [] }],
    held: 0,
  });
  assert.equal((conditions as { status: string }[])[0]?.status, 'True');
});

test('without leave to read its Node the agent makes an Announcer without owner, and says so', async () => {
  const bed = new AgentBed();
  bed.api.before = ({ plural }) => {
    if (plural === 'nodes') fail('Forbidden');
  };
  await bed.start();
  const metadata = bed.cluster.stored(ANNOUNCER, { name: 'node1' })?.metadata as Record<string, unknown>;
  assert.deepEqual(metadata.ownerReferences, []);
  assert.equal(statusOf(bed).held, 0);
  assert.deepEqual(bed.log.at('warn'), ['Announcer has no owner and will outlive its Node']);
});

test('with leave again the Announcer gets its Node for an owner', async () => {
  const bed = new AgentBed();
  bed.api.before = ({ plural }) => {
    if (plural === 'nodes') fail('Forbidden');
  };
  await bed.start();
  await bed.pass(120_000);
  assert.equal(bed.log.at('warn').filter((message) => message.includes('no owner')).length, 1);
  bed.api.recover();
  await bed.pass(60_000);
  const metadata = bed.cluster.stored(ANNOUNCER, { name: 'node1' })?.metadata as Record<string, unknown>;
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'node1', uid: 'uid-node1' };
  assert.deepEqual(metadata.ownerReferences, [owner]);
});

test('a name that no Node has is said to be one', async () => {
  const bed = new AgentBed();
  bed.cluster.erase(NODE, { name: 'node1' });
  await bed.start();
  assert.match(bed.log.at('warn')[0] ?? '', /there is no Node of this name, want another --node-name/);
});

test('changes are written at most every 5 s, the last one always', async () => {
  const bed = await startedBed();
  await bed.pass(6000);
  const before = bed.writes('announcers');
  for (let i = 1; i <= 90; i++) {
    const held = Array.from({ length: i }, (_, k) => ({
      uid: `u${k}`,
      name: `n${k}`,
      epoch: 1,
      link: 'eth0',
    }));
    bed.worker.held(...held);
    if (i % 30 === 0) bed.renew('node1');
    await bed.pass(100);
  }
  assert.equal(statusOf(bed).held, 50, 'written at 0 s and 5 s');
  assert.equal(bed.writes('announcers') - before, 2);
  await bed.pass(5000);
  assert.equal(statusOf(bed).held, 90);
  assert.equal(bed.writes('announcers') - before, 3);
});

test('what does not change is confirmed once a minute, and the confirmation changes nothing', async () => {
  const bed = await startedBed();
  // Readiness goes with the Lease, which nobody renews here.
  await bed.pass(60_000);
  const version = () => bed.cluster.objects(ANNOUNCER).get('node1')?.metadata.resourceVersion;
  const [written, before] = [version(), bed.writes('announcers')];
  await bed.pass(3_600_000);
  assert.equal(bed.writes('announcers') - before, 60);
  assert.equal(version(), written);
});

test('an Announcer that was deleted comes back with the next change', async () => {
  const bed = await startedBed();
  bed.cluster.erase(ANNOUNCER, { name: 'node1' });
  bed.worker.say({ kind: 'links', links: [{ ...ETH0, state: 'Down' }] });
  await bed.pass(5000);
  assert.equal((statusOf(bed).links as { state: string }[])[0]?.state, 'Down');
});

test('an Announcer that was deleted comes back within a minute when nothing changes', async () => {
  const bed = await startedBed();
  // Past the change of readiness: nobody renews the Lease here.
  await bed.pass(20_000);
  bed.cluster.erase(ANNOUNCER, { name: 'node1' });
  await bed.pass(60_000);
  assert.equal((statusOf(bed).links as { state: string }[])[0]?.state, 'Up');
});

test('a Node that was deleted leaves no Announcer behind, and one that returns gets its own', async () => {
  const bed = await startedBed();
  bed.cluster.erase(NODE, { name: 'node1' });
  bed.cluster.erase(ANNOUNCER, { name: 'node1' });
  bed.worker.held({ uid: 'u1', name: 'n1', epoch: 1, link: 'eth0' });
  await bed.pass(60_000);
  assert.equal(bed.cluster.stored(ANNOUNCER, { name: 'node1' }), undefined);
  bed.cluster.put(NODE, { metadata: { name: 'node1', uid: 'uid-node1-again' } });
  await bed.pass(60_000);
  const announcer = bed.cluster.stored(ANNOUNCER, { name: 'node1' });
  assert.ok(announcer);
  const { ownerReferences } = announcer.metadata as { ownerReferences: readonly { uid: string }[] };
  assert.deepEqual(
    ownerReferences.map(({ uid }) => uid),
    ['uid-node1-again'],
  );
});

test('a status that can not be written is tried again with growing pauses', async () => {
  const bed = new AgentBed();
  bed.api.before = ({ plural }) => {
    if (plural === 'announcers') fail();
  };
  await bed.start();
  await bed.pass(60_000);
  const attempts = bed.writes('announcers');
  assert.ok(attempts >= 5 && attempts <= 9, `${attempts} attempts in a minute`);
  bed.api.recover();
  await bed.pass(30_000);
  assert.equal(statusOf(bed).session, '9f3c0a11d2e47b60');
});

test('the gateways of Ethernet links are reported, without those that no pool can hold', () => {
  const link = (name: string, mac: string, ...gateways: string[]) => ({ ...ETH0, name, mac, gateways });
  const many = Array.from({ length: 9 }, (_, i) => `10.77.0.${i + 1}`);
  const links = [
    link('eth0', '02:00:00:00:00:0b', '10.77.0.1', 'fd77::1', 'fe80::1'),
    link('eth1', '02:00:00:00:00:0c', 'fe80::1'),
    link('wg0', '', '10.9.0.1'),
    link('eth2', '02:00:00:00:00:0d', ...many),
  ];
  const peers = [{ node: 'node2', state: 'Live' }] as const;
  assert.deepEqual(announcerSegments(links, new Map([['eth1', peers]])), [
    { link: 'eth0', gateways: ['10.77.0.1', 'fd77::1'], peers: [] },
    { link: 'eth1', gateways: [], peers },
    { link: 'eth2', gateways: many.slice(0, 8), peers: [] },
  ]);
});

test('the peers of a link are reported, and a condition names those that only others hear', async () => {
  const bed = await startedBed();
  const pathLost = () => (statusOf(bed).conditions as Condition[]).find(({ type }) => type === 'PathLost');
  assert.equal(pathLost()?.status, 'False');
  const peers = [
    { node: 'node2', state: 'Live' },
    { node: 'node3', state: 'PathLost' },
  ] as const;
  bed.worker.say({ kind: 'peers', link: 'eth0', peers });
  await bed.pass(5000);
  assert.deepEqual(statusOf(bed).segments, [{ link: 'eth0', gateways: ETH0.gateways, peers }]);
  assert.deepEqual([pathLost()?.status, pathLost()?.message], ['True', 'not heard: node3 on eth0']);
  bed.worker.say({ kind: 'peers', link: 'eth0', peers: [] });
  await bed.pass(5000);
  assert.deepEqual(statusOf(bed).segments, [{ link: 'eth0', gateways: ETH0.gateways, peers: [] }]);
  assert.equal(pathLost()?.status, 'False');
});

test('only Ethernet links with an address beyond the link are reported', () => {
  const link = (name: string, mac: string, ...addresses: string[]) => ({ ...ETH0, name, mac, addresses });
  const links = announcerLinks([
    link('lo', '00:00:00:00:00:00', '127.0.0.1/8', '::1/128'),
    link('eth0', '02:00:00:00:00:0b', '10.77.0.11/24', 'fd77::b/64', 'fe80::1/64'),
    link('wg0', '', '10.9.0.1/24'),
    link('tunl0', '00:00:00:00', '10.8.0.1/32'),
    link('cali1', 'ee:ee:ee:ee:ee:ee', 'fe80::ecee:eeff:feee:eeee/64'),
    link('eth1', '02:00:00:00:00:0c'),
  ]);
  assert.deepEqual(
    links.map(({ name, addresses }) => [name, addresses]),
    [['eth0', ['10.77.0.11/24', 'fd77::b/64']]],
  );
});
