// Which nodes may hold an address, and why none may.

import { type Address, formatAddress } from '../net/address.ts';
import { containsAddress, type Prefix } from '../net/prefix.ts';

/** A node that exists, as placement sees it. */
export interface PlacementNode {
  readonly name: string;
  readonly isExcluded: boolean;
  /** Whether its agent's Lease is fresh. */
  readonly isAlive: boolean;
  /** The subnets of its Ethernet links that are Up. */
  readonly subnets: readonly Prefix[];
  /** What fails together: '' for an unknown zone; the machine that it runs on, else its own name. */
  readonly zone: string;
  readonly host: string;
}

export type NodesByName = ReadonlyMap<string, PlacementNode>;

/** IPv6 needs Neighbor Discovery (RFC 4861), which agents do not answer yet. */
const canBeAnnounced = ({ family }: Address): boolean => family === 'IPv4';

/** Whether it could answer for the address if it were alive and not excluded. */
export const isReachableAt = (node: PlacementNode, address: Address): boolean =>
  canBeAnnounced(address) && node.subnets.some((subnet) => containsAddress(subnet, address));

export const isAble = (node: PlacementNode, address: Address): boolean =>
  node.isAlive && !node.isExcluded && isReachableAt(node, address);

/** Why nobody can announce the address, for the condition of a Service that waits. */
export function whyNoCandidates(address: Address, nodes: NodesByName): string {
  const start = `${formatAddress(address)} can not be announced: `;
  if (!canBeAnnounced(address)) return `${start}agents do not answer for IPv6 yet`;
  if (nodes.size === 0) return `${start}there are no nodes`;
  const excluded: string[] = [];
  const dead: string[] = [];
  const elsewhere: string[] = [];
  for (const node of nodes.values()) {
    (node.isExcluded ? excluded : node.isAlive ? elsewhere : dead).push(node.name);
  }
  const reasons = [
    { names: dead, reason: 'without a running agent' },
    { names: elsewhere, reason: 'without an Up link in its subnet' },
    { names: excluded, reason: 'excluded from load balancers' },
  ];
  const texts = reasons
    .filter(({ names }) => names.length > 0)
    .map(({ names, reason }) => `${list(names)} ${reason}`);
  return start + texts.join('; ');
}

const LISTED = 3;

function list(names: readonly string[]): string {
  const sorted = [...names].sort();
  const rest = sorted.length - LISTED;
  return rest > 0 ? `${sorted.slice(0, LISTED).join(', ')} and ${rest} more` : sorted.join(', ');
}
