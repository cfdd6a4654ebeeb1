// Thousands of Services in a lab of their own, for the benches `mass` and `restart`: posted as fast as the real API
// server takes them, and watched until each has its address and is announced.

import { setTimeout as sleep } from 'node:timers/promises';
import { createLab, type Lab, type LabOptions } from '../lab/cluster.ts';
import { mustExec } from '../lab/exec.ts';
import type { LabNode } from '../lab/network.ts';
import { poolManifest } from '../lab/pool-manifest.ts';
import { ensureNamespace } from '../lab/workload.ts';
import type { KubeObject } from '../src/kube/api.ts';
import { ANNOUNCER, SERVICE, VIRTUAL_IP } from '../src/kube/kinds.ts';
import { minutes, seconds } from '../src/time/duration.ts';
import { AuditLog, isOf, isOfLease } from './audit-log.ts';
import type { RunOptions } from './bench.ts';

const NAMESPACE = 'mass';
const NODES = 3;
/** Requests in flight at a time: as many as the lab's client has connections. */
const CREATORS = 16;

/**
 * A second subnet on the nodes' links: the LAN's own has no room for so many addresses, and outside of any subnet
 * nobody could announce them.
 */
const SUBNET = { node: (index: number) => `10.78.255.${index + 1}/16`, pool: '10.78.0.0/17' } as const;

/** For two seconds after a custom resource is established the API server delays its creations on purpose. */
const SETTLING = seconds(3);
/** No request of ours for so long means that there is nothing left to do. */
const QUIET = seconds(3);
const PATIENCE = minutes(30);

interface Service extends KubeObject {
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] };
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

interface VirtualIP extends KubeObject {
  readonly spec: { readonly services?: readonly { readonly namespace: string }[] };
}

/** A lab with three nodes, a pool that its agents can announce, and no kube-proxy. */
export async function createCrowdLab(
  options: RunOptions,
  more: Pick<LabOptions, 'environmentOf'> = {},
): Promise<Lab> {
  const { signal, onProgress } = options;
  const lab = await createLab({
    ...more,
    name: `bench-${process.pid}`,
    nodes: NODES,
    kubeProxy: false,
    signal,
    onProgress,
  });
  try {
    await makeRoom(lab, lab.network.nodes);
    await sleep(SETTLING, undefined, { signal });
    return lab;
  } catch (error) {
    await lab.down();
    throw error;
  }
}

/** Adds the second subnet to nodes that have agents, and the pool in it. */
export async function makeRoom(lab: Lab, nodes: readonly LabNode[]): Promise<void> {
  await Promise.all(nodes.map((node, index) => addSubnet(node.netns, index)));
  await lab.waitFor('all agents to report the second subnet', () => haveSubnet(lab, nodes), seconds(30));
  await ensureNamespace(lab.api, NAMESPACE);
  await lab.apply(poolManifest('mass', [SUBNET.pool]));
}

const addSubnet = (netns: string, index: number): Promise<string> =>
  mustExec(['ip', '-n', netns, 'address', 'add', SUBNET.node(index), 'dev', 'eth0']);

async function haveSubnet(lab: Lab, nodes: readonly LabNode[]): Promise<boolean> {
  const announcers = JSON.stringify(await lab.api.list(ANNOUNCER));
  return nodes.every((_, index) => announcers.includes(`"${SUBNET.node(index)}"`));
}

export interface Crowd {
  /** By the name of each Service its address, which no other has. */
  readonly addresses: ReadonlyMap<string, string>;
  /** From before the first was posted until the last had its address, in seconds. */
  readonly allAddressed: number;
  readonly allPosted: number;
  readonly allAnnounced: number;
}

