// The bench `memory`: what the programs take when nothing happens, in a lab of three nodes with the real API server.

import { setTimeout as sleep } from 'node:timers/promises';
import { createLab, type Lab } from '../lab/cluster.ts';
import { type Duration, seconds } from '../src/time/duration.ts';
import type { Bench, Measurement, Outcome, RunOptions } from './bench.ts';
import { type MemoryFigures, memoryOf } from './process-figures.ts';

const NODES = 3;
const UNIT = 'MB';

/** After this long since they were ready the programs are looked at. */
export const IDLE = seconds(60);

type Component = 'agent' | 'controller';

interface MemoryCase {
  readonly name: string;
  readonly shows: string;
  readonly component: Component;
  readonly figure: keyof MemoryFigures;
}

const CASES: readonly MemoryCase[] = [
  { name: 'agent', shows: 'VmRSS of each agent', component: 'agent', figure: 'resident' },
  {
    name: 'agent-peak',
    shows: 'VmHWM of each agent, its start included',
    component: 'agent',
    figure: 'peak',
  },
  { name: 'controller', shows: 'VmRSS of the controller', component: 'controller', figure: 'resident' },
  {
    name: 'controller-peak',
    shows: 'VmHWM of the controller, its start included',
    component: 'controller',
    figure: 'peak',
  },
];

/** The bench with another settling time than IDLE is for trying it out: its figures are no figures of ours. */
export const memoryBench = (settling: Duration): Bench => ({
  name: 'memory',
  shows: `memory of idle programs (MB = 1,000,000 bytes), ${settling / 1000} s after they were ready, no collection forced`,
  cases: CASES.map(({ name, shows }) => ({ name, shows })),
  runs: 1,
  run: (options) => run(options, settling),
});

export const memory = memoryBench(IDLE);

async function run(options: RunOptions, settling: Duration): Promise<Outcome> {
  const wanted = CASES.filter(({ name }) => options.cases.includes(name));
  const samples = new Map(wanted.map(({ name }) => [name, [] as number[]]));
  let version = '';
  for (let index = 1; index <= options.runs; index++) {
    const lab = await createLab({
      name: `bench-${process.pid}`,
      nodes: NODES,
      kubeProxy: false,
      signal: options.signal,
      onProgress: (line) => options.onProgress(`run ${index} of ${options.runs}: ${line}`),
    });
    try {
      version = lab.apiserverVersion;
      await sleep(settling, undefined, { signal: options.signal });
      for (const each of wanted) samples.get(each.name)?.push(...figuresOf(lab, each));
    } finally {
      await lab.down();
    }
  }
  const measurements = Array.from(
    samples,
    ([name, taken]): Measurement => ({ case: name, subject: 'fairlead', unit: UNIT, samples: taken }),
  );
  return { apiserver: { kind: 'kube-apiserver', version }, measurements };
}

/** Of every process of a component; one that has ended on the way is an error. */
function figuresOf(lab: Lab, { component, figure }: MemoryCase): readonly number[] {
  const processes = lab.processes.list().filter(({ target }) => target.startsWith(`${component}/`));
  return processes.map(({ target, pid, exit }) => {
    if (exit !== undefined) throw new Error(`measure memory of ${target}: it has ended, want it running`);
    return memoryOf(pid)[figure];
  });
}
