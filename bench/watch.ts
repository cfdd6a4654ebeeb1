// The bench `watch`: how soon a change reaches a handler, and how long a list of 10,000 objects takes, with Fairlead's own
// client and with plain @kubernetes/client-node, in turns against the same real API server.

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createLab, type Lab } from '../lab/cluster.ts';
import { mustExec } from '../lab/exec.ts';
import { ensureNamespace } from '../lab/workload.ts';
import type { KubeObject } from '../src/kube/api.ts';
import { SERVICE } from '../src/kube/kinds.ts';
import type { Bench, Measurement, Outcome, RunOptions } from './bench.ts';
import { LineProcess } from './line-process.ts';
import { comparePairs, describeRun, type PairedRun, rotated } from './paired.ts';
import { type StampingRelay, startStampingRelay } from './stamping-relay.ts';
import type { WatchCommand, WatchLine } from './watch-subject.ts';

const PROGRAM = fileURLToPath(new URL('./watch-subject.ts', import.meta.url));
const SUBJECTS = ['fairlead', 'client-node'] as const;
const UNIT = 'ms';
const API_PORT = 6443;

/** One Service that changes, and many that are listed. */
const WATCHED = 'bench-watch';
const CHANGING = 'changing';
const LISTED = 'bench-list';

const EVENTS = 100;
/** Not counted: connections open and code warms up. */
const FIRST_EVENTS = 10;
const PAUSE_MS = 5;

/** Objects of the list, and how many are created at a time. */
const OBJECTS = 10_000;
const CREATORS = 16;

interface WatchCase {
  readonly name: string;
  readonly shows: string;
  /** Where the subjects run: on the client's machine they reach the API server through the relay only. */
  readonly host: 'client' | 'node';
  prepare(bed: Bed): Promise<void>;
  measure(bed: Bed, subject: LineProcess): Promise<readonly number[]>;
}

const CASES: readonly WatchCase[] = [
  {
    name: 'event',
    shows: `from passing on the server's bytes to the handler; ${EVENTS} changes a run, all of them`,
    host: 'client',
    prepare: prepareEvents,
    measure: measureEvents,
  },
  {
    name: 'list',
    shows: `${OBJECTS} Services, all of them in memory; one value a run, after one that is not counted`,
    host: 'node',
    prepare: prepareList,
    measure: async (_bed, subject) => [await listOnce(subject)],
  },
];

export const watch: Bench = {
  name: 'watch',
  shows: 'watching and listing on a real API server, beside plain @kubernetes/client-node',
  cases: CASES.map(({ name, shows }) => ({ name, shows })),
  runs: 5,
  run,
};

interface Bed extends RunOptions {
  readonly lab: Lab;
  readonly relay: StampingRelay;
  readonly subjects: ReadonlyMap<string, LineProcess>;
}

async function run(options: RunOptions): Promise<Outcome> {
  const lab = await createLab({
    name: `bench-${process.pid}`,
    nodes: 1,
    controllers: 0,
    agents: false,
    kubeProxy: false,
    signal: options.signal,
    onProgress: options.onProgress,
  });
  try {
    const relay = await putRelayBefore(lab);
    try {
      const measurements = await measureAll(lab, relay, options);
      return { apiserver: { kind: 'kube-apiserver', version: lab.apiserverVersion }, measurements };
    } finally {
      relay.close();
    }
  } finally {
    await lab.down();
  }
}

/** The client's own machine takes the API server's address, so that kubeconfig and certificate hold for the relay too. */
async function putRelayBefore({ network }: Lab): Promise<StampingRelay> {
  const { client, controlPlane } = network;
  await mustExec(['ip', '-n', client.netns, 'address', 'add', `${controlPlane.ip}/32`, 'dev', 'lo']);
  const at = { host: controlPlane.ip, port: API_PORT };
  return startStampingRelay({ from: client.netns, to: controlPlane.netns, at });
}

async function measureAll(
  lab: Lab,
  relay: StampingRelay,
  options: RunOptions,
): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = [];
  for (const wanted of CASES.filter(({ name }) => options.cases.includes(name))) {
    const subjects = startSubjects(lab, wanted);
    try {
      measurements.push(...(await measureCase(wanted, { ...options, lab, relay, subjects })));
    } finally {
      await Promise.all(Array.from(subjects.values(), (subject) => subject.stop()));
    }
  }
  return measurements;
}

