// Faults of the LAN: who still hears whom, for every kind of frame that matters to Fairlead: ARP to all, heartbeats to
// their group, and what goes to one host alone. All are sent by packet sockets, which netfilter's IP hooks never see.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { encodeArpRequest } from '../../lab/arp-frame.ts';
import { exec } from '../../lab/exec.ts';
import { createFaults, FAULTS, type Faults } from '../../lab/faults.ts';
import { getIn } from '../../lab/http-client.ts';
import { parseGroups } from '../../lab/lan-faults.ts';
import { openSender, tapLink } from '../../lab/link-tap.ts';
import type { LabHost, LabNetwork } from '../../lab/network.ts';
import { waitFor } from '../../lab/wait.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { DEADLINE, networkFor, pings, processesFor } from './bed.ts';

const needs = requirement('lab', 'program:nft', 'program:tcpdump');

interface Bed {
  readonly network: LabNetwork;
  readonly faults: Faults;
}

async function bedFor(t: TestContext): Promise<Bed> {
  const network = await networkFor(t, 3);
  return { network, faults: createFaults(network, processesFor(t, network)) };
}

const KINDS = ['arp', 'heartbeat', 'unicast'] as const;
const MARK = 0x88b5;

/** One frame of each kind from a host: ARP, the group 224.0.0.254, and one for the receiver alone. */
const framesOf = (from: LabHost, to: LabHost): readonly Uint8Array[] => [
  encodeArpRequest({ mac: from.mac, sender: from.ip }, '10.77.0.200'),
  plainFrame('01:00:5e:00:00:fe', from.mac),
  plainFrame(to.mac, from.mac),
];

/** IEEE 802 local experimental: no host answers it. */
function plainFrame(destination: string, source: string): Uint8Array {
  const bytes = Buffer.alloc(60);
  bytes.set(macBytes(destination), 0);
  bytes.set(macBytes(source), 6);
  bytes.writeUInt16BE(MARK, 12);
  return bytes;
}

const macBytes = (mac: string): readonly number[] => mac.split(':').map((byte) => Number.parseInt(byte, 16));

function kindOf(bytes: Buffer): (typeof KINDS)[number] {
  if (bytes[0] === 0xff) return 'arp';
  return bytes[0] === 0x01 ? 'heartbeat' : 'unicast';
}

const hostOf = ({ network }: Bed, name: string): LabHost => {
  const found = [...network.nodes, network.client, network.controlPlane].find((host) => host.name === name);
  assert.ok(found, `the network has no ${name}`);
  return found;
};

/** Which kinds of frames arrive; after them the receiver sends itself nothing, so a last one from the bridge ends it. */
async function heard(bed: Bed, from: string, to: string): Promise<readonly string[]> {
  const [sender, receiver] = [hostOf(bed, from), hostOf(bed, to)];
  const kinds: string[] = [];
  let isOver = false;
  const tap = await tapLink(
    { netns: receiver.netns, name: 'eth0' },
    {
      filter: `ether src ${sender.mac} and (arp[24:4] = 0x0a4d00c8 or ether proto ${MARK}) or ether src 02:00:00:00:00:ee`,
      direction: 'in',
      onFrame: ({ bytes }) => {
        if (bytes[11] === 0xee) isOver = true;
        else kinds.push(kindOf(bytes));
      },
    },
  );
  const link = openSender({ netns: sender.netns, name: 'eth0' });
  // Into the receiver's own port: it comes after all that the bridge has let through.
  const end = openSender({ netns: bed.network.lanNetns, name: `p-${to}` });
  for (const frame of framesOf(sender, receiver)) link.send(frame);
  end.send(plainFrame(receiver.mac, '02:00:00:00:00:ee'));
  await waitFor('the last frame', () => isOver, DEADLINE);
  await tap.stop();
  for (const socket of [link, end]) socket.close();
  return KINDS.filter((kind) => kinds.includes(kind));
}

/** `node1>node2` for each pair of which the second hears the first; partly heard is an error. */
async function audible(bed: Bed, ...pairs: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pair of pairs) {
    const [from = '', to = ''] = pair.split('>');
    const kinds = await heard(bed, from, to);
    assert.ok(kinds.length === 0 || kinds.length === KINDS.length, `${pair}: only ${kinds}`);
    if (kinds.length > 0) found.push(pair);
  }
  return found;
}

const BOTH = ['node1>node2', 'node2>node1'] as const;

test('oneway loses what the one sends to the other, and nothing else', needs, async (t) => {
  const bed = await bedFor(t);
  assert.deepEqual(await audible(bed, ...BOTH), BOTH);
  const before = process.hrtime.bigint();
  const { at } = await bed.faults.oneway('node1', 'node2');
  assert.ok(before < at && at < process.hrtime.bigint());
  assert.deepEqual(await audible(bed, ...BOTH, 'node1>node3'), ['node2>node1', 'node1>node3']);
  await bed.faults.healOneway('node1', 'node2');
  assert.deepEqual(await audible(bed, ...BOTH), BOTH);
});

test('a deaf node is heard, a mute one hears', needs, async (t) => {
  const bed = await bedFor(t);
  await bed.faults.deaf('node1');
  assert.deepEqual(await audible(bed, ...BOTH, 'client>node1'), ['node1>node2']);
  await bed.faults.healDeaf('node1');
  await bed.faults.mute('node1');
  assert.deepEqual(await audible(bed, ...BOTH, 'node1>client'), ['node2>node1']);
  await bed.faults.healMute('node1');
  assert.deepEqual(await audible(bed, ...BOTH), BOTH);
});

