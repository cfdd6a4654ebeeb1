// The bench `heartbeat-flood`: three nodes with real wire workers hear each other and hold addresses, and a stranger on
// their link sends one of them forged heartbeats, as fast as a link may bring them. Needs root and a C compiler.

import { setTimeout as sleep } from 'node:timers/promises';
import { ensureBuilt } from '../lab/build.ts';
import { mustExec } from '../lab/exec.ts';
import { requireRoot } from '../lab/ingredients.ts';
import { seconds } from '../src/time/duration.ts';
import type { Bench, BenchCase, Measurement, Outcome, RunOptions } from './bench.ts';
import { ensureCPrograms } from './c-programs.ts';
import { livingPeers, lossesBetween, movedBetween, readBetween } from './heartbeat-figures.ts';
import { forgedFrames } from './heartbeat-forgery.ts';
import { HeartbeatNode } from './heartbeat-node.ts';
import { createSegment, LINK, type SegmentHost } from './heartbeat-segment.ts';

const RATE = 100_000;
const FLOOD = seconds(20);
const NODES = ['node1', 'node2', 'node3'] as const;
const STRANGER = 'stranger';
const ADDRESSES = 30;
/** Different frames that are sent in turn. */
const FORGERIES = 64;
const SETTLING = seconds(5);
const PATIENCE = seconds(30);
/** After the flood, so that what was lost at its end is told. */
const AFTERMATH = seconds(1);

const CASES: readonly (BenchCase & { readonly unit: string })[] = [
  { name: 'peers-lost', unit: 'times', shows: 'that any of the nodes lost another; want 0' },
  { name: 'addresses-moved', unit: 'addresses', shows: `of ${ADDRESSES}; want 0` },
  { name: 'sent', unit: '1/s', shows: `forged frames that left the stranger; aimed at ${RATE}` },
  {
    name: 'read',
    unit: '1/s',
    shows: 'frames that the worker took from its socket, heartbeats of the peers included',
  },
  {
    name: 'cpu-percent',
    unit: '%',
    shows: 'processor time of the process with the flooded worker, of one core',
  },
];

export const heartbeatFlood: Bench = {
  name: 'heartbeat-flood',
  shows: `${RATE} forged heartbeats a second (right in all but the HMAC) to one of ${NODES.length} nodes, for ${FLOOD / 1000} s`,
  cases: CASES.map(({ name, shows }) => ({ name, shows })),
  runs: 3,
  run,
};

async function run({ runs, cases, onProgress, signal }: RunOptions): Promise<Outcome> {
  requireRoot();
  await ensureBuilt(onProgress);
  const programs = await ensureCPrograms();
  if (programs === undefined) throw new Error('build bench/c: no C compiler: want cc on the PATH');
  const samples = new Map(CASES.map(({ name }) => [name, [] as number[]]));
  const segment = await createSegment([...NODES, STRANGER]);
  const hosts = segment.hosts.slice(0, NODES.length);
  const nodes = hosts.map((host) => new HeartbeatNode(host, hosts, ADDRESSES));
  try {
    await settle(nodes, signal);
    const flood = () => runFlood(programs.flooder, segment.hosts);
    for (let index = 1; index <= runs; index++) {
      signal.throwIfAborted();
      const figures = await measure(nodes, flood);
      for (const [name, value] of Object.entries(figures)) samples.get(name)?.push(value);
      onProgress(`run ${index} of ${runs}: ${JSON.stringify(figures)}`);
      await sleep(SETTLING, undefined, { signal });
    }
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
    await segment.release();
  }
  const measurements = CASES.filter(({ name }) => cases.includes(name)).map(({ name, unit }): Measurement => {
    return { case: name, subject: 'fairlead', unit, samples: samples.get(name) ?? [] };
  });
  return { apiserver: null, measurements };
}

async function settle(nodes: readonly HeartbeatNode[], signal: AbortSignal): Promise<void> {
  for (const node of nodes) await node.ready();
  for (const node of nodes)
    await node.until(
      'the other nodes to live and the addresses to be shared',
      (report) => livingPeers(report) === nodes.length - 1 && report.held.length === ADDRESSES / nodes.length,
      PATIENCE,
    );
  await sleep(SETTLING, undefined, { signal });
}

async function measure(
  nodes: readonly HeartbeatNode[],
  flood: () => Promise<Flooded>,
): Promise<Readonly<Record<string, number>>> {
  const report = () => Promise.all(nodes.map((node) => node.report()));
  const used = nodes[0]?.processorSeconds() ?? Number.NaN;
  const before = await report();
  const { sent, seconds: elapsed } = await flood();
  const busy = (nodes[0]?.processorSeconds() ?? Number.NaN) - used;
  await sleep(AFTERMATH);
  const after = await report();
  const losses = before.map((each, i) => lossesBetween(each, after[i] ?? each));
  const [flooded, then] = [before[0], after[0]];
  if (flooded === undefined || then === undefined) throw new Error('flood a node: there is none');
  return {
    'peers-lost': losses.reduce((sum, count) => sum + count, 0),
    'addresses-moved': movedBetween(before, after),
    sent: sent / elapsed,
    read: readBetween(flooded.totals, then.totals) / elapsed,
    'cpu-percent': (100 * busy) / elapsed,
  };
}

interface Flooded {
  readonly sent: number;
  readonly seconds: number;
}

/** The stranger sends from its own MAC what says to be of the second node. */
async function runFlood(flooder: string, hosts: readonly SegmentHost[]): Promise<Flooded> {
  const [to, as] = hosts;
  const from = hosts.find(({ name }) => name === STRANGER);
  if (to === undefined || as === undefined || from === undefined)
    throw new Error('flood a node: want it, another one and a stranger');
  const lines = forgedFrames({ from, to, as }, FORGERIES).map((frame) => Buffer.from(frame).toString('hex'));
  const argv = ['ip', 'netns', 'exec', from.netns, flooder, LINK, `${RATE}`, `${FLOOD}`];
  const patience = seconds(60);
  return JSON.parse(await mustExec(argv, { input: `${lines.join('\n')}\n`, timeout: patience })) as Flooded;
}
