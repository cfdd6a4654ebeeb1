// The bench `mass`: thousands of Services created at once on the real API server, announced by three nodes; what it
// takes until all have their addresses, in time, requests, events, processor time and memory.

import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntry, Lab } from '../lab/cluster.ts';
import { type Account, AuditLog, accountOf, isOf } from './audit-log.ts';
import type { Bench, BenchCase, Measurement, Outcome, RunOptions } from './bench.ts';
import { type Crowd, createCrowdLab, summon } from './crowd.ts';
import { IDLE } from './memory.ts';
import { memoryOf, processorSeconds } from './process-figures.ts';

const COUNT = 5000;
const CONTROLLER = 'controller/0';
const API_SERVER = 'apiserver';

const CASES: readonly BenchCase[] = [
  { name: 'all-addressed', shows: 'from before the first is posted until the last has its address' },
  {
    name: 'requests',
    shows: 'of all our programs for each Service until nothing is left to do, events not counted',
  },
  { name: 'events', shows: 'written for each Service' },
  {
    name: 'cpu',
    shows: 'processor time of the controller and of the API server until nothing is left to do',
  },
  { name: 'memory', shows: `VmRSS of the controller ${IDLE / 1000} s later` },
];

type Sample = Pick<Measurement, 'subject' | 'unit' | 'samples'>;

/** With another number of Services, for trying out, its cases have other names: their figures are no figures of ours. */
export function massBench(count: number): Bench {
  const suffix = count === COUNT ? '' : `-of-${count}`;
  return {
    name: 'mass',
    shows: `${count} Services at once, in a subnet of 3 nodes, without pods and kube-proxy`,
    cases: CASES.map(({ name, shows }) => ({ name: name + suffix, shows })),
    runs: 1,
    withCount: massBench,
    run: (options) => run(options, { count, suffix }),
  };
}

export const mass = massBench(COUNT);

interface Size {
  readonly count: number;
  readonly suffix: string;
}

async function run(options: RunOptions, { count, suffix }: Size): Promise<Outcome> {
  const samples = new Map<string, Sample[]>();
  let version = '';
  for (let index = 1; index <= options.runs; index++) {
    const lab = await createCrowdLab(options);
    try {
      version = lab.apiserverVersion;
      for (const [name, sample] of await measureOnce(lab, count, options))
        samples.set(name + suffix, [...(samples.get(name + suffix) ?? []), sample]);
    } finally {
      await lab.down();
    }
  }
  const measurements = options.cases.flatMap((name) => joined(name, samples.get(name) ?? []));
  return { apiserver: { kind: 'kube-apiserver', version }, measurements };
}

/** The samples of all runs, by subject. */
function joined(name: string, samples: readonly Sample[]): readonly Measurement[] {
  const bySubject = Map.groupBy(samples, ({ subject }) => subject);
  return Array.from(bySubject, ([subject, some]) => ({
    case: name,
    subject,
    unit: some[0]?.unit ?? '',
    samples: some.flatMap((one) => one.samples),
  }));
}

async function measureOnce(
  lab: Lab,
  count: number,
  options: RunOptions,
): Promise<readonly (readonly [string, Sample])[]> {
  const log = new AuditLog(lab.auditLog);
  const before = processorTimes(lab);
  const crowd = await summon(lab, count, options);
  const after = processorTimes(lab);
  const entries = log.read().filter((entry) => isOf(entry));
  const account = accountOf(entries, crowd.addresses);
  tell(crowd, account, options);
  options.onProgress(`processor time of all agents: ${(after.agents - before.agents).toFixed(1)} s`);
  options.onProgress(`most requests for one Service: ${mostRequests(entries, account, crowd)}`);
  if (options.cases.some((name) => name.startsWith('memory')))
    await sleep(IDLE, undefined, { signal: options.signal });
  const ours = (unit: string, ...values: readonly number[]): Sample => ({
    subject: 'fairlead',
    unit,
    samples: values,
  });
  return [
    ['all-addressed', ours('s', crowd.allAddressed)],
    ['requests', ours('requests', ...account.requests)],
    ['events', ours('events', ...account.events)],
    ['cpu', ours('s', after.controller - before.controller)],
    ['cpu', { subject: 'kube-apiserver', unit: 's', samples: [after.apiserver - before.apiserver] }],
    ['memory', ours('MB', memoryOf(pidOf(lab, CONTROLLER)).resident)],
  ];
}

/** What was asked for the Service that took the most. */
function mostRequests(entries: readonly AuditEntry[], { requests }: Account, { addresses }: Crowd): string {
  const most: readonly string[] = [...addresses][requests.indexOf(Math.max(...requests))] ?? [];
  const own = entries.filter(({ objectRef }) => most.includes(objectRef?.name ?? ''));
  return own
    .map(({ verb, objectRef, responseStatus }) => `${verb} ${objectRef?.resource} ${responseStatus?.code}`)
    .join(', ');
}

function tell(crowd: Crowd, { others }: Account, { onProgress }: RunOptions): void {
  const { allPosted, allAddressed, allAnnounced } = crowd;
  const [posted, addressed, announced] = [allPosted, allAddressed, allAnnounced].map((at) => at.toFixed(1));
  onProgress(`posted after ${posted} s, addressed after ${addressed} s, announced after ${announced} s`);
  onProgress(`not for one Service: ${Array.from(others, ([what, times]) => `${times} ${what}`).join(', ')}`);
  onProgress(`load of the machine: ${loadavg()[0]?.toFixed(1)} over the last minute`);
}

interface Times {
  readonly controller: number;
  readonly apiserver: number;
  /** Of all nodes together. */
  readonly agents: number;
}

function processorTimes(lab: Lab): Times {
  const timeOf = (target: string): number => processorSeconds(pidOf(lab, target));
  const agents = lab.network.nodes.map(({ name }) => timeOf(`agent/${name}`));
  return {
    controller: timeOf(CONTROLLER),
    apiserver: timeOf(API_SERVER),
    agents: agents.reduce((sum, time) => sum + time, 0),
  };
}

function pidOf({ processes }: Lab, target: string): number {
  const found = processes.get(target);
  if (found === undefined || found.exit !== undefined)
    throw new Error(`measure ${target}: it does not run, want it running`);
  return found.pid;
}
