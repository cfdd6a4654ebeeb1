// Workloads of the lab: Pods that run without a kubelet. Each is a network namespace on its node with a server in
// it, and a Pod object whose status the lab writes, from which kube-controller-manager makes EndpointSlices.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubeApi, KubeObject } from '../src/kube/api.ts';
import { ENDPOINT_SLICE } from '../src/kube/kinds.ts';
import { seconds } from '../src/time/duration.ts';
import { callControl } from './control-socket.ts';
import { mustExec } from './exec.ts';
import { NAMESPACE, POD } from './kinds.ts';
import type { LabApi } from './kube-client.ts';
import type { LabNetwork, LabNode } from './network.ts';
import type { PodListener } from './pod-server.ts';
import type { ProcessTable } from './process-table.ts';
import { waitFor } from './wait.ts';

/** Ports that every pod of the lab listens on. */
export const POD_PORTS = { http: 8080, udp: 8081 } as const;

const IMAGE = 'fairlead.io/lab/echo';

/** Pods named NAME-1, NAME-2, … with the label `app: NAME`, spread over the nodes in turn. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  /** Default: one per node. */
  readonly replicas?: number;
  /** The value of the label `app`, by which Services select; default: the name. */
  readonly app?: string;
}

export interface LabPod {
  readonly name: string;
  readonly node: string;
  readonly netns: string;
  readonly ip: string;
  readonly ip6: string;
}

export class Workloads {
  readonly #network: LabNetwork;
  readonly #processes: ProcessTable;
  readonly #api: LabApi;
  readonly #socket: string;
  readonly #podsPerNode = new Map<string, number>();
  #server: Promise<void> | undefined;

  constructor(network: LabNetwork, processes: ProcessTable, api: LabApi) {
    this.#network = network;
    this.#processes = processes;
    this.#api = api;
    this.#socket = join(network.stateDir, 'pods.sock');
  }

  /** Creates the namespace if need be and runs the pods; resolves when each answers and is Ready in the API. */
  async run(workload: Workload): Promise<readonly LabPod[]> {
    this.#server ??= this.#startServer();
    await Promise.all([this.#server, ensureNamespace(this.#api, workload.namespace)]);
    const replicas = workload.replicas ?? this.#network.nodes.length;
    return Promise.all(Array.from({ length: replicas }, (_, i) => this.#runPod(workload, i)));
  }

  /** Its endpoint is terminating from now on, and it goes on answering. */
  async terminate(namespace: string, { name }: LabPod): Promise<void> {
    await this.#api.remove(POD, { namespace, name }, { gracePeriodSeconds: 60 });
  }

  /** It is silent, and gone from the cluster. */
  async remove(namespace: string, { name, netns }: LabPod): Promise<void> {
    await mustExec(['ip', '-n', netns, 'link', 'set', 'eth0', 'down']);
    await this.#api.remove(POD, { namespace, name }, { gracePeriodSeconds: 0 });
  }

  async #startServer(): Promise<void> {
    const program = fileURLToPath(new URL('./pod-server.ts', import.meta.url));
    await this.#processes.start({ target: 'pods', argv: [process.execPath, program, this.#socket] });
  }

  async #runPod(workload: Workload, index: number): Promise<LabPod> {
    const node = this.#network.nodes[index % this.#network.nodes.length];
    if (node === undefined) throw new Error(`run workload "${workload.name}": the lab has no node`);
    const name = `${workload.name}-${index + 1}`;
    const place = await this.#network.addPod(node, `${workload.namespace}-${name}`, this.#nextIndex(node));
    const pod: LabPod = { name, node: node.name, ...place };
    await Promise.all([this.#listen(pod), this.#report(workload, pod)]);
    return pod;
  }

  /** Numbers the pods of a node from 2: 10.244.N.1 is the node's own address in its pod network. */
  #nextIndex(node: LabNode): number {
    const index = this.#podsPerNode.get(node.name) ?? 2;
    this.#podsPerNode.set(node.name, index + 1);
    return index;
  }

  async #listen(pod: LabPod): Promise<void> {
    const listener: PodListener = {
      pod: pod.name,
      node: pod.node,
      netns: pod.netns,
      ip: pod.ip,
      ip6: pod.ip6,
      httpPort: POD_PORTS.http,
      udpPort: POD_PORTS.udp,
    };
    const request = async (): Promise<true> => {
      await callControl(this.#socket, listener);
      return true;
    };
    await waitFor(`the server of pod ${pod.name}`, request, seconds(30));
  }

  async #report(workload: Workload, pod: LabPod): Promise<void> {
    const ref = { namespace: workload.namespace, name: pod.name };
    await this.#api.create(POD, workload.namespace, podObject(workload, pod));
    await this.#api.patch(
      POD,
      ref,
      { type: 'merge', body: { status: podStatus(pod) } },
      { subresource: 'status' },
    );
  }
}

/** Resolves when the Service's EndpointSlices list `count` ready IPv4 endpoints. */
export async function waitForEndpoints(
  api: KubeApi,
  service: { namespace: string; name: string },
  count: number,
): Promise<void> {
  const labelSelector = `kubernetes.io/service-name=${service.name}`;
  const areReady = async (): Promise<boolean> => {
    const slices = await api.list<EndpointSlice>(ENDPOINT_SLICE, {
      namespace: service.namespace,
      labelSelector,
    });
    const ready = slices
      .filter((slice) => slice.addressType === 'IPv4')
      .flatMap((slice) => slice.endpoints ?? []);
    return ready.filter((endpoint) => endpoint.conditions?.ready === true).length === count;
  };
  await waitFor(`${count} endpoints of service ${service.namespace}/${service.name}`, areReady, seconds(30));
}

interface EndpointSlice extends KubeObject {
  readonly addressType: string;
  readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean } }[];
}

/** Creates a namespace by server-side apply, so that it may exist already. */
export async function ensureNamespace(api: KubeApi, name: string): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  await api.patch(NAMESPACE, { name }, { type: 'apply', body, fieldManager: 'fairlead-lab', force: true });
}

const podObject = (workload: Workload, pod: LabPod): unknown => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: pod.name, namespace: workload.namespace, labels: { app: workload.app ?? workload.name } },
  spec: {
    nodeName: pod.node,
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'echo',
        image: IMAGE,
        ports: [
          { name: 'http', containerPort: POD_PORTS.http, protocol: 'TCP' },
          { name: 'udp', containerPort: POD_PORTS.udp, protocol: 'UDP' },
        ],
      },
    ],
  },
});

function podStatus(pod: LabPod): unknown {
  const now = new Date().toISOString();
  const condition = (type: string): unknown => ({
    type,
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: now,
  });
  return {
    phase: 'Running',
    startTime: now,
    podIP: pod.ip,
    podIPs: [{ ip: pod.ip }, { ip: pod.ip6 }],
    containerStatuses: [
      {
        name: 'echo',
        image: IMAGE,
        imageID: '',
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: now } },
      },
    ],
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map(condition),
  };
}
