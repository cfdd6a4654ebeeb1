// The bench `create`: from before a Service is posted to the first answer that a client gets at its address, in a
// lab with the real API server, real kube-proxy and Fairlead's bundles.

import { setTimeout } from 'node:timers/promises';
import { createLab, type Lab, type LabOptions } from '../lab/cluster.ts';
import { mustExec } from '../lab/exec.ts';
import { poolManifest } from '../lab/pool-manifest.ts';
import { POD_PORTS } from '../lab/workload.ts';
import type { KubeApi, KubeObject } from '../src/kube/api.ts';
import { SERVICE } from '../src/kube/kinds.ts';
import { formatAddress, parseAddress } from '../src/net/address.ts';
import { seconds } from '../src/time/duration.ts';
import type { Bench, Measurement, Outcome, RunOptions } from './bench.ts';
import { sharedNow, startFirstReplyProber } from './first-reply.ts';
import { translateStatically } from './static-dnat.ts';

const NAMESPACE = 'bench';
const APP = 'echo';
const PORT = 53;
const UNIT = 'ms';
const SETTLING_MS = 300;

/**
 * Datagrams that the client keeps while it does not know a hardware address (Linux: some 270): let go all at once, they
 * would be a burst that no real client sends.
 */
const UNRESOLVED_QUEUE = 3;

/** Within the lab's LAN, above the client; each run takes the next address and keeps it. */
const POOL = { first: '10.77.0.110', last: '10.77.0.249', size: 140 } as const;

interface CreateCase {
  readonly name: string;
  readonly shows: string;
  readonly nodes: number;
  readonly kubeProxy: NonNullable<LabOptions['kubeProxy']>;
}

/** kube-proxy as fast as it can be told to be. */
const AT_ONCE = { minSyncPeriod: '0s' } as const;

// The syncs of one kube-proxy take some 45 ms of processor time for each Service. In a cluster every node spends them on
// a machine of its own; three in the lab keep two cores busy for longer than everything else together. So the case that is
// held to a figure has one node, and the same with three nodes is reported beside it.
const CASES: readonly CreateCase[] = [
  {
    name: 'create',
    shows: 'Fairlead alone, 3 nodes: the translation to pods is in place beforehand',
    nodes: 3,
    kubeProxy: false,
  },
  {
    name: 'create-kube-proxy',
    shows: 'with kube-proxy, 1 node, told not to wait between syncs (--iptables-min-sync-period=0)',
    nodes: 1,
    kubeProxy: AT_ONCE,
  },
  {
    name: 'create-kube-proxy-3',
    shows: 'the same with 3 nodes, whose kube-proxies share the cores of this machine',
    nodes: 3,
    kubeProxy: AT_ONCE,
  },
  {
    name: 'create-default',
    shows: "with kube-proxy's defaults, 3 nodes: it waits a second after each sync",
    nodes: 3,
    kubeProxy: true,
  },
];

export const create: Bench = {
  name: 'create',
  shows: 'time from posting a Service to the first answer at its address, by a client on the LAN',
  cases: CASES.map(({ name, shows }) => ({ name, shows })),
  runs: 20,
  run,
};

async function run(options: RunOptions): Promise<Outcome> {
  const most = POOL.size - 1;
  if (options.runs > most)
    throw new Error(`--runs ${options.runs}: want at most ${most}, by the size of the pool`);
  const measurements: Measurement[] = [];
  let version = '';
  for (const wanted of CASES.filter(({ name }) => options.cases.includes(name))) {
    const lab = await createLab({
      name: `bench-${process.pid}`,
      nodes: wanted.nodes,
      kubeProxy: wanted.kubeProxy,
      onProgress: (line) => options.onProgress(`${wanted.name}: ${line}`),
    });
    try {
      version = lab.apiserverVersion;
      measurements.push(await measureCase(lab, wanted, options));
    } finally {
      await lab.down();
    }
  }
  return { apiserver: { kind: 'kube-apiserver', version }, measurements };
}

async function measureCase(lab: Lab, wanted: CreateCase, options: RunOptions): Promise<Measurement> {
  const { netns } = lab.network.client;
  const queue = `net.ipv4.neigh.eth0.unres_qlen=${UNRESOLVED_QUEUE}`;
  await mustExec(['ip', 'netns', 'exec', netns, 'sysctl', '-qw', queue]);
  const pods = await lab.runWorkload({ namespace: NAMESPACE, name: APP, replicas: wanted.nodes });
  await lab.apply(poolManifest('bench', [`${POOL.first}-${POOL.last}`]));
  if (wanted.kubeProxy === false) {
    const ports = { service: PORT, pod: POD_PORTS.udp };
    await translateStatically(lab.network.nodes, pods, { addresses: `${POOL.first}-${POOL.last}`, ...ports });
  }
  // Not counted: for two seconds after a custom resource is established the API server delays its creations on purpose.
  await measureOnce(lab, 0);
  const samples: number[] = [];
  for (let index = 1; index <= options.runs; index++) {
    options.signal.throwIfAborted();
    const sample = await measureOnce(lab, index);
    options.onProgress(`${wanted.name}: run ${index} of ${options.runs}: ${sample.toFixed(1)} ${UNIT}`);
    samples.push(sample);
  }
  return { case: wanted.name, subject: 'fairlead', unit: UNIT, samples };
}

/** One Service: probed from before it is posted, at the address that it must get. */
async function measureOnce(lab: Lab, index: number): Promise<number> {
  const address = addressOf(index);
  const name = `run-${index}`;
  await mustExec(['ip', '-n', lab.network.client.netns, 'neigh', 'flush', 'all']);
  const prober = await startFirstReplyProber(lab.network.client.netns, { address, port: PORT });
  try {
    // Starting a prober takes the processor that the measured programs need, and so does the end of the run before.
    await setTimeout(SETTLING_MS);
    const posted = sharedNow();
    await lab.api.create(SERVICE, NAMESPACE, serviceObject(name));
    const answered = await lab.waitFor(`an answer from ${address}`, () => prober.receivedAt(), seconds(30));
    if (answered < posted) throw new Error(`${address} answered before its Service was posted`);
    await lab.waitFor(`${name} to have ${address}`, () => hasAddress(lab.api, name, address), seconds(10));
    return answered - posted;
  } finally {
    await prober.stop();
  }
}

/** The pool hands out its first free address, and nothing gives one back here. */
function addressOf(index: number): string {
  const first = parseAddress(POOL.first);
  if (first === undefined) throw new Error(`the pool begins at "${POOL.first}": want an address`);
  return formatAddress({ ...first, value: first.value + BigInt(index) });
}

interface Service extends KubeObject {
  readonly status: { readonly loadBalancer: { readonly ingress?: readonly { readonly ip?: string }[] } };
}

/** Proves that the prober asked the Service that was posted, and not something else at that address. */
async function hasAddress(api: KubeApi, name: string, address: string): Promise<boolean> {
  const service = await api.get<Service>(SERVICE, { namespace: NAMESPACE, name });
  const ingress = service.status.loadBalancer.ingress ?? [];
  return ingress.length === 1 && ingress[0]?.ip === address;
}

const serviceObject = (name: string): unknown => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: NAMESPACE },
  spec: {
    type: 'LoadBalancer',
    loadBalancerClass: 'fairlead.io/lb',
    selector: { app: APP },
    ports: [{ name: 'udp', protocol: 'UDP', port: PORT, targetPort: POD_PORTS.udp }],
  },
});
