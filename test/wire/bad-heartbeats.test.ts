// Whatever is no heartbeat of the cluster, sent by a stranger to real wire workers over real packet sockets: each is
// dropped under its name, counted and logged, and nobody is lost.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { HeartbeatTotals } from '../../src/wire-worker/heartbeat-counters.ts';
import { wantAll, wantedOf } from '../fake/fake-wire.ts';
import { SKIP } from './bed.ts';
import { BridgeBed } from './bridge-bed.ts';
import { settingsOf, totalsWith, worker } from './heartbeat-workers.ts';
import { EMPTY_BODY, type Forgery, macOf, Stranger } from './stranger.ts';
import type { WireProcess } from './wire-process.ts';

const VIP = '10.77.0.50';

/** Two workers that hear each other, the first of which holds the address; and a stranger beside them. */
async function scene(t: TestContext) {
  const bed = new BridgeBed(t, 2);
  const wires = [await worker(t, bed, 1), await worker(t, bed, 2)] as const;
  const candidates = ['node1', 'node2'];
  for (const wire of wires) await totalsWith(wire, ({ received }) => received >= 10);
  for (const wire of wires) wire.send({ kind: 'liveness', alive: candidates });
  wires[0].send(wantAll(wantedOf(VIP, { candidates })));
  await wires[0].until('held', () => wires[0].heldOn('eth0') === 1);
  wires[1].send(wantAll(wantedOf(VIP, { candidates, record: { holder: 'node1', epoch: 1 } })));
  return { bed, wires, stranger: new Stranger(t, bed) };
}

/** Both hear each other all the time, and the address stays where it is. */
function nobodyIsLost(wires: readonly [WireProcess, WireProcess]): void {
  for (const wire of wires) {
    const told = wire.all('log').flatMap(({ message }) => (message.startsWith('peer') ? [message] : []));
    assert.deepEqual([...new Set(told)].sort(), ['peer lives'], wire === wires[0] ? 'node1' : 'node2');
  }
  assert.deepEqual([wires[0].heldOn('eth0'), wires[1].heldOn('eth0')], [1, 0]);
}

/** What the log of a worker says of frames that came from a MAC: `bad-hmac 1` and so on. */
const linesOf = (wire: WireProcess, mac: string): readonly string[] =>
  wire.all('log').flatMap(({ message, level, values }) => {
    const isOfMac = message === 'heartbeats dropped' && `${values.from}`.startsWith(mac);
    return isOfMac ? [`${level} ${values.reason} ${values.count} ${values.link}`] : [];
  });

const keyOf = (id: number, fill: number) => ({
  keys: [{ id, secret: new Uint8Array(32).fill(fill) }],
  activeKey: id,
});

const FORGERIES: readonly (readonly [name: string, level: string, forgery: Forgery])[] = [
  ['too-short', 'warn', { cut: 20 }],
  ['bad-magic', 'warn', { datagram: { payload: new Uint8Array(100) } }],
  ['version', 'warn', { patch: [4, 2] }],
  ['version', 'warn', { patch: [4, 0] }],
  ['hop-limit', 'warn', { datagram: { ttl: 254 } }],
  ['other-cluster', 'info', { settings: settingsOf(9, { clusterUid: 'uid-other' }) }],
  ['unknown-key', 'warn', { settings: settingsOf(9, keyOf(3, 7)) }],
  ['bad-hmac', 'warn', { settings: settingsOf(9, keyOf(1, 0)) }],
  ['bad-hmac', 'warn', { settings: settingsOf(9, keyOf(1, 0)), node: 'node1' }],
  ['bad-hmac', 'warn', { cut: 1, frame: { body: { ...EMPTY_BODY, isClaimsRequest: true } } }],
  ['malformed-body', 'warn', { patch: [50, 0] }],
  ['malformed-packet', 'warn', { isCorrupt: true }],
  // With the key, as another program under the name of the one that hears it.
  ['unknown-sender', 'warn', { node: 'node2' }],
  ['unproven-session', 'info', {}],
  ['replayed', 'info', {}],
  ['replayed', 'info', { frame: { sequence: 0n } }],
];

