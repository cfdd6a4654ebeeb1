// A whole lab: the network, a real control plane, Node objects, Fairlead's installation, its controller and agents.
// Used in process by the demo, the end-to-end tests, the benchmarks and the supervisor of `lab up`.

import { readFile } from 'node:fs/promises';
import type { KubeApi, KubeObject } from '../src/kube/api.ts';
import { type Duration, milliseconds } from '../src/time/duration.ts';
import {
  type ControlPlane,
  type KubeProxyOptions,
  startControlPlane,
  startKubeProxies,
} from './control-plane.ts';
import type { ExecResult } from './exec.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { createFaults, type Faults } from './faults.ts';
import { getIn, type HttpOptions } from './http-client.ts';
import { gatherIngredients, type Ingredients, requireRoot } from './ingredients.ts';
import { Installation } from './installation.ts';
import { LabApi } from './kube-client.ts';
import { applyObject, type ManifestObject, parseManifest } from './manifest.ts';
import { execIn } from './netns.ts';
import { createNetwork, type LabHost, type LabNetwork, type LabNode } from './network.ts';
import { registerNodes } from './nodes.ts';
import type { PodAnswer } from './pod-server.ts';
import { type Prober, type ProbeTarget, startProber } from './prober.ts';
import { ProcessTable } from './process-table.ts';
import { type Check, waitFor } from './wait.ts';
import { type LabPod, type Workload, Workloads } from './workload.ts';

export interface LabOptions {
  readonly name: string;
  readonly nodes: number;
  /** How many controllers to start; default 1. */
  readonly controllers?: number;
  /** Whether to start an agent on every node; default true. */
  readonly agents?: boolean;
  /** kube-proxy on every node: with its own defaults (true, the default), with options, or not at all. */
  readonly kubeProxy?: boolean | KubeProxyOptions;
  /** Whether controllers and agents reach the API through `lab.proxy`; default false, and then there is none. */
  readonly faultProxy?: boolean;
  /** Whether the controllers serve Services without a class too; default false. */
  readonly defaultClass?: boolean;
  /** Added to the arguments of controllers and agents. */
  readonly programArguments?: readonly string[];
  /** Added to the arguments of agents alone. */
  readonly agentArguments?: readonly string[];
  /** Added to the arguments of controllers alone. */
  readonly controllerArguments?: readonly string[];
  /** Added to the environment of a program, by its target (`agent/node1`, `controller/0`). */
  readonly environmentOf?: (target: string) => Readonly<Record<string, string>>;
  /** Whether the faults hang-main and heal-main work: controllers and agents start with a preload; default false. */
  readonly hangable?: boolean;
  readonly onProgress?: (line: string) => void;
  /** Gives up while the lab is being made; what was made is removed. */
  readonly signal?: AbortSignal;
}

// Nothing of a lab outlives it, so nobody needs time to end well.
const NO_GRACE = milliseconds(0);

interface Parts {
  readonly network: LabNetwork;
  readonly processes: ProcessTable;
  readonly faults: Faults;
  readonly controlPlane: ControlPlane;
  readonly proxy: FaultProxy | undefined;
  readonly api: LabApi;
  readonly installation: Installation;
  /** Version of the API server, for reports. */
  readonly version: string;
}

export class Lab {
  readonly network: LabNetwork;
  readonly processes: ProcessTable;
  readonly faults: Faults;
  readonly controlPlane: ControlPlane;
  /** The API as the administrator, spoken from inside the control plane's namespace. */
  readonly api: LabApi;
  /** Path of the administrator's kubeconfig; its server is reachable from the lab's namespaces. */
  readonly kubeconfig: string;
  /** Path of the API server's audit log. */
  readonly auditLog: string;
  readonly apiserverVersion: string;
  readonly #proxy: FaultProxy | undefined;
  readonly #installation: Installation;
  readonly #workloads: Workloads;

