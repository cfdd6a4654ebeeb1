// The demo: a lab is made, a pool and a Service are applied, the client asks for it at its address, and the story
// of how that came about is told with the times at which each step was really seen.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { KubeObject, ResourceKind } from '../src/kube/api.ts';
import { ADDRESS_POOL, SERVICE, VIRTUAL_IP } from '../src/kube/kinds.ts';
import { milliseconds, seconds } from '../src/time/duration.ts';
import { type ArpCapture, captureArp } from './capture.ts';
import { createLab, type Lab, type LabOptions } from './cluster.ts';
import type { LabWatchEvent } from './kube-client.ts';
import { type ManifestObject, parseManifest } from './manifest.ts';
import type { PodAnswer } from './pod-server.ts';
import type { Story } from './story.ts';
import type { Workload } from './workload.ts';

/** The pods that every lab of the command line runs; lab/examples/shop.yaml is a Service in front of them. */
export const DEMO_WORKLOAD: Workload = { namespace: 'web', name: 'shop' };

const EXAMPLE = fileURLToPath(new URL('./examples/shop.yaml', import.meta.url));

export interface ServiceObject extends KubeObject {
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly { readonly ip?: string; readonly ipMode?: string }[];
    };
  };
}

interface Conditioned extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Makes a lab, tells the story of one Service, removes the lab. Rejects if the Service is not reached in time. */
export async function runDemo(
  options: Pick<LabOptions, 'name' | 'nodes' | 'onProgress' | 'signal'>,
): Promise<Story> {
  // kube-proxy writes rules at once: by default it waits a second after each change, which would hide what we show.
  const lab = await createLab({ ...options, kubeProxy: { minSyncPeriod: '0s' } });
  try {
    options.onProgress?.(`pods of ${DEMO_WORKLOAD.namespace}/${DEMO_WORKLOAD.name}`);
    await lab.runWorkload(DEMO_WORKLOAD);
    options.onProgress?.('pool and Service');
    return await play(lab);
  } finally {
    options.onProgress?.('taking the lab down');
    await lab.down();
  }
}

async function play(lab: Lab): Promise<Story> {
  const [pool, service] = parseManifest(await readFile(EXAMPLE, 'utf8'));
  if (pool === undefined || service === undefined)
    throw new Error(`read "${EXAMPLE}": want a pool and a Service`);
  await lab.apply(pool);
  await lab.waitFor('the pool to be ready', () => isPoolReady(lab, pool.metadata.name), seconds(30));
  const capture = await captureArp(lab.network.client.netns);
  try {
    return await followService(lab, service, capture);
  } finally {
    await capture.stop();
  }
}

async function followService(lab: Lab, service: ManifestObject, capture: ArpCapture): Promise<Story> {
  const ref = { namespace: service.metadata.namespace ?? 'default', name: service.metadata.name };
  const watches = new AbortController();
  const published = firstEvent<ServiceObject>(lab, SERVICE, {
    signal: watches.signal,
    isIt: (object) => object.metadata.name === ref.name && ingressOf(object).length > 0,
  });
  try {
    const posted = wallTime();
    await lab.api.create(SERVICE, ref.namespace, service);
    const publication = await within('status.loadBalancer.ingress', published);
    const ingress = ingressOf(publication.object);
    const address = ingress[0]?.ip ?? '';
    const answer = await firstAnswer(lab, `http://${address}/`);
    const answered = wallTime();
    const announced = await lab.waitFor(
      `an announcement of ${address}`,
      () => capture.first(address),
      seconds(10),
    );
    return {
      service: `${ref.namespace}/${ref.name}`,
      apiserver: lab.apiserverVersion,
      nodes: lab.network.nodes.length,
      address,
      ingress,
      holder: nodeWithMac(lab, announced.mac),
      hardwareAddress: announced.mac,
      client: lab.network.client.ip,
      answer,
      timings: {
        allocated: (await allocationTime(lab)) - posted,
        announced: announced.time - posted,
        published: publication.at - posted,
        firstByte: answered - posted,
      },
    };
  } finally {
    watches.abort();
  }
}

/** When the API server had created the first VirtualIP, as its audit log has it. */
async function allocationTime(lab: Lab): Promise<number> {
  const creation = (await lab.auditEntries()).find(
    ({ verb, objectRef }) => verb === 'create' && objectRef?.resource === VIRTUAL_IP.plural,
  );
  if (creation === undefined) throw new Error('tell the story: the audit log has no creation of a VirtualIP');
  return (
    Date.parse(creation.stageTimestamp.slice(0, 23).concat('Z')) +
    Number(creation.stageTimestamp.slice(23, 26)) / 1000
  );
}

interface Expectation<T> {
  readonly signal: AbortSignal;
  readonly isIt: (object: T) => boolean;
}

/** The first event of a watch that meets the expectation; rejects if the watch ends before. */
function firstEvent<T extends KubeObject>(
  lab: Lab,
  kind: ResourceKind,
  wanted: Expectation<T>,
): Promise<LabWatchEvent<T>> {
  const search = async (): Promise<LabWatchEvent<T>> => {
    for await (const event of lab.api.watch<T>(kind, { signal: wanted.signal })) {
      if (wanted.isIt(event.object)) return event;
    }
    throw new Error(`watch ${kind.plural}: it ended before the event that was waited for`);
  };
  const found = search();
  // Whoever waits for it learns of a failure; one that nobody waits for any more is none.
  found.catch(() => undefined);
  return found;
}

const PATIENCE = seconds(30);

/** The promise's value, or an error that names what did not come in time. */
function within<T>(description: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`wait for ${description}: not yet after ${PATIENCE} ms`)),
    PATIENCE,
  );
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Milliseconds since 1970, with fractions: comparable with watch events and captured packets. */
const wallTime = (): number => performance.timeOrigin + performance.now();

const ingressOf = (service: ServiceObject): Story['ingress'] => service.status?.loadBalancer?.ingress ?? [];

const nodeWithMac = (lab: Lab, mac: string): string =>
  lab.network.nodes.find((node) => node.mac === mac)?.name ?? `the unknown ${mac}`;

async function isPoolReady(lab: Lab, name: string): Promise<boolean> {
  const pool = await lab.api.get<Conditioned>(ADDRESS_POOL, { name });
  return (
    pool.status?.conditions?.some(
      (condition) => condition.type === 'Ready' && condition.status === 'True',
    ) === true
  );
}

const ATTEMPT_INTERVAL = milliseconds(5);
const ATTEMPT_TIMEOUT = seconds(1);
const ATTEMPTS = 2000;

/**
 * Asks again every few milliseconds until one attempt is answered: a lost first packet would otherwise cost the
 * second after which TCP sends it again.
 */
function firstAnswer(lab: Lab, url: string): Promise<PodAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<PodAnswer>();
  let started = 0;
  const timer = setInterval(() => {
    const isLast = ++started === ATTEMPTS;
    if (isLast) clearInterval(timer);
    lab
      .clientHttp(url, { timeout: ATTEMPT_TIMEOUT })
      .then(resolve, (error: Error) => isLast && reject(error));
  }, ATTEMPT_INTERVAL);
  return promise.finally(() => clearInterval(timer));
}