function startSubjects({ network, kubeconfig }: Lab, { host }: WatchCase): Bed['subjects'] {
  const [node] = network.nodes;
  if (node === undefined) throw new Error('watch from a node: the lab has none');
  const { netns } = host === 'client' ? network.client : node;
  return new Map(
    SUBJECTS.map((name) => [name, new LineProcess(netns, [process.execPath, PROGRAM, name, kubeconfig])]),
  );
}

async function measureCase(wanted: WatchCase, bed: Bed): Promise<readonly Measurement[]> {
  await wanted.prepare(bed);
  const runs: PairedRun[] = [];
  for (let index = 0; index < bed.runs; index++) {
    const paired = new Map<string, readonly number[]>();
    for (const [name, subject] of rotated([...bed.subjects], index)) {
      bed.signal.throwIfAborted();
      paired.set(name, await wanted.measure(bed, subject));
    }
    const inOrder = Object.fromEntries(SUBJECTS.map((name) => [name, paired.get(name) ?? []]));
    runs.push(inOrder);
    bed.onProgress(`${wanted.name}: run ${index + 1} of ${bed.runs}: ${describeRun(inOrder)}`);
  }
  bed.onProgress(`${wanted.name}: ${comparePairs(runs, 'client-node')}`);
  return SUBJECTS.map((name) => ({
    case: wanted.name,
    subject: name,
    unit: UNIT,
    samples: runs.flatMap((paired) => paired[name] ?? []),
  }));
}

const tell = (subject: LineProcess, command: WatchCommand): void => subject.tell(JSON.stringify(command));

/** The next line of this kind; lines of other kinds are of what was before. */
async function lineOf<K extends WatchLine['kind']>(
  subject: LineProcess,
  kind: K,
): Promise<Extract<WatchLine, { readonly kind: K }>> {
  for (;;) {
    const line = JSON.parse(await subject.line()) as WatchLine;
    if (line.kind === kind) return line as Extract<WatchLine, { readonly kind: K }>;
  }
}

async function prepareEvents({ lab }: Bed): Promise<void> {
  await ensureNamespace(lab.api, WATCHED);
  await lab.api.create(SERVICE, WATCHED, serviceObject(CHANGING));
}

async function measureEvents(bed: Bed, subject: LineProcess): Promise<readonly number[]> {
  tell(subject, { kind: 'watch', namespace: WATCHED });
  await lineOf(subject, 'watching');
  const samples: number[] = [];
  for (let index = -FIRST_EVENTS; index < EVENTS; index++) {
    const sample = await measureEvent(bed, subject);
    if (index >= 0) samples.push(sample);
    await sleep(PAUSE_MS);
  }
  tell(subject, { kind: 'unwatch' });
  await lineOf(subject, 'unwatched');
  return samples;
}

async function measureEvent({ lab, relay }: Bed, subject: LineProcess): Promise<number> {
  relay.forget();
  const body = { metadata: { annotations: { 'fairlead.io/bench': String(performance.now()) } } };
  const ref = { namespace: WATCHED, name: CHANGING };
  const { metadata } = await lab.api.patch<KubeObject>(SERVICE, ref, { type: 'merge', body });
  for (;;) {
    const { resourceVersion, at } = await lineOf(subject, 'event');
    if (resourceVersion !== metadata.resourceVersion) continue;
    const passedOn = relay.firstAt();
    if (passedOn === undefined || passedOn > at)
      throw new Error('measure an event: its handler was called before its bytes came');
    return at - passedOn;
  }
}

async function prepareList(bed: Bed): Promise<void> {
  await ensureNamespace(bed.lab.api, LISTED);
  let next = 0;
  const createMany = async (): Promise<void> => {
    while (next < OBJECTS) {
      bed.signal.throwIfAborted();
      const index = next++;
      if (index % 1000 === 0) bed.onProgress(`list: ${index} of ${OBJECTS} Services created`);
      await bed.lab.api.create(SERVICE, LISTED, serviceObject(`shop-${index}`));
    }
  };
  await Promise.all(Array.from({ length: CREATORS }, createMany));
  for (const subject of bed.subjects.values()) await listOnce(subject);
}

async function listOnce(subject: LineProcess): Promise<number> {
  tell(subject, { kind: 'list', namespace: LISTED });
  const { count, milliseconds } = await lineOf(subject, 'listed');
  if (count !== OBJECTS) throw new Error(`list Services: ${count}: want ${OBJECTS}`);
  return milliseconds;
}

/** Headless and without a selector, so that nothing but the API server has work with it. */
const serviceObject = (name: string): unknown => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, labels: { app: name, 'app.kubernetes.io/part-of': 'bench' } },
  spec: { clusterIP: 'None', ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }] },
});
