// The addresses of a lab: the same in every lab, as each has a network of its own.
//
//   LAN 10.77.0.0/24 and fd77:0:0:1::/64: router .1, control plane .10, nodes from .11, client .100
//   pods 10.244.N.0/24 and fd00:244:N::/64 (N in hexadecimal), .1 is node N itself

/** A machine on the lab's LAN. */
export interface LabHost {
  readonly name: string;
  readonly netns: string;
  readonly ip: string;
  readonly ip6: string;
  /** Of its eth0. */
  readonly mac: string;
}

export interface LabNode extends LabHost {
  readonly podCIDR: string;
  readonly podCIDR6: string;
}

export const MAX_NODES = 80;
const CONTROL_PLANE = 10;
const CLIENT = 100;
const ROUTER = 1;

export interface Hosts {
  readonly nodes: readonly LabNode[];
  readonly client: LabHost;
  readonly router: LabHost;
  readonly controlPlane: LabHost;
}

/** All machines of a lab. */
export function hostsOf(lab: string, nodes: number): Hosts {
  return {
    nodes: Array.from({ length: nodes }, (_, i) => nodeOf(lab, i + 1)),
    client: hostOf(lab, 'client', CLIENT),
    router: hostOf(lab, 'router', ROUTER),
    controlPlane: hostOf(lab, 'cp', CONTROL_PLANE),
  };
}

export const netnsOf = (lab: string, name: string): string => `fl-${lab}-${name}`;

const hex = (value: number): string => value.toString(16);
const pair = (value: number): string => hex(value).padStart(2, '0');

const hostOf = (lab: string, name: string, last: number): LabHost => ({
  name,
  netns: netnsOf(lab, name),
  ip: `10.77.0.${last}`,
  ip6: `fd77:0:0:1::${hex(last)}`,
  mac: `02:00:00:00:00:${pair(last)}`,
});

const nodeOf = (lab: string, number: number): LabNode => ({
  ...hostOf(lab, `node${number}`, CONTROL_PLANE + number),
  podCIDR: `10.244.${number}.0/24`,
  podCIDR6: `fd00:244:${hex(number)}::/64`,
});

/** The address of a host in a node's pod network; 1 is the node itself. */
export const podAddress = (node: LabNode, host: number): string => node.podCIDR.replace('.0/24', `.${host}`);
export const podAddress6 = (node: LabNode, host: number): string =>
  node.podCIDR6.replace('::/64', `::${hex(host)}`);
