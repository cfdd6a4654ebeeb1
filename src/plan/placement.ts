// Which nodes may hold an address, and in what order they would take it. Liveness is the election's business: it
// decides who becomes a candidate, but not who stays one.

import { type Address, formatAddress } from '../net/address.ts';
import { containsAddress, type Prefix } from '../net/prefix.ts';

export const MAX_CANDIDATES = 8;

/** How many live nodes a full list has room for at least, however many stale candidates it keeps. */
const LIVE_PLACES = 2;

/** A node that exists, as placement sees it. */
export interface PlacementNode {
  readonly name: string;
  readonly isExcluded: boolean;
  /** Whether its agent's Lease is fresh. */
  readonly isAlive: boolean;
  /** The subnets of its Ethernet links that are Up. */
  readonly subnets: readonly Prefix[];
}

export interface PlacementRequest {
  /** The VirtualIP's name. */
  readonly name: string;
  readonly address: Address;
  /** The present candidates. */
  readonly candidates: readonly string[];
  /** The recorded holder. */
  readonly holder: string | undefined;
}

/**
 * The candidates, at most eight: the recorded holder first if it is one, the others by rendezvous hashing. Present
 * candidates stay, alive or not, until their node is gone or excluded, or until they leave no room for two live ones.
 */
export function place(
  request: PlacementRequest,
  nodes: ReadonlyMap<string, PlacementNode>,
): readonly string[] {
  const able = rendezvousOrder(
    request.name,
    [...nodes.values()].filter((node) => isAble(node, request.address)).map((node) => node.name),
  );
  const kept = request.candidates.filter((name) => nodes.get(name)?.isExcluded === false);
  const isKept = new Set(kept);
  const isAbleName = new Set(able);
  const live = [...able.filter((name) => isKept.has(name)), ...able.filter((name) => !isKept.has(name))];
  const stale = rendezvousOrder(
    request.name,
    kept.filter((name) => !isAbleName.has(name)),
  );
  const staleKept = stale.slice(0, MAX_CANDIDATES - Math.min(live.length, LIVE_PLACES));
  const chosen = [...staleKept, ...live.slice(0, MAX_CANDIDATES - staleKept.length)];
  const ordered = rendezvousOrder(request.name, chosen);
  const { holder } = request;
  if (holder === undefined || !ordered.includes(holder)) return ordered;
  return [holder, ...ordered.filter((name) => name !== holder)];
}

/** Whether the present list has to be replaced: another order of the same nodes is no reason to write. */
export function isSamePlan(present: readonly string[], planned: readonly string[]): boolean {
  return present.length === planned.length && planned.every((name) => present.includes(name));
}

/** IPv6 needs Neighbor Discovery (RFC 4861), which agents do not answer yet. */
const canBeAnnounced = ({ family }: Address): boolean => family === 'IPv4';

export function isAble(node: PlacementNode, address: Address): boolean {
  if (!canBeAnnounced(address)) return false;
  return node.isAlive && !node.isExcluded && node.subnets.some((subnet) => containsAddress(subnet, address));
}

/** Why nobody can announce the address, for the condition of a Service that waits. */
export function whyNoCandidates(address: Address, nodes: ReadonlyMap<string, PlacementNode>): string {
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

/** Highest score first (highest random weight hashing, Thaler and Ravishankar 1998): least movement when nodes change. */
function rendezvousOrder(key: string, names: readonly string[]): readonly string[] {
  const scored = names.map((name) => ({ name, score: hash(`${name}/${key}`) }));
  scored.sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1));
  return scored.map(({ name }) => name);
}

/** FNV-1a over the UTF-16 units, finished as MurmurHash3 does, because FNV alone spreads short similar keys badly. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
