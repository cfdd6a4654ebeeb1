// The bench `idle`: what an agent takes while nothing happens, on each of three nodes that hold a thousand addresses of
// three thousand each, in a lab with the real API server. Heartbeats go on, Leases are renewed, refreshes are announced.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/cluster.ts';
import type { KubeObject } from '../src/kube/api.ts';
import { VIRTUAL_IP } from '../src/kube/kinds.ts';
import { type Duration, minutes, seconds } from '../src/time/duration.ts';
import { AuditLog } from './audit-log.ts';
import type { Bench, BenchCase, Measurement, Outcome, RunOptions } from './bench.ts';
import { createCrowdLab, summon, untilQuiet } from './crowd.ts';
import { memoryOf, processorSeconds, proportionalOf } from './process-figures.ts';

const COUNT = 3000;

/** After the last address was announced: what its making has left is collected, as in a cluster that has run for long. */
const SETTLING = seconds(60);
const WATCHED = minutes(2);

const CASES: readonly BenchCase[] = [
  { name: 'cpu-percent', shows: "processor time of each agent's threads, of one core; want at most 2" },
  { name: 'memory-mb', shows: 'VmRSS of each agent; want at most 90' },
  {
    name: 'memory-pss-mb',
    shows: 'the same with pages that several processes share divided among them (PSS)',
  },
];
const UNITS: Readonly<Record<string, string>> = { 'cpu-percent': '%' };

export const idle = idleBench(COUNT);

function idleBench(count: number): Bench {
  const suffix = count === COUNT ? '' : `-${count}`;
  return {
    name: 'idle',
    shows: `agents over ${WATCHED / 60_000} minutes in which nothing happens: ${count} addresses on three nodes, each holds a third (MB = 1,000,000 bytes)`,
    cases: CASES.map(({ name, shows }) => ({ name: name + suffix, shows })),
    runs: 1,
    withCount: idleBench,
    run: (options) => run(options, { count, suffix }),
  };
}

interface Size {
  readonly count: number;
  readonly suffix: string;
}

async function run(options: RunOptions, { count, suffix }: Size): Promise<Outcome> {
  const samples = new Map(CASES.map(({ name }) => [name, [] as number[]]));
  let version = '';
  for (let index = 1; index <= options.runs; index++) {
    const lab = await createCrowdLab(options);
    try {
      version = lab.apiserverVersion;
      const agents = await watchIdle(lab, count, options);
      for (const [name, taken] of samples) taken.push(...agents.map((agent) => agent[name] ?? Number.NaN));
    } finally {
      await lab.down();
    }
  }
  const measurements = Array.from(samples, ([name, taken]): Measurement => {
    return { case: name + suffix, subject: 'fairlead', unit: UNITS[name] ?? 'MB', samples: taken };
  });
  return {
    apiserver: { kind: 'kube-apiserver', version },
    measurements: measurements.filter((one) => options.cases.includes(one.case)),
  };
}

type Figures = Readonly<Record<string, number>>;

async function watchIdle(lab: Lab, count: number, options: RunOptions): Promise<readonly Figures[]> {
  const { signal, onProgress } = options;
  await summon(lab, count, options);
  await sleep(SETTLING, undefined, { signal });
  await untilQuiet(new AuditLog(lab.auditLog), signal);
  const before = await holdersOf(lab);
  checkHeld(before, { nodes: lab.network.nodes.map(({ name }) => name), count });
  const agents = agentsOf(lab);
  const used = agents.map(({ pid }) => processorSeconds(pid));
  const began = performance.now();
  onProgress(`idle for ${WATCHED / 1000} s`);
  await sleep(WATCHED, undefined, { signal });
  const elapsed = (performance.now() - began) as Duration;
  const figures = agents.map(({ pid }, index): Figures => {
    return {
      'cpu-percent': percentOf(processorSeconds(pid) - (used[index] ?? 0), elapsed),
      'memory-mb': memoryOf(pid).resident,
      'memory-pss-mb': proportionalOf(pid),
    };
  });
  checkSame(before, await holdersOf(lab));
  for (const [index, each] of figures.entries())
    onProgress(`${agents[index]?.target}: ${JSON.stringify(each)}`);
  return figures;
}

/** Of one core. */
export const percentOf = (processorSeconds: number, elapsed: Duration): number =>
  (100 * 1000 * processorSeconds) / elapsed;

function agentsOf(lab: Lab) {
  const agents = lab.processes.list().filter(({ target }) => target.startsWith('agent/'));
  for (const { target, exit } of agents)
    if (exit !== undefined) throw new Error(`measure ${target}: it has ended, want it running`);
  return agents;
}

interface VirtualIP extends KubeObject {
  readonly status?: { readonly holder?: string };
}

type Holders = ReadonlyMap<string, string | undefined>;

async function holdersOf(lab: Lab): Promise<Holders> {
  const all = await lab.api.list<VirtualIP>(VIRTUAL_IP);
  return new Map(all.map(({ metadata, status }) => [metadata.name, status?.holder]));
}

/** Each node has its third, or nothing was measured that is worth its name. */
export function checkHeld(
  holders: Holders,
  { nodes, count }: { readonly nodes: readonly string[]; readonly count: number },
): void {
  const held = nodes.map((node) => [...holders.values()].filter((holder) => holder === node).length);
  const [least, most] = [Math.floor(count / nodes.length), Math.ceil(count / nodes.length)];
  if (held.some((some) => some < least || some > most))
    throw new Error(`spread ${count} addresses: ${held.join(', ')} on the nodes: want ${least} to ${most}`);
}

/** Something that moved meanwhile would make what was measured no idleness. */
function checkSame(before: Holders, after: Holders): void {
  const moved = [...before].filter(([name, holder]) => after.get(name) !== holder).length;
  if (moved > 0) throw new Error(`watch idle agents: ${moved} addresses moved meanwhile: want none`);
}
