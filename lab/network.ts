// The network of a lab: a LAN bridge in a namespace of its own, and one namespace each for the nodes, the client, the
// router and the control plane, both families, node-to-node pod routes. Nothing is attached to the machine's own
// network, so no frame can leave.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mustExec } from './exec.ts';
import {
  type Hosts,
  hostsOf,
  type LabHost,
  type LabNode,
  MAX_NODES,
  netnsOf,
  podAddress,
  podAddress6,
} from './hosts.ts';
import { inNamespace, namespacePath } from './netns.ts';
import { claimLab, type LabClaim, type ReleaseOptions } from './state.ts';

export type { LabHost, LabNode } from './hosts.ts';

export interface LabNetwork {
  readonly name: string;
  readonly nodes: readonly LabNode[];
  readonly client: LabHost;
  readonly router: LabHost;
  readonly controlPlane: LabHost;
  /** Where the bridge br0 is, with a port `p-HOST` for each host. */
  readonly lanNetns: string;
  readonly stateDir: string;
  readonly logsDir: string;
  /** Makes a pod's namespace on the node's pod bridge; `index` is its host number there, 2 to 254. */
  addPod(node: LabNode, podName: string, index: number): Promise<LabPodPlace>;
  /** Makes a further namespace, without any link, that goes with the lab; returns its name. */
  addNamespace(name: string): Promise<string>;
  /** Kills what runs in the lab's namespaces and removes them and the state directory. */
  down(options?: ReleaseOptions): Promise<void>;
}

export interface LabPodPlace {
  readonly netns: string;
  readonly ip: string;
  readonly ip6: string;
}

export interface NetworkOptions {
  readonly name: string;
  readonly nodes: number;
}

/** The bridge's port towards a host of the LAN. */
export const portOf = (host: Pick<LabHost, 'name'>): string => `p-${host.name}`;

/** Claims the name and builds the network; on failure nothing of it stays. */
export async function createNetwork(options: NetworkOptions): Promise<LabNetwork> {
  if (!Number.isInteger(options.nodes) || options.nodes < 1 || options.nodes > MAX_NODES) {
    throw new Error(`create lab "${options.name}": ${options.nodes} nodes: want 1 to ${MAX_NODES}`);
  }
  const hosts = hostsOf(options.name, options.nodes);
  const lanNetns = netnsOf(options.name, 'lan');
  const claim = await claimLab(options.name);
  if (existsSync(namespacePath(lanNetns)))
    throw new Error(`create lab "${options.name}": its namespace ${lanNetns} exists already`);
  try {
    await build(claim, hosts, lanNetns);
  } catch (error) {
    await releaseAfter(claim, error);
  }
  return {
    ...hosts,
    name: options.name,
    lanNetns,
    stateDir: claim.stateDir,
    logsDir: claim.logsDir,
    addPod: (node, podName, index) => addPod(claim, node, { name: podName, index }),
    addNamespace: (name) => addNamespace(claim, name),
    down: (release) => claim.release(release),
  };
}

async function releaseAfter(claim: LabClaim, failure: unknown): Promise<never> {
  await claim.release().catch((cleanup: unknown) => {
    throw new AggregateError(
      [failure, cleanup],
      `create lab "${claim.name}": ${String(failure)}; and cleaning up: ${String(cleanup)}`,
    );
  });
  throw failure;
}

async function build(claim: LabClaim, hosts: Hosts, lanNetns: string): Promise<void> {
  const all = [...hosts.nodes, hosts.router, hosts.controlPlane, hosts.client];
  await claim.addNamespaces([lanNetns, ...all.map((host) => host.netns)]);
  // Before any link is made, as links copy the defaults.
  writeSysctls(lanNetns, LAN_SYSCTLS);
  for (const host of all) writeSysctls(host.netns, HOST_SYSCTLS);
  for (const host of [...hosts.nodes, hosts.router]) writeSysctls(host.netns, FORWARDING_SYSCTLS);
  for (const node of hosts.nodes) writeSysctls(node.netns, BRIDGE_SYSCTLS);
  raiseNeighbourLimits();
  await batch(lanNetns, lanCommands(all));
  await Promise.all([
    batch(hosts.router.netns, [...hostCommands(hosts.router), ...podRoutes(hosts.nodes)]),
    batch(hosts.controlPlane.netns, [...hostCommands(hosts.controlPlane), ...defaultRoutes(hosts.router)]),
    batch(hosts.client.netns, [...hostCommands(hosts.client), ...defaultRoutes(hosts.router)]),
    ...hosts.nodes.map((node) => batch(node.netns, nodeCommands(node, hosts))),
  ]);
}

const batch = async (netns: string, commands: readonly string[]): Promise<void> => {
  await mustExec(['ip', '-n', netns, '-batch', '-'], { input: `${commands.join('\n')}\n` });
};

function lanCommands(hosts: readonly LabHost[]): readonly string[] {
  const ports = hosts.flatMap((host) => [
    `link add ${portOf(host)} address ${portMac(host)} type veth peer name eth0 netns ${host.netns} address ${host.mac}`,
    `link set ${portOf(host)} master br0 up`,
  ]);
  return [
    'link set lo up',
    'link add br0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0',
    'link set br0 up',
    ...ports,
  ];
}

const portMac = (host: LabHost): string => host.mac.replace(/^02:00:00:00:00/, '02:00:00:00:01');