  constructor(parts: Parts) {
    this.network = parts.network;
    this.processes = parts.processes;
    this.faults = parts.faults;
    this.controlPlane = parts.controlPlane;
    this.api = parts.api;
    this.kubeconfig = parts.controlPlane.kubeconfig;
    this.auditLog = parts.controlPlane.auditLog;
    this.apiserverVersion = parts.version;
    this.#proxy = parts.proxy;
    this.#installation = parts.installation;
    this.#workloads = new Workloads(parts.network, parts.processes, parts.api);
  }

  /** What stands between Fairlead's programs and the API. Throws if the lab was made without. */
  get proxy(): FaultProxy {
    if (this.#proxy === undefined) throw new Error('find fault proxy: the lab was made without one');
    return this.#proxy;
  }

  /** Applies all documents of a YAML text, or one object, in order. */
  async apply(manifest: string | ManifestObject): Promise<readonly KubeObject[]> {
    const objects = typeof manifest === 'string' ? parseManifest(manifest) : [manifest];
    const applied: KubeObject[] = [];
    for (const object of objects) applied.push(await applyObject(this.api, object));
    return applied;
  }

  /** Runs pods; resolves when each answers and is Ready in the API. */
  runWorkload(workload: Workload): Promise<readonly LabPod[]> {
    return this.#workloads.run(workload);
  }

  /** Runs a program on a machine of the lab to its end. */
  exec(host: LabHost, argv: readonly string[]): Promise<ExecResult> {
    return execIn(host.netns, argv);
  }

  /** Runs curl as the client. */
  curl(...argv: readonly string[]): Promise<ExecResult> {
    return this.exec(this.network.client, ['curl', '-sS', ...argv]);
  }

  /** One HTTP request of the client to a lab pod behind `url`, on a new connection; rejects without a proper answer. */
  async clientHttp(url: string, options: HttpOptions = {}): Promise<PodAnswer> {
    const { status, body } = await getIn(this.network.client.netns, url, options);
    if (status !== 200) throw new Error(`get "${url}": status ${status}`);
    return JSON.parse(body) as PodAnswer;
  }

  /** Sends numbered datagrams from the client until stopped. */
  clientUdp(target: ProbeTarget): Promise<Prober> {
    return startProber(this.network.client.netns, target);
  }

  /** Repeats a check until it gives a value; rejects at the deadline with what was waited for. */
  waitFor<T>(description: string, check: Check<T>, deadline: Duration): Promise<T> {
    return waitFor(description, check, deadline);
  }

  /** All complete lines of the audit log so far. */
  async auditEntries(): Promise<readonly AuditEntry[]> {
    const lines = (await readFile(this.auditLog, 'utf8')).split('\n');
    return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditEntry);
  }

