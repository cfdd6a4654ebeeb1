// The Node objects of the lab: there is no kubelet, so the lab writes what one would report.

import type { KubeApi } from '../src/kube/api.ts';
import { NODE } from '../src/kube/kinds.ts';
import type { LabNode } from './network.ts';

const RESOURCES = { cpu: '2', memory: '4Gi', pods: '110' };

/** Creates every node as Ready, with addresses and pod networks of both families and no taint. */
export async function registerNodes(api: KubeApi, nodes: readonly LabNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => registerNode(api, node)));
}

async function registerNode(api: KubeApi, node: LabNode): Promise<void> {
  await api.create(NODE, undefined, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: { 'kubernetes.io/hostname': node.name, 'kubernetes.io/os': 'linux' },
    },
    spec: { podCIDR: node.podCIDR, podCIDRs: [node.podCIDR, node.podCIDR6] },
  });
  await api.patch(
    NODE,
    { name: node.name },
    { type: 'merge', body: { status: statusOf(node) } },
    { subresource: 'status' },
  );
  // Admission adds the taint not-ready to every new node; the node life-cycle controller, which would remove it, is off.
  await api.patch(NODE, { name: node.name }, { type: 'merge', body: { spec: { taints: null } } });
}

function statusOf(node: LabNode): unknown {
  const now = new Date().toISOString();
  return {
    addresses: [
      { type: 'InternalIP', address: node.ip },
      { type: 'InternalIP', address: node.ip6 },
      { type: 'Hostname', address: node.name },
    ],
    capacity: RESOURCES,
    allocatable: RESOURCES,
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'LabReady',
        message: 'the lab reports this node as ready',
        lastHeartbeatTime: now,
        lastTransitionTime: now,
      },
    ],
  };
}