const hostCommands = (host: LabHost): readonly string[] => [
  'link set lo up',
  'link set eth0 up',
  `address add ${host.ip}/24 dev eth0`,
  `address add ${host.ip6}/64 dev eth0 nodad`,
];

const defaultRoutes = (router: LabHost): readonly string[] => [
  `route add default via ${router.ip}`,
  `route add ::/0 via ${router.ip6}`,
];

const podRoutes = (nodes: readonly LabNode[]): readonly string[] =>
  nodes.flatMap((node) => [
    `route add ${node.podCIDR} via ${node.ip}`,
    `route add ${node.podCIDR6} via ${node.ip6}`,
  ]);

const nodeCommands = (node: LabNode, hosts: Hosts): readonly string[] => [
  ...hostCommands(node),
  ...defaultRoutes(hosts.router),
  'link add cni0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0',
  'link set cni0 up',
  `address add ${podAddress(node, 1)}/24 dev cni0`,
  `address add ${podAddress6(node, 1)}/64 dev cni0 nodad`,
  ...podRoutes(hosts.nodes.filter((other) => other !== node)),
];

async function addNamespace(claim: LabClaim, name: string): Promise<string> {
  const netns = netnsOf(claim.name, name);
  await claim.addNamespaces([netns]);
  writeSysctls(netns, HOST_SYSCTLS);
  return netns;
}

async function addPod(
  claim: LabClaim,
  node: LabNode,
  pod: { name: string; index: number },
): Promise<LabPodPlace> {
  if (!Number.isInteger(pod.index) || pod.index < 2 || pod.index > 254) {
    throw new Error(`add pod "${pod.name}": index ${pod.index}: want 2 to 254`);
  }
  const place = {
    netns: netnsOf(claim.name, pod.name),
    ip: podAddress(node, pod.index),
    ip6: podAddress6(node, pod.index),
  };
  await addNamespace(claim, pod.name);
  const port = `pod${pod.index}`;
  await batch(node.netns, [
    `link add ${port} type veth peer name eth0 netns ${place.netns}`,
    `link set ${port} master cni0 up`,
  ]);
  await batch(place.netns, [
    'link set lo up',
    'link set eth0 up',
    `address add ${place.ip}/24 dev eth0`,
    `address add ${place.ip6}/64 dev eth0 nodad`,
    `route add default via ${podAddress(node, 1)}`,
    `route add ::/0 via ${podAddress6(node, 1)}`,
  ]);
  return place;
}

type Sysctls = Readonly<Record<string, number>>;

// The bridge must carry frames only: no address of its own, no netfilter of the machine's in its way.
const LAN_SYSCTLS: Sysctls = {
  'ipv6/conf/all/disable_ipv6': 1,
  'ipv6/conf/default/disable_ipv6': 1,
  'bridge/bridge-nf-call-iptables': 0,
  'bridge/bridge-nf-call-ip6tables': 0,
  'bridge/bridge-nf-call-arptables': 0,
};

// A new namespace copies IPv4 values from the machine: all that the lab relies on is written. No duplicate address
// detection, or every IPv6 address would be tentative for a second.
const HOST_SYSCTLS: Sysctls = {
  'ipv4/ip_forward': 0,
  'ipv4/conf/all/rp_filter': 0,
  'ipv4/conf/default/rp_filter': 0,
  'ipv4/conf/all/arp_ignore': 0,
  'ipv4/conf/all/arp_announce': 0,
  'ipv6/conf/all/disable_ipv6': 0,
  'ipv6/conf/default/disable_ipv6': 0,
  'ipv6/conf/all/accept_dad': 0,
  'ipv6/conf/default/accept_dad': 0,
  'ipv6/conf/default/accept_ra': 0,
};

const FORWARDING_SYSCTLS: Sysctls = {
  'ipv4/ip_forward': 1,
  'ipv4/conf/all/route_localnet': 0,
  'ipv6/conf/all/forwarding': 1,
  'ipv6/conf/default/forwarding': 1,
};

// Where kube-proxy translates, bridged frames between pods of one node pass netfilter too, or answers would go around it.
const BRIDGE_SYSCTLS: Sysctls = { 'bridge/bridge-nf-call-iptables': 1, 'bridge/bridge-nf-call-ip6tables': 1 };

/** /proc/sys/net is that of the calling thread's namespace, so no program need be run in each. */
function writeSysctls(netns: string, sysctls: Sysctls): void {
  inNamespace(netns, () => {
    for (const [key, value] of Object.entries(sysctls)) writeSysctl(key, value);
  });
}

function writeSysctl(key: string, value: number): void {
  try {
    writeFileSync(`/proc/sys/net/${key}`, `${value}\n`);
  } catch (error) {
    // A kernel without bridge netfilter has no such switch, and nothing to switch off.
    if (!(key.startsWith('bridge/') && (error as NodeJS.ErrnoException).code === 'ENOENT')) throw error;
  }
}

/** The neighbour tables are one for all namespaces of the machine; the limits are raised, never lowered. */
function raiseNeighbourLimits(): void {
  for (const family of ['ipv4', 'ipv6']) {
    for (const [key, wanted] of Object.entries({ gc_thresh1: 4096, gc_thresh2: 8192, gc_thresh3: 16384 })) {
      const path = `/proc/sys/net/${family}/neigh/default/${key}`;
      if (Number(readFileSync(path, 'latin1')) < wanted) writeFileSync(path, `${wanted}\n`);
    }
  }
}