  /** Starts the agent of every node, or of these, and waits until each is ready. */
  async startAgents(nodes: readonly LabNode[] = this.network.nodes): Promise<void> {
    await Promise.all(nodes.map((node) => this.#installation.startAgent(node)));
  }

  /** Starts `count` controllers and waits until each is ready. */
  async startControllers(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, i) => this.#installation.startController(i)));
  }

  /** Starts the first controller anew, as the cluster's default implementation or not. */
  async restartController(options: { readonly defaultClass: boolean }): Promise<void> {
    await this.processes.stop('controller/0');
    await this.#installation.startController(0, options);
  }

  /** Ends a pod as a kubelet does, in two steps: `terminate` tells the cluster, `remove` silences it. */
  terminatePod(namespace: string, pod: LabPod): Promise<void> {
    return this.#workloads.terminate(namespace, pod);
  }

  removePod(namespace: string, pod: LabPod): Promise<void> {
    return this.#workloads.remove(namespace, pod);
  }

  /** Ends all processes and removes the network and all files. */
  async down(): Promise<void> {
    await this.api.close();
    await this.processes.stopAll(NO_GRACE);
    await this.#proxy?.close();
    await this.network.down();
  }
}

/** One request that the API server answered (audit.k8s.io/v1 Event, level Metadata). */
export interface AuditEntry {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly objectRef?: { readonly resource?: string; readonly name?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number; readonly message?: string };
  readonly requestReceivedTimestamp: string;
  /** When the answer was complete. */
  readonly stageTimestamp: string;
}

/** Builds a lab and waits until all its parts are ready; what it made is removed again if that fails. */
export async function createLab(options: LabOptions): Promise<Lab> {
  requireRoot();
  const progress = options.onProgress ?? (() => undefined);
  const ingredients = gatherIngredients(progress);
  // Handled where it is awaited; a failure of the network must not leave it unhandled before.
  ingredients.catch(() => undefined);
  progress(`network of ${options.nodes} nodes`);
  const network = await createNetwork({ name: options.name, nodes: options.nodes });
  const processes = new ProcessTable({ logsDir: network.logsDir });
  try {
    const building = ingredients.then((found) =>
      assemble({ ...options, onProgress: progress }, { network, processes, ...found }),
    );
    return await Promise.race([building, aborted(options.signal)]);
  } catch (error) {
    await processes.stopAll(NO_GRACE);
    await network.down();
    throw error;
  }
}

/** Rejects when the signal is given; otherwise never settles. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted === true) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

interface Ground extends Ingredients {
  readonly network: LabNetwork;
  readonly processes: ProcessTable;
}

async function assemble(
  options: LabOptions & { onProgress: (line: string) => void },
  ground: Ground,
): Promise<Lab> {
  const { network, processes } = ground;
  options.onProgress('etcd, kube-apiserver, kube-controller-manager');
  const controlPlane = await startControlPlane(ground);
  const api = new LabApi(controlPlane.admin, network.controlPlane.netns);
  const proxy = options.faultProxy === true ? await proxyFor(network, controlPlane) : undefined;
  const installation = new Installation({
    network,
    processes,
    api,
    controlPlane: proxy === undefined ? controlPlane : { ...controlPlane, admin: proxy.access },
    programArguments: options.programArguments ?? [],
    agentArguments: options.agentArguments ?? [],
    controllerArguments: options.controllerArguments ?? [],
    ...(options.environmentOf === undefined ? {} : { environmentOf: options.environmentOf }),
    hangable: options.hangable ?? false,
    defaultClass: options.defaultClass ?? false,
  });
  const faults = createFaults(network, processes);
  const lab = new Lab({
    network,
    processes,
    faults,
    controlPlane,
    proxy,
    api,
    installation,
    version: ground.version,
  });
  try {
    options.onProgress(`nodes, custom resources, roles${options.kubeProxy === false ? '' : ', kube-proxy'}`);
    await Promise.all([
      installation.install(ground.chart),
      startNodes(api, ground, options.kubeProxy ?? true),
    ]);
    options.onProgress('controller and agents');
    const agents = options.agents === false ? undefined : lab.startAgents();
    await Promise.all([lab.startControllers(options.controllers ?? 1), agents]);
    return lab;
  } catch (error) {
    await Promise.all([api.close(), proxy?.close()]);
    throw error;
  }
}

const PROXY_PORT = 6444;

/** At the API server's own address, for which its certificate is. */
function proxyFor({ controlPlane: host }: LabNetwork, controlPlane: ControlPlane): Promise<FaultProxy> {
  const listen = { netns: host.netns, host: host.ip, port: PROXY_PORT };
  return startFaultProxy({ controlPlane, netns: host.netns, listen });
}

async function startNodes(
  api: KubeApi,
  ground: Ground,
  kubeProxy: boolean | KubeProxyOptions,
): Promise<void> {
  await registerNodes(api, ground.network.nodes);
  if (kubeProxy !== false) await startKubeProxies(ground, kubeProxy === true ? {} : kubeProxy);
}