test('each is counted and logged under its name, and nobody is lost', { skip: SKIP }, async (t) => {
  const { wires, stranger } = await scene(t);
  const [, two] = wires;
  const before = await totalsWith(two, () => true);
  const expected: Record<string, number> = {};
  for (const [i, [name, level, forgery]] of FORGERIES.entries()) {
    // A sender of its own for each, so that each has its own line.
    const mac = `02:00:00:00:01:${(16 + i).toString(16)}`;
    stranger.send({ source: macOf(mac), ...forgery });
    expected[name] = (expected[name] ?? 0) + 1;
    const isCounted = ({ dropsByReason }: HeartbeatTotals): boolean =>
      (dropsByReason[name] ?? 0) - (before.dropsByReason[name] ?? 0) === expected[name];
    await totalsWith(two, isCounted);
    assert.deepEqual(linesOf(two, mac), [`${level} ${name} 1 eth0`]);
  }
  // To another port, and to a MAC that the bridge knows nothing of, so that it sends it everywhere: not even looked at.
  stranger.send({ destination: macOf('02:00:00:00:00:99') });
  stranger.send({ datagram: { destinationPort: 7374 } });
  stranger.send({ frame: { sequence: 2n } });
  expected['unproven-session'] = 2;
  const after = await totalsWith(
    two,
    ({ dropsByReason }) =>
      (dropsByReason['unproven-session'] ?? 0) >= 2 + (before.dropsByReason['unproven-session'] ?? 0),
  );
  const grown = Object.entries(after.dropsByReason).map(
    ([name, count]) => [name, count - (before.dropsByReason[name] ?? 0)] as const,
  );
  assert.deepEqual(Object.fromEntries(grown.filter(([, count]) => count > 0)), expected);
  nobodyIsLost(wires);
});

test('a real heartbeat that is sent again, a thousand times, changes nothing', { skip: SKIP }, async (t) => {
  const { bed, wires, stranger } = await scene(t);
  const [, two] = wires;
  const source = macOf(bed.mac(1));
  const heard = await stranger.hear((bytes) => source.every((byte, i) => bytes[6 + i] === byte));
  const copy = Uint8Array.from(heard);
  copy.set(macOf(stranger.mac), 6);
  const before = await totalsWith(two, () => true);
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 100; j++) stranger.sendAgain(copy);
    const replayed = (before.dropsByReason.replayed ?? 0) + 100 * (i + 1);
    await totalsWith(two, ({ dropsByReason }) => (dropsByReason.replayed ?? 0) >= replayed);
  }
  const lines = linesOf(two, stranger.mac);
  assert.deepEqual(lines.slice(0, 1), ['info replayed 1 eth0']);
  assert.ok(lines.length <= 2, lines.join());
  nobodyIsLost(wires);
});

test('a flood under made-up MACs and names fills no log, and nobody is lost', { skip: SKIP }, async (t) => {
  const { wires, stranger } = await scene(t);
  const settings = settingsOf(9, keyOf(1, 0));
  for (let i = 0; i < 3000; i++) {
    const source = Uint8Array.of(2, 0, 0, 2, i >> 8, i & 255);
    stranger.send({ source, settings, node: `node-${i}` });
    // As fast as the workers can read, so that each is counted.
    if (i % 50 === 49) await totalsWith(wires[1], ({ dropsByReason }) => dropsByReason['bad-hmac'] === i + 1);
  }
  const lines = wires[1].all('log').filter(({ message }) => message === 'heartbeats dropped');
  assert.ok(lines.length <= 2 * 65 + 2, `${lines.length} lines`);
  assert.ok(lines.some(({ values }) => values.from === 'others'));
  nobodyIsLost(wires);
});