/** Posts the Services; resolves when each is announced, and our programs have nothing left to write. */
export async function summon(lab: Lab, count: number, options: RunOptions): Promise<Crowd> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal, AbortSignal.timeout(PATIENCE)]);
  const forget = lab.processes.onExit(({ target, code, wasAsked }) => {
    if (!wasAsked) stop.abort(new Error(`${target} ended with ${code} on the way`));
  });
  const log = new AuditLog(lab.auditLog);
  const began = performance.now();
  const since = (): number => (performance.now() - began) / 1000;
  try {
    const watching = watch(lab, { count, since, signal, onProgress: options.onProgress });
    const [allPosted, { addresses, ...figures }] = await Promise.all([
      post(lab, count, signal).then(since),
      watching,
    ]);
    await untilQuiet(log, signal);
    await checkUnique(lab, addresses);
    return { ...figures, allPosted, addresses };
  } catch (error) {
    // Whoever was interrupted says only that it was.
    signal.throwIfAborted();
    throw error;
  } finally {
    forget();
    stop.abort();
  }
}

async function post(lab: Lab, count: number, signal: AbortSignal): Promise<void> {
  let next = 0;
  const creator = async (): Promise<void> => {
    while (next < count) {
      signal.throwIfAborted();
      await lab.api.create(SERVICE, NAMESPACE, serviceObject(`mass-${next++}`));
    }
  };
  await Promise.all(Array.from({ length: CREATORS }, creator));
}

interface Watching {
  readonly count: number;
  readonly since: () => number;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

async function watch(
  lab: Lab,
  { count, since, signal, onProgress }: Watching,
): Promise<Omit<Crowd, 'allPosted'>> {
  const addresses = new Map<string, string>();
  const announced = new Set<string>();
  let allAddressed = Number.NaN;
  const tell = (): void =>
    onProgress(`${since().toFixed(0)} s: ${addresses.size} addressed, ${announced.size} announced`);
  const timer = setInterval(tell, 5000);
  try {
    for await (const { object } of lab.api.watch<Service>(SERVICE, { namespace: NAMESPACE, signal })) {
      const { name } = object.metadata;
      const ip = object.status?.loadBalancer?.ingress?.[0]?.ip;
      if (ip === undefined) continue;
      addresses.set(name, ip);
      if (addresses.size === count && Number.isNaN(allAddressed)) allAddressed = since();
      if (isAnnounced(object)) announced.add(name);
      if (announced.size === count) return { addresses, allAddressed, allAnnounced: since() };
    }
  } finally {
    clearInterval(timer);
  }
  throw new Error(`watch ${count} Services: the API server ended it with ${announced.size} announced`);
}

const isAnnounced = ({ status }: Service): boolean =>
  (status?.conditions ?? []).some((one) => one.type === 'fairlead.io/Announced' && one.status === 'True');

/** Resolves when no request of ours, but for Leases, was answered for a while. */
export async function untilQuiet(log: AuditLog, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(QUIET, undefined, { signal });
    if (!log.read().some((entry) => isOf(entry) && !isOfLease(entry))) return;
  }
}

async function checkUnique(lab: Lab, addresses: ReadonlyMap<string, string>): Promise<void> {
  const given = new Set(addresses.values());
  if (given.size !== addresses.size)
    throw new Error(`${addresses.size} Services have ${given.size} addresses: want one for each`);
  const all = await lab.api.list<VirtualIP>(VIRTUAL_IP);
  const virtualIPs = all.filter(({ spec }) =>
    spec.services?.some(({ namespace }) => namespace === NAMESPACE),
  );
  if (virtualIPs.length !== given.size || virtualIPs.some(({ metadata }) => !given.has(metadata.name)))
    throw new Error(`${virtualIPs.length} VirtualIPs for ${given.size} addresses: want one for each`);
}

/** Without pods and node ports, so that nothing but the API server and Fairlead has work with it. */
const serviceObject = (name: string): unknown => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: NAMESPACE, labels: { app: name, 'app.kubernetes.io/part-of': 'bench' } },
  spec: {
    type: 'LoadBalancer',
    loadBalancerClass: 'fairlead.io/lb',
    allocateLoadBalancerNodePorts: false,
    ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }],
  },
});