test('a partition keeps its groups apart and leaves the others in touch with all', needs, async (t) => {
  const bed = await bedFor(t);
  const groups = 'node1|node2,cp';
  await bed.faults.partition(groups);
  assert.deepEqual(
    await audible(
      bed,
      ...BOTH,
      'node1>cp',
      'cp>node1',
      'node2>cp',
      'node3>node1',
      'node3>node2',
      'client>node1',
    ),
    ['node2>cp', 'node3>node1', 'node3>node2', 'client>node1'],
  );
  // A path of its own is another fault, and healing one leaves the other.
  await bed.faults.oneway('node1', 'node2');
  await bed.faults.healPartition(groups);
  assert.deepEqual(await audible(bed, ...BOTH, 'node1>cp', 'cp>node1'), [
    'node2>node1',
    'node1>cp',
    'cp>node1',
  ]);
});

test('isolate-api cuts a node off from the API server and from nothing else', needs, async (t) => {
  const bed = await bedFor(t);
  const { controlPlane, nodes } = bed.network;
  const processes = processesFor(t, bed.network);
  for (const port of [6443, 7000]) {
    const script = `require('http').createServer((q,s)=>s.end('x')).listen(${port},'${controlPlane.ip}')`;
    const asked = { netns: controlPlane.netns, argv: [process.execPath, '-e', script] };
    await processes.start({ target: `server/${port}`, ...asked });
  }
  const answers = async (node: number, port: number): Promise<boolean> => {
    const url = `http://${controlPlane.ip}:${port}/`;
    const from = nodes[node]?.netns ?? '';
    const answer = await getIn(from, url, { timeout: milliseconds(1500) }).catch(() => undefined);
    return answer?.status === 200;
  };
  await waitFor('the servers', async () => (await answers(0, 6443)) && (await answers(0, 7000)), DEADLINE);
  await bed.faults.isolateApi('node1');
  assert.deepEqual(
    [await answers(0, 6443), await answers(0, 7000), await answers(1, 6443)],
    [false, true, true],
  );
  assert.deepEqual(await audible(bed, 'node1>cp', 'cp>node1'), ['node1>cp', 'cp>node1']);
  await bed.faults.healApi('node1');
  assert.equal(await answers(0, 6443), true);
});

test('loss takes its share of all frames in both directions', needs, async (t) => {
  const bed = await bedFor(t);
  await bed.faults.loss('node1', 100);
  assert.deepEqual(await audible(bed, ...BOTH, 'node3>node2'), ['node3>node2']);
  await bed.faults.loss('node1', 30);
  const kinds = await Promise.all(Array.from({ length: 5 }, () => arrivals(bed, 200)));
  const share = kinds.reduce((sum, count) => sum + count, 0) / 1000;
  // Six standard deviations around what is expected.
  assert.ok(share > 0.61 && share < 0.79, `${share} of the frames arrived`);
  await bed.faults.healLoss('node1');
  assert.equal(await arrivals(bed, 200), 200);
  assert.equal(await pings(bed.network.client, '10.77.0.11'), true);
});

/** How many of so many frames from node1 arrive at node2. */
async function arrivals(bed: Bed, count: number): Promise<number> {
  const [from, to] = [hostOf(bed, 'node1'), hostOf(bed, 'node2')];
  const link = openSender({ netns: from.netns, name: 'eth0' });
  const end = openSender({ netns: bed.network.lanNetns, name: 'p-node2' });
  const source = `02:00:00:00:01:${(++sources).toString(16).padStart(2, '0')}`;
  let [arrived, isOver] = [0, false];
  const onFrame = ({ bytes }: { bytes: Buffer }): void => {
    if (bytes[12] === 0x88 && bytes[59] === 1) isOver = true;
    else arrived++;
  };
  const filter = `ether src ${source}`;
  const tap = await tapLink({ netns: to.netns, name: 'eth0' }, { filter, direction: 'in', onFrame });
  const frame = plainFrame(to.mac, source);
  for (let sent = 0; sent < count; sent++) link.send(frame);
  frame[59] = 1;
  end.send(frame);
  await waitFor('the last frame', () => isOver, DEADLINE);
  await tap.stop();
  for (const socket of [link, end]) socket.close();
  return arrived;
}

let sources = 0x80;

test('what a fault lacks is told', needs, async (t) => {
  const { faults } = await bedFor(t);
  await assert.rejects(faults.inject('oneway', 'node1'), /it has one target: want a machine after it/);
  await assert.rejects(faults.inject('loss', 'node1', 'all'), /lose "all" percent: want a number/);
  await assert.rejects(faults.inject('mute', 'node9'), /there is none; there are node1, node2, node3, cp/);
  await assert.rejects(faults.inject('partition', 'node1|node9'), /"node9": there is none/);
  for (const groups of ['node1', 'node1|', 'node1|node1'])
    assert.throws(() => parseGroups(groups), /want groups/);
});

test('the command line tells of every fault', requirement('ip'), async () => {
  const { stdout } = await exec([process.execPath, 'lab/main.ts', 'fault', '--help']);
  const untold = FAULTS.filter((fault) => !new RegExp(`\\b${fault}\\b`).test(stdout));
  assert.deepEqual(untold, []);
});
