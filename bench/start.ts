// The bench `start`: from the start of a program's process until it says that it is ready, in a lab with the real API
// server.

import { setTimeout as sleep } from 'node:timers/promises';
import { createLab, type Lab } from '../lab/cluster.ts';
import { getIn } from '../lab/http-client.ts';
import { PORTS } from '../lab/installation.ts';
import type { LabHost } from '../lab/network.ts';
import { milliseconds } from '../src/time/duration.ts';
import type { Bench, Measurement, Outcome, RunOptions } from './bench.ts';

const UNIT = 'ms';
/** How often readiness is asked for: often enough for the figure, seldom enough to leave the processor alone. */
const ASKING = milliseconds(5);
/** The end of the process before, and what the API server does about it, is over then. */
const SETTLING = milliseconds(500);

const CASES = [
  { name: 'agent', shows: 'with the chart’s service account; the wire worker is up and all is synced' },
  { name: 'controller', shows: 'the only one; all is synced' },
] as const;

type CaseName = (typeof CASES)[number]['name'];

export const start: Bench = {
  name: 'start',
  shows: 'time from spawning the program to the first 200 of /readyz',
  cases: CASES,
  runs: 10,
  run,
};

interface Program {
  readonly target: string;
  readonly host: LabHost;
  readonly port: number;
}

async function run(options: RunOptions): Promise<Outcome> {
  const lab = await createLab({
    name: `bench-${process.pid}`,
    nodes: 1,
    kubeProxy: false,
    signal: options.signal,
    onProgress: options.onProgress,
  });
  try {
    const measurements: Measurement[] = [];
    for (const { name } of CASES.filter((each) => options.cases.includes(each.name)))
      measurements.push(await measureCase(lab, name, options));
    return { apiserver: { kind: 'kube-apiserver', version: lab.apiserverVersion }, measurements };
  } finally {
    await lab.down();
  }
}

async function measureCase(lab: Lab, name: CaseName, options: RunOptions): Promise<Measurement> {
  const program = programOf(lab, name);
  const samples: number[] = [];
  for (let index = 1; index <= options.runs; index++) {
    options.signal.throwIfAborted();
    await lab.processes.stop(program.target);
    await sleep(SETTLING);
    const sample = await startAgain(lab, program);
    options.onProgress(`${name}: run ${index} of ${options.runs}: ${sample.toFixed(0)} ${UNIT}`);
    samples.push(sample);
  }
  return { case: name, subject: 'fairlead', unit: UNIT, samples };
}

function programOf({ network }: Lab, name: CaseName): Program {
  const [node] = network.nodes;
  if (node === undefined) throw new Error('start an agent: the lab has no node');
  return name === 'agent'
    ? { target: `agent/${node.name}`, host: node, port: PORTS.agent }
    : { target: 'controller/0', host: network.controlPlane, port: PORTS.controller };
}

async function startAgain({ processes }: Lab, { target, host, port }: Program): Promise<number> {
  const before = processes.get(target);
  if (before === undefined) throw new Error(`start ${target} again: the lab never started it`);
  const url = `http://${host.ip}:${port}/readyz`;
  if (await isReady(host.netns, url))
    throw new Error(`start ${target} again: something else answers at ${url}`);
  let readyAt = Number.NaN;
  const spawned = performance.now();
  await processes.start({
    target,
    netns: host.netns,
    argv: before.argv,
    readyWhen: async (signal) => {
      readyAt = await untilReady(host, url, signal);
    },
  });
  return readyAt - spawned;
}

/** When the first 200 came; a program that ends before is noticed by the process table, which then aborts. */
async function untilReady({ netns }: LabHost, url: string, signal: AbortSignal): Promise<number> {
  for (;;) {
    signal.throwIfAborted();
    if (await isReady(netns, url)) return performance.now();
    await sleep(ASKING);
  }
}

async function isReady(netns: string, url: string): Promise<boolean> {
  try {
    return (await getIn(netns, url)).status === 200;
  } catch {
    return false; // It does not listen yet.
  }
}
