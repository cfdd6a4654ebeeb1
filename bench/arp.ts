// The bench `arp`: how soon and how often ARP requests for held addresses are answered, by Fairlead's wire worker, by a
// responder in C and by the kernel, in turns. Needs root and a C compiler.

import { setTimeout as sleep } from 'node:timers/promises';
import { ensureBuilt } from '../lab/build.ts';
import { mustExec } from '../lab/exec.ts';
import { requireRoot } from '../lab/ingredients.ts';
import { seconds } from '../src/time/duration.ts';
import { claimLinks, LINK } from './arp-links.ts';
import { ADDRESSES, type ArpSubject, startSubjects } from './arp-subjects.ts';
import type { Bench, Measurement, Outcome, RunOptions } from './bench.ts';
import { type CPrograms, ensureCPrograms } from './c-programs.ts';
import { comparePairs, describeRun, type PairedRun, rotated } from './paired.ts';

interface ArpCase {
  readonly name: string;
  readonly shows: string;
  readonly unit: string;
  readonly isBusy?: boolean;
  /** Divides by the processor time that the subject used, instead of the time that passed. */
  readonly isPerProcessorSecond?: boolean;
  /** The prober's last arguments. */
  readonly probing: readonly string[];
}

const FLOOD = ['rate', '2000', '256'];

const CASES: readonly ArpCase[] = [
  {
    name: 'latency',
    shows: 'each request after the answer to the one before; all single latencies of all runs',
    unit: 'µs',
    probing: ['latency', '10000', '0'],
  },
  {
    name: 'latency-gap',
    shows: 'the same with 200 µs in between',
    unit: 'µs',
    probing: ['latency', '5000', '200'],
  },
  {
    name: 'latency-busy',
    shows: '1 ms in between, main thread blocked 50 ms in every 100 (of the kernel: a process beside it)',
    unit: 'µs',
    isBusy: true,
    probing: ['latency', '2000', '1000'],
  },
  // On a veth pair to ask costs as much as to answer, so on two cores, and the more so on busy ones, the asker can be
  // the limit of a flood while the responder has time left (c was seen at 42 to 69 % of a core): then two responders
  // look alike that are not. What one answers per second of its own processor time does not depend on that.
  {
    name: 'rate',
    shows:
      'answers per second, 256 requests outstanding for 2 s, one value a run; the asker may be the limit, see rate-cpu',
    unit: '1/s',
    probing: FLOOD,
  },
  {
    name: 'rate-cpu',
    shows:
      "another such flood: answers per second of the responder's own processor time (the kernel has none of its own)",
    unit: '1/s',
    isPerProcessorSecond: true,
    probing: FLOOD,
  },
];

/** After this nothing is announced any more but the refresh, and all programs have settled. */
const SETTLING = seconds(6);
const PROBING_LIMIT = seconds(60);

export const arp: Bench = {
  name: 'arp',
  shows: `ARP requests for ${ADDRESSES.count} addresses, from before a request is sent to its reply's arrival at the asker's link`,
  cases: CASES.map(({ name, shows }) => ({ name, shows })),
  runs: 5,
  run,
};

async function run(options: RunOptions): Promise<Outcome> {
  requireRoot();
  await ensureBuilt(options.onProgress);
  const programs = await ensureCPrograms();
  if (programs === undefined) throw new Error('build bench/c: no C compiler: want cc on the PATH');
  const claim = await claimLinks();
  let subjects: readonly ArpSubject[] = [];
  try {
    subjects = await startSubjects(claim, programs);
    await sleep(SETTLING, undefined, { signal: options.signal });
    const measurements: Measurement[] = [];
    for (const wanted of CASES.filter(({ name }) => options.cases.includes(name)))
      measurements.push(...(await measureCase(wanted, { programs, subjects, ...options })));
    return { apiserver: null, measurements };
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()));
    await claim.release();
  }
}

interface Bed extends RunOptions {
  readonly programs: CPrograms;
  readonly subjects: readonly ArpSubject[];
}

async function measureCase(wanted: ArpCase, bed: Bed): Promise<readonly Measurement[]> {
  const runs: PairedRun[] = [];
  for (let index = 0; index < bed.runs; index++) {
    const paired = new Map<string, readonly number[]>();
    for (const subject of rotated(bed.subjects, index)) {
      bed.signal.throwIfAborted();
      paired.set(subject.name, await measureOnce(wanted, subject, bed.programs));
    }
    const inOrder = Object.fromEntries(bed.subjects.map(({ name }) => [name, paired.get(name) ?? []]));
    runs.push(inOrder);
    bed.onProgress(`${wanted.name}: run ${index + 1} of ${bed.runs}: ${describeRun(inOrder)}`);
  }
  bed.onProgress(`${wanted.name}: ${comparePairs(runs, 'c')}`);
  const measurements = bed.subjects.map(({ name }) => ({
    case: wanted.name,
    subject: name,
    unit: wanted.unit,
    samples: runs.flatMap((paired) => paired[name] ?? []),
  }));
  return measurements.filter(({ samples }) => samples.length > 0);
}

async function measureOnce(
  wanted: ArpCase,
  subject: ArpSubject,
  programs: CPrograms,
): Promise<readonly number[]> {
  if (wanted.isBusy === true) await subject.setBusy(true);
  try {
    const before = subject.processorSeconds();
    const probed = await probe(wanted, subject, programs);
    const after = subject.processorSeconds();
    // There is no figure for what was not answered.
    if (probed.lost > 0)
      throw new Error(`measure ${wanted.name} of ${subject.name}: ${probed.lost} requests lost: want none`);
    if ('micros' in probed) return probed.micros;
    if (wanted.isPerProcessorSecond !== true) return [Math.round(probed.replies / probed.seconds)];
    if (before === undefined || after === undefined) return [];
    return [Math.round(probed.replies / (after - before))];
  } finally {
    if (wanted.isBusy === true) await subject.setBusy(false);
  }
}

type Probed =
  | { readonly lost: number; readonly micros: readonly number[] }
  | { readonly lost: number; readonly replies: number; readonly seconds: number };

async function probe(wanted: ArpCase, { link }: ArpSubject, { prober }: CPrograms): Promise<Probed> {
  const asked = [LINK, ADDRESSES.first, String(ADDRESSES.count), link.mac];
  const argv = ['ip', 'netns', 'exec', link.peerNetns, prober, ...asked, ...wanted.probing];
  return JSON.parse(await mustExec(argv, { timeout: PROBING_LIMIT })) as Probed;
}
