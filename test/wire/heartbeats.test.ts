// Heartbeats of real wire workers over real packet sockets: past a firewall, with every forgery counted for what it is,
// and nothing left behind.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LinkSocket } from '../../src/host/host.ts';
import { digests } from '../../src/host/linux/digests.ts';
import { parseMac } from '../../src/net/mac.ts';
import { encodeEthernetHeader } from '../../src/protocol/ethernet/ethernet-header.ts';
import { encodeHeartbeat, type HeartbeatFrame } from '../../src/protocol/heartbeat/heartbeat-frame.ts';
import { encodeUdpV4, type UdpV4 } from '../../src/protocol/udp/udp-v4.ts';
import { milliseconds } from '../../src/time/duration.ts';
import type { HeartbeatTotals } from '../../src/wire-worker/heartbeat-counters.ts';
import { HEARTBEAT_GROUP, HEARTBEAT_GROUP_MAC } from '../../src/wire-worker/heartbeat-link.ts';
import { type HeartbeatSettings, identityOf } from '../../src/wire-worker/heartbeat-settings.ts';
import { ipv4, wantAll, wantedOf } from '../fake/fake-wire.ts';
import { run, SKIP } from './bed.ts';
import { BridgeBed } from './bridge-bed.ts';
import { WireProcess } from './wire-process.ts';

const VIP = '10.77.0.50';

const settingsOf = (session: number, changes: Partial<HeartbeatSettings> = {}): HeartbeatSettings => ({
  clusterUid: 'uid-cluster',
  session: session.toString(16).padStart(16, '0'),
  keys: [{ id: 1, secret: new Uint8Array(32).fill(7) }],
  activeKey: 1,
  intervalMs: 100,
  multiplier: 3,
  ...changes,
});

/** A worker on node 1, 2, ...; it exchanges heartbeats. */
async function worker(t: TestContext, bed: BridgeBed, number: number): Promise<WireProcess> {
  const netns = bed.nodes[number - 1] ?? '';
  const wire = await WireProcess.idle(t, netns, 'sound', `node${number}`);
  const { keys, ...settings } = settingsOf(number);
  wire.command({ kind: 'heartbeats', settings, secret: keys.flatMap(({ secret }) => [...secret]) });
  return wire;
}

async function totals(wire: WireProcess): Promise<HeartbeatTotals> {
  const before = wire.all('counters').length;
  wire.send({ kind: 'count' });
  await wire.until('counters', () => wire.all('counters').length > before);
  const last = wire.all('counters').at(-1);
  assert.ok(last);
  return last.counters.heartbeats;
}

/** Asks for the totals until they are as they should be; fails after a hundred times. */
async function totalsWith(
  wire: WireProcess,
  isRight: (totals: HeartbeatTotals) => boolean,
): Promise<HeartbeatTotals> {
  for (let tries = 0; tries < 100; tries++) {
    const now = await totals(wire);
    if (isRight(now)) return now;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`wait for totals: ${JSON.stringify(await totals(wire))}`);
}

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

const NOTHING = { heard: [], isClaimsRequest: false, offers: [], revoked: [] };

/** What the stranger sends: a heartbeat of node9, changed. */
function send(
  socket: LinkSocket,
  bed: BridgeBed,
  {
    settings = settingsOf(9),
    frame = {},
    datagram = {},
    cut = 0,
  }: {
    readonly settings?: HeartbeatSettings;
    readonly frame?: Partial<HeartbeatFrame>;
    readonly datagram?: Partial<UdpV4>;
    readonly cut?: number;
  },
): void {
  const { authenticate, ...identity } = identityOf('node9', settings, digests);
  const flags = { isLeaving: false, isUnable: false, isHung: true, hasNoApi: false, isAlone: false };
  const rest = { flags, sequence: 1n, receiverSession: 0n, mainAge: milliseconds(0), claimsDigest: 0n };
  const payload = encodeHeartbeat({ ...identity, ...rest, body: NOTHING, ...frame }, authenticate);
  const packet = encodeUdpV4({
    source: ipv4(bed.address(3)),
    destination: HEARTBEAT_GROUP,
    sourcePort: 7373,
    destinationPort: 7373,
    ttl: 255,
    dscp: 48,
    identification: 1,
    payload: payload.subarray(0, payload.length - cut),
    ...datagram,
  });
  const bytes = new Uint8Array(14 + packet.length);
  const source = parseMac(bed.mac(3));
  assert.ok(source);
  encodeEthernetHeader({ destination: HEARTBEAT_GROUP_MAC, source, etherType: 0x0800 }, bytes);
  bytes.set(packet, 14);
  assert.equal(socket.transmit(bytes, bytes.length), 'Sent');
}

test('forgeries and mistakes are counted under their names', { skip: SKIP }, async (t) => {
  const bed = new BridgeBed(t, 1);
  const wire = await worker(t, bed, 1);
  await totalsWith(wire, ({ transmitted }) => transmitted > 0);
  const socket = bed.strangersSocket(t);
  const other = { keys: [{ id: 1, secret: new Uint8Array(32) }] };
  const unknown = { keys: [{ id: 3, secret: new Uint8Array(32) }], activeKey: 3 };
  const FRAMES: readonly (readonly [name: string, Parameters<typeof send>[2]])[] = [
    ['bad-hmac', { settings: settingsOf(9, other) }],
    ['unknown-key', { settings: settingsOf(9, unknown) }],
    ['other-cluster', { settings: settingsOf(9, { clusterUid: 'uid-other' }) }],
    ['hop-limit', { datagram: { ttl: 254 } }],
    ['bad-hmac', { cut: 1, frame: { body: { ...NOTHING, isClaimsRequest: true } } }],
    ['too-short', { cut: 20 }],
    ['bad-magic', { datagram: { payload: new Uint8Array(100) } }],
    ['unproven-session', {}],
    ['replayed', {}],
    ['replayed', { frame: { sequence: 0n } }],
  ];
  const expected: Record<string, number> = {};
  for (const [name, what] of FRAMES) {
    send(socket, bed, what);
    expected[name] = (expected[name] ?? 0) + 1;
    const isCounted = ({ dropsByReason }: HeartbeatTotals): boolean => dropsByReason[name] === expected[name];
    await totalsWith(wire, isCounted);
  }
  // To another port: not a heartbeat, and not even looked at.
  send(socket, bed, { datagram: { destinationPort: 7374 } });
  send(socket, bed, { frame: { sequence: 2n } });
  expected['unproven-session'] = 2;
  const { dropsByReason, received } = await totalsWith(
    wire,
    (now) => now.dropsByReason['unproven-session'] === 2,
  );
  const counted = Object.fromEntries(Object.entries(dropsByReason).filter(([, count]) => count > 0));
  assert.deepEqual([counted, received], [expected, 0]);
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
