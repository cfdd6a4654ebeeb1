// Wire workers that exchange heartbeats on a bridge, for the tests over real packet sockets.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { HeartbeatTotals } from '../../src/wire-worker/heartbeat-counters.ts';
import type { HeartbeatSettings } from '../../src/wire-worker/heartbeat-settings.ts';
import type { BridgeBed } from './bridge-bed.ts';
import { WireProcess } from './wire-process.ts';

export const settingsOf = (session: number, changes: Partial<HeartbeatSettings> = {}): HeartbeatSettings => ({
  clusterUid: 'uid-cluster',
  session: session.toString(16).padStart(16, '0'),
  keys: [{ id: 1, secret: new Uint8Array(32).fill(7) }],
  activeKey: 1,
  intervalMs: 100,
  multiplier: 3,
  ...changes,
});

/** A worker on node 1, 2, ...; it exchanges heartbeats. */
export async function worker(t: TestContext, bed: BridgeBed, number: number): Promise<WireProcess> {
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
export async function totalsWith(
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
