// The bench `heartbeat-cost`: what the heartbeats of a hundred peers on one link cost the agent's wire worker, with real
// packets, each with as many other peers listed as it has room for. Needs root.

import { setTimeout as sleep } from 'node:timers/promises';
import { ensureBuilt } from '../lab/build.ts';
import { requireRoot } from '../lab/ingredients.ts';
import { seconds } from '../src/time/duration.ts';
import type { Bench, Measurement, Outcome, RunOptions } from './bench.ts';
import { livingPeers, lossesBetween } from './heartbeat-figures.ts';
import { INTERVAL } from './heartbeat-keys.ts';
import { HeartbeatNode, HeartbeatSenders } from './heartbeat-node.ts';
import { createSegment, type Segment } from './heartbeat-segment.ts';

const PEERS = 100;
/** An agent runs for days: what V8 optimizes, at the 40,000 calls that src/bin/memory.ts asks for, is optimized by then. */
const SETTLING = seconds(60);
const WATCHED = seconds(20);
const PATIENCE = seconds(30);
/** Of the frames that should have been received: fewer, and something else was measured. */
const ENOUGH = 0.98;

const UNITS: Readonly<Record<string, string>> = { 'cpu-percent': '%', received: '1/s' };

export const heartbeatCost: Bench = {
  name: 'heartbeat-cost',
  shows: `the heartbeats of ${PEERS} peers on one link, one from each every ${INTERVAL} ms, over ${WATCHED / 1000} s`,
  cases: [
    {
      name: 'cpu-percent',
      shows:
        "processor time of the process with the wire worker, of one core, the kernel's part in it; want at most 5",
    },
    {
      name: 'received',
      shows: 'heartbeats that counted; all peers live before and after, or there is no figure',
    },
  ],
  runs: 3,
  run,
};

async function run({ runs, cases, onProgress, signal }: RunOptions): Promise<Outcome> {
  requireRoot();
  await ensureBuilt(onProgress);
  const samples = new Map(Object.keys(UNITS).map((name) => [name, [] as number[]]));
  const segment = await createSegment(['agent', 'senders']);
  try {
    for (let index = 1; index <= runs; index++) {
      signal.throwIfAborted();
      const figures = await runOnce(segment, signal);
      for (const [name, value] of Object.entries(figures)) samples.get(name)?.push(value);
      onProgress(`run ${index} of ${runs}: ${JSON.stringify(figures)}`);
    }
  } finally {
    await segment.release();
  }
  const measurements = cases.map((name): Measurement => {
    return { case: name, subject: 'fairlead', unit: UNITS[name] ?? '', samples: samples.get(name) ?? [] };
  });
  return { apiserver: null, measurements };
}

type Figures = Readonly<Record<string, number>>;

async function runOnce({ hosts }: Segment, signal: AbortSignal): Promise<Figures> {
  const [agent, senders] = hosts;
  if (agent === undefined || senders === undefined) throw new Error('find two hosts: want them built');
  const node = new HeartbeatNode(agent, [agent], 0);
  const peers = new HeartbeatSenders(senders, PEERS);
  try {
    return await measure(node, peers, signal);
  } finally {
    await Promise.all([node.stop(), peers.stop()]);
  }
}

async function measure(node: HeartbeatNode, peers: HeartbeatSenders, signal: AbortSignal): Promise<Figures> {
  await Promise.all([node.ready(), peers.ready()]);
  await node.until(`${PEERS} peers to live`, (report) => livingPeers(report) === PEERS, PATIENCE);
  await sleep(SETTLING, undefined, { signal });
  await peers.report();
  const [before, used, began] = [await node.report(), node.processorSeconds(), performance.now()];
  await sleep(WATCHED, undefined, { signal });
  const [busy, elapsed] = [node.processorSeconds() - used, (performance.now() - began) / 1000];
  const [after, sent] = [await node.report(), await peers.report()];
  const received = (after.totals.received - before.totals.received) / elapsed;
  const wanted = (PEERS * 1000) / INTERVAL;
  const lost = lossesBetween(before, after);
  if (livingPeers(after) !== PEERS || lost > 0 || received < ENOUGH * wanted)
    throw new Error(
      `hear ${PEERS} peers: ${livingPeers(after)} live, ${lost} were lost meanwhile, ${received.toFixed(0)} heartbeats a second, want ${wanted}; the senders were late by ${sent.latest.toFixed(0)} ms at most`,
    );
  return { 'cpu-percent': (100 * busy) / elapsed, received };
}
