// The bed of the benches of failover: nodes that may hold an address, one more on which the backend is and which is never
// cut, a witness at the bridge, and the subjects that are compared: Fairlead and keepalived, each with an address.

import { setTimeout as sleep } from 'node:timers/promises';
import { createLab, type Lab } from '../lab/cluster.ts';
import type { LabNode } from '../lab/network.ts';
import { poolManifest } from '../lab/pool-manifest.ts';
import { startWitness, type Witness } from '../lab/witness.ts';
import { type LabPod, POD_PORTS } from '../lab/workload.ts';
import { NODE, SERVICE } from '../src/kube/kinds.ts';
import { type Duration, milliseconds, seconds } from '../src/time/duration.ts';
import type { RunOptions } from './bench.ts';
import { type FailoverSubject, FairleadSubject, KeepalivedSubject } from './failover-subjects.ts';
import { startKeepalived } from './keepalived.ts';
import { translateToOne } from './static-dnat.ts';

const NAMESPACE = 'bench';
const APP = 'echo';

/** What the pool hands out first, and what keepalived has. */
export const ADDRESSES = { fairlead: '10.77.0.50', keepalived: '10.77.0.60' } as const;
const POOL = '10.77.0.50-10.77.0.50';

/** Of both subjects' addresses, each translated to the backend. */
export const SERVICE_PORTS = { udp: 7, tcp: 80 } as const;

/** Each address is asked for as often by the witness. */
const ASKING = milliseconds(5);

/** For two seconds after a custom resource is established the API server delays its creations on purpose. */
const ESTABLISHING = seconds(3);

/** Keeps addresses off a node, upstream's name. */
export const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers';

export interface FailoverBedOptions {
  /** How many nodes may hold the address. */
  readonly candidates: number;
  /** Between heartbeats of Fairlead and between advertisements of keepalived; default 100 ms. */
  readonly interval?: Duration;
  /** Addresses beyond those of the subjects that are translated to the backend, `first-last`. */
  readonly translated?: readonly string[];
  /** Default: the backend is one pod on the last node; otherwise there is one on each, behind real kube-proxies. */
  readonly isSpread?: boolean;
}

export interface FailoverBed {
  readonly lab: Lab;
  readonly witness: Witness;
  readonly candidates: readonly LabNode[];
  readonly subjects: readonly FailoverSubject[];
  /** The pod that answers for all addresses. */
  readonly backend: LabPod;
  down(): Promise<void>;
}

export const INTERVAL = milliseconds(100);

/** Builds it and waits until every subject's address is held. */
export async function createFailoverBed(
  options: FailoverBedOptions,
  { onProgress, signal }: RunOptions,
): Promise<FailoverBed> {
  const interval = options.interval ?? INTERVAL;
  const lab = await createLab({
    name: `bench-${process.pid}`,
    nodes: options.candidates + 1,
    kubeProxy: options.isSpread === true,
    agents: false,
    hangable: true,
    agentArguments: [
      // A node that was cut is back when it has renewed its Lease; nothing that is measured waits for one.
      ...['--lease-renew-interval', '1s'],
      ...(interval === INTERVAL ? [] : ['--heartbeat-interval', `${interval}ms`]),
    ],
    signal,
    onProgress,
  });
  try {
    return await furnish(lab, { ...options, interval }, signal);
  } catch (error) {
    await lab.down();
    throw error;
  }
}

async function furnish(
  lab: Lab,
  options: FailoverBedOptions & { readonly interval: Duration },
  signal: AbortSignal,
): Promise<FailoverBed> {
  const { interval } = options;
  const candidates = lab.network.nodes.slice(0, options.candidates);
  const backend = await placeBackend(lab, options);
  await Promise.all([lab.startAgents(candidates), sleep(ESTABLISHING, undefined, { signal })]);
  await lab.apply(poolManifest('bench', [POOL]));
  await lab.api.create(SERVICE, NAMESPACE, serviceObject());
  if (options.isSpread === true) await lab.api.create(SERVICE, NAMESPACE, externalService());
  await startKeepalived(lab, { nodes: candidates, addresses: [ADDRESSES.keepalived], interval });
  const witness = await startWitness(lab.network, {
    addresses: Object.values(ADDRESSES),
    interval: ASKING,
  });
  const parts = { lab, witness, candidates, backend };
  const subjects: readonly FailoverSubject[] = [
    new FairleadSubject(parts, ADDRESSES.fairlead),
    new KeepalivedSubject(parts, ADDRESSES.keepalived),
  ];
  try {
    for (const subject of subjects) await subject.settle(0);
  } catch (error) {
    await witness.stop();
    throw error;
  }
  return {
    ...parts,
    subjects,
    down: async () => {
      await witness.stop();
      await lab.down();
    },
  };
}

/** On the last node, which has no agent: it is not to be cut, nor to be heard. */
async function placeBackend(lab: Lab, options: FailoverBedOptions): Promise<LabPod> {
  const name = lab.network.nodes.at(-1)?.name ?? '';
  await lab.api.patch(NODE, { name }, { type: 'merge', body: { metadata: { labels: { [EXCLUDED]: '' } } } });
  const pods = await lab.runWorkload({ namespace: NAMESPACE, name: APP });
  const pod = pods.find((candidate) => candidate.node === name);
  if (pod === undefined) throw new Error(`place the backend on ${name}: it has no pod`);
  if (options.isSpread === true) return pod;
  await translateToOne(lab.network.nodes, {
    addresses: [...Object.values(ADDRESSES), ...(options.translated ?? [])],
    ports: [
      { protocol: 'udp', service: SERVICE_PORTS.udp, pod: POD_PORTS.udp },
      { protocol: 'tcp', service: SERVICE_PORTS.tcp, pod: POD_PORTS.http },
    ],
    pod,
  });
  return pod;
}

const PORTS = [
  { name: 'udp', protocol: 'UDP', port: SERVICE_PORTS.udp, targetPort: POD_PORTS.udp },
  { name: 'http', protocol: 'TCP', port: SERVICE_PORTS.tcp, targetPort: POD_PORTS.http },
];

const serviceObject = (): unknown => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'echo', namespace: NAMESPACE },
  spec: {
    type: 'LoadBalancer',
    loadBalancerClass: 'fairlead.io/lb',
    selector: { app: APP },
    ports: PORTS,
  },
});

/** By which kube-proxy serves what keepalived brings to a node. */
const externalService = (): unknown => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'external', namespace: NAMESPACE },
  spec: { selector: { app: APP }, externalIPs: [ADDRESSES.keepalived], ports: PORTS },
});
