// The bench `false-failover`: nodes that are slow, busy and badly connected, but alive: whether any address moves. What it
// costs to be quick would be to be quick without need.

import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Verdict } from '../lab/answer-record.ts';
import type { Lab } from '../lab/cluster.ts';
import { hrNow, startWitness, type Witness } from '../lab/witness.ts';
import type { KubeObject } from '../src/kube/api.ts';
import { VIRTUAL_IP } from '../src/kube/kinds.ts';
import { type Duration, minutes, seconds } from '../src/time/duration.ts';
import type { Bench, Outcome, RunOptions } from './bench.ts';
import { createCrowdLab, summon } from './crowd.ts';

const MINUTES = 30;
const ADDRESSES = 100;
const HOGS_PER_CORE = 4;
const LOSS_PERCENT = 1;
/** Of its main thread, in milliseconds. */
const STUTTER = { still: 200, period: 400 } as const;

const PRELOAD = new URL('../lab/preload/stutter-main.ts', import.meta.url);

/** How often the witness asks for each address. */
const ASKING = seconds(1);
const TELLING = seconds(60);

const falseFailoverBench = (length: number): Bench => {
  const suffix = length === MINUTES ? '' : `-${length}min`;
  return {
    name: 'false-failover',
    shows:
      `${ADDRESSES} addresses on 3 nodes for ${length} minutes with ${HOGS_PER_CORE} processor hogs per core, ${LOSS_PERCENT} % loss ` +
      `and agents' main threads blocked for ${STUTTER.still} of every ${STUTTER.period} ms`,
    cases: [
      { name: `moves${suffix}`, shows: 'changes of holder by the record: by how much all epochs grew' },
      { name: `moves-seen${suffix}`, shows: 'changes of who answers, seen at the bridge' },
    ],
    runs: 1,
    withMinutes: falseFailoverBench,
    run: (options) => run(options, { length, suffix }),
  };
};

export const falseFailover = falseFailoverBench(MINUTES);

interface Window {
  /** In minutes. */
  readonly length: number;
  readonly suffix: string;
}

async function run(options: RunOptions, { length, suffix }: Window): Promise<Outcome> {
  const samples = { moves: [] as number[], 'moves-seen': [] as number[] };
  let version = '';
  for (let index = 0; index < options.runs; index++) {
    const counted = await count(options, length);
    version = counted.version;
    samples.moves.push(counted.recorded);
    samples['moves-seen'].push(counted.seen);
  }
  const measurements = Object.entries(samples).map(([name, taken]) => ({
    case: name + suffix,
    subject: 'fairlead',
    unit: 'moves',
    samples: taken,
  }));
  return {
    apiserver: { kind: 'kube-apiserver', version },
    measurements: measurements.filter((one) => options.cases.includes(one.case)),
  };
}

interface Counted {
  readonly version: string;
  readonly recorded: number;
  readonly seen: number;
}

async function count(options: RunOptions, length: number): Promise<Counted> {
  const directory = await mkdtemp(join(tmpdir(), 'fairlead-stutter-'));
  const file = join(directory, 'stutter');
  const stuttering = { NODE_OPTIONS: `--import ${PRELOAD}`, FAIRLEAD_LAB_STUTTER_FILE: file };
  const environmentOf = (target: string): Readonly<Record<string, string>> =>
    target.startsWith('agent/') ? stuttering : {};
  const lab = await createCrowdLab(options, { environmentOf });
  try {
    const { addresses } = await summon(lab, ADDRESSES, options);
    return await countUnderLoad({ lab, addresses: [...addresses.values()], file, length }, options);
  } finally {
    await lab.down();
    await rm(directory, { recursive: true });
  }
}

interface Setting {
  readonly lab: Lab;
  readonly addresses: readonly string[];
  /** While it is there main threads stutter. */
  readonly file: string;
  readonly length: number;
}

async function countUnderLoad(
  { lab, addresses, file, length }: Setting,
  { signal, onProgress }: RunOptions,
): Promise<Counted> {
  const witness = await startWitness(lab.network, { addresses, interval: ASKING });
  const hogs: ChildProcess[] = [];
  try {
    await lab.waitFor(
      'every address to be answered by one node',
      () => areHeld(witness, addresses),
      seconds(60),
    );
    const before = await epochSum(lab);
    const since = hrNow();
    await writeFile(file, `${STUTTER.still} ${STUTTER.period}`);
    for (const { name } of lab.network.nodes) await lab.faults.loss(name, LOSS_PERCENT);
    hogs.push(...startHogs());
    const verdicts = (): readonly Verdict[] => addresses.map((address) => witness.judge(address, since));
    for (const end = performance.now() + minutes(length); performance.now() < end; ) {
      await sleep(Math.min(TELLING, Math.max(0, end - performance.now())), undefined, { signal });
      onProgress(
        `epochs grew by ${(await epochSum(lab)) - before}, answerers changed ${changes(verdicts())} times`,
      );
    }
    checkStutter(lab, file, minutes(length));
    const recorded = (await epochSum(lab)) - before;
    return { version: lab.apiserverVersion, recorded, seen: changes(verdicts()) };
  } finally {
    for (const hog of hogs) hog.kill('SIGKILL');
    await rm(file, { force: true });
    await witness.stop();
  }
}

/** Hogs make turns late too; without this a bench of healthy agents would pass. */
function checkStutter({ processes, network }: Lab, file: string, time: Duration): void {
  for (const { name } of network.nodes) {
    const turns = statSync(`${file}.${processes.get(`agent/${name}`)?.pid}`).size;
    const wanted = time / STUTTER.period / 3;
    if (turns < wanted)
      throw new Error(`block the main thread on ${name}: ${turns} times: want ${wanted} at least`);
  }
}

const areHeld = (witness: Witness, addresses: readonly string[]): boolean =>
  addresses.every((address) => witness.holder(address, ASKING) !== undefined);

function startHogs(): readonly ChildProcess[] {
  const argv = ['--pdeathsig', 'KILL', 'sh', '-c', 'while :; do :; done'];
  return Array.from({ length: HOGS_PER_CORE * availableParallelism() }, () =>
    spawn('setpriv', argv, { stdio: 'ignore' }),
  );
}

interface VirtualIP extends KubeObject {
  readonly status?: { readonly epoch?: number };
}

/** An epoch grows by one at each change of holder. */
async function epochSum(lab: Lab): Promise<number> {
  const all = await lab.api.list<VirtualIP>(VIRTUAL_IP);
  return all.reduce((sum, { status }) => sum + (status?.epoch ?? 0), 0);
}

/** How often another answered than before; a lost question or answer, of which there are many, is no change. */
export const changes = (verdicts: readonly Verdict[]): number =>
  verdicts.reduce((sum, { stretches }) => {
    const answerers = stretches.filter(({ macs }) => macs.length > 0).map(({ macs }) => macs.join());
    return sum + answerers.slice(1).filter((macs, i) => macs !== answerers[i]).length;
  }, 0);
