// The bench `api-load`: what Fairlead's programs ask of the API server while nothing happens, from its audit log: nothing
// about any Service or VirtualIP, however many there are, and few writes for each node.

import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntry, Lab } from '../lab/cluster.ts';
import { minutes } from '../src/time/duration.ts';
import { AuditLog, isOf, isWrite } from './audit-log.ts';
import type { Bench, BenchCase, Measurement, Outcome, RunOptions } from './bench.ts';
import { createCrowdLab, summon, untilQuiet } from './crowd.ts';

const COUNTS = [0, 100, 1000] as const;
const MINUTES = 2;

/** What belongs to one Service, by the resource that a request names. */
const OF_SERVICES = ['services', 'virtualips', 'endpointslices', 'events'];

const CASES: readonly BenchCase[] = [
  ...COUNTS.map((count) => ({
    name: `per-service-${count}`,
    shows: `requests that name a Service, a VirtualIP or an event, with ${count} Services`,
  })),
  { name: 'writes-per-node', shows: 'writes of each agent' },
  { name: 'leader', shows: 'writes of the controller' },
];

const apiLoadBench = (length: number): Bench => {
  const suffix = length === MINUTES ? '' : `-${length}min`;
  return {
    name: 'api-load',
    shows: `requests of idle programs in ${length} minutes, 3 nodes, from the audit log`,
    cases: CASES.map(({ name, shows }) => ({ name: name + suffix, shows })),
    runs: 1,
    withMinutes: apiLoadBench,
    run: (options) => run(options, { length, suffix }),
  };
};

export const apiLoad = apiLoadBench(MINUTES);

interface Window {
  /** In minutes. */
  readonly length: number;
  readonly suffix: string;
}

async function run(options: RunOptions, { length, suffix }: Window): Promise<Outcome> {
  const isWanted = (name: string): boolean => options.cases.includes(name + suffix);
  const writes = { nodes: [] as number[], leader: [] as number[] };
  const aboutServices = new Map<string, number[]>();
  let version = '';
  for (let index = 0; index < options.runs * COUNTS.length; index++) {
    const count = COUNTS[index % COUNTS.length] ?? 0;
    const name = `per-service-${count}`;
    if (!isWanted(name) && !isWanted('writes-per-node') && !isWanted('leader')) continue;
    const idle = await watchIdle({ count, length }, options);
    version = idle.version;
    aboutServices.set(name, [...(aboutServices.get(name) ?? []), idle.aboutServices]);
    writes.nodes.push(...idle.nodes);
    writes.leader.push(idle.leader);
  }
  const row = (name: string, unit: string, samples: readonly number[]): Measurement => ({
    case: name + suffix,
    subject: 'fairlead',
    unit,
    samples,
  });
  const measurements = [
    ...Array.from(aboutServices, ([name, samples]) => row(name, 'requests', samples)),
    row('writes-per-node', '1/s', writes.nodes),
    row('leader', '1/s', writes.leader),
  ];
  return {
    apiserver: { kind: 'kube-apiserver', version },
    measurements: measurements.filter((one) => options.cases.includes(one.case)),
  };
}

interface Idle {
  readonly version: string;
  readonly aboutServices: number;
  /** Writes a second, of each node's agent. */
  readonly nodes: readonly number[];
  readonly leader: number;
}

async function watchIdle(
  { count, length }: { readonly count: number; readonly length: number },
  options: RunOptions,
): Promise<Idle> {
  const { signal, onProgress } = options;
  const lab = await createCrowdLab(options);
  try {
    if (count > 0) await summon(lab, count, options);
    const log = new AuditLog(lab.auditLog);
    await untilQuiet(log, signal);
    log.read();
    onProgress(`${count} Services: idle for ${length} min`);
    await sleep(minutes(length), undefined, { signal });
    const entries = log.read().filter((entry) => isOf(entry));
    if (entries.length === 0)
      throw new Error('read the audit log: no request of ours: want renewals at least');
    tell(entries, onProgress);
    const rate = (some: readonly AuditEntry[]): number => some.filter(isWrite).length / (length * 60);
    return {
      version: lab.apiserverVersion,
      aboutServices: entries.filter(isAboutService).length,
      nodes: byNode(lab, entries).map(rate),
      leader: rate(entries.filter((entry) => isOf(entry, 'controller'))),
    };
  } finally {
    await lab.down();
  }
}

/** A list or a watch names its resource, and no object of it. */
export const isAboutService = ({ objectRef }: AuditEntry): boolean =>
  OF_SERVICES.includes(objectRef?.resource ?? '') && objectRef?.name !== undefined;

/** All agents are one user of the API; each names its node in its user agent, as `fairlead-agent/VERSION (NODE)`. */
function byNode({ network }: Lab, entries: readonly AuditEntry[]): readonly (readonly AuditEntry[])[] {
  const ofAgents = entries.filter((entry) => isOf(entry, 'agent'));
  const each = network.nodes.map(({ name }) =>
    ofAgents.filter(({ userAgent }) => userAgent?.endsWith(`(${name})`)),
  );
  const found = each.reduce((sum, some) => sum + some.length, 0);
  if (found !== ofAgents.length || each.some((some) => some.length === 0))
    throw new Error(
      `tell agents apart: ${found} of ${ofAgents.length} requests name a node: want all, of each node some`,
    );
  return each;
}

function tell(entries: readonly AuditEntry[], onProgress: (line: string) => void): void {
  const kinds = Map.groupBy(entries, ({ verb, objectRef }) => `${verb} ${objectRef?.resource}`);
  onProgress(Array.from(kinds, ([kind, some]) => `${some.length} ${kind}`).join(', '));
}
