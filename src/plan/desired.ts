// What one node has to be ready to hold: the VirtualIPs that name it as a candidate or record it as their holder.
// The whole list is computed each time, so a lost or doubled event does no harm.

import type { OwnershipRecord } from '../election/record.ts';
import { formatAddress } from '../net/address.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import { parseTimestamp } from '../time/timestamp.ts';

/** One VirtualIP that the node may have to hold. */
export interface WantedAddress {
  readonly uid: string;
  /** metadata.name of the VirtualIP. */
  readonly name: string;
  /** The address as text. */
  readonly address: string;
  /** When the VirtualIP was created, in seconds since 1970. */
  readonly createdAt: number;
  /** Node names in election order. */
  readonly candidates: readonly string[];
  readonly record: OwnershipRecord;
  /** Glob patterns of link names; empty = any link that fits. */
  readonly interfaces: readonly string[];
  /** The node is no candidate, and may hold the address when all candidates are dead. */
  readonly isLastResort?: true;
  /** The node that somebody wants it on. */
  readonly moveTo?: string;
}

/** A VirtualIP without what no agent asks for. */
export type PlannedVirtualIP = Omit<VirtualIP, 'reservedFor' | 'since' | 'isLastResort'>;

/** What else there is to know of the node. */
export interface NodeFacts {
  /** It answers for the address now. */
  readonly isHeld: boolean;
  /** It is not excluded from load balancers, as far as it knows. */
  readonly isAble: boolean;
}

/**
 * The VirtualIP as the node has to hold it, or undefined if the node has nothing to do with it. One that is being
 * deleted, or that no Service uses (a reservation, or released), is announced by nobody. A recorded holder stays
 * in the election even when the controller has planned other candidates: it answers until one of them has taken over.
 * So does a node that holds it already (`isHeld`) while the record of its claim is still on its way. Any other node that
 * may hold addresses (`isAble`) is the last resort for when all candidates are dead, unless only nodes with endpoints are
 * to hold it.
 */
export function desiredAddress(
  virtualIP: PlannedVirtualIP,
  node: string,
  { isHeld, isAble }: NodeFacts,
): WantedAddress | undefined {
  const { uid, name, address, candidates, record, moveTo } = virtualIP;
  // IPv6 needs Neighbor Discovery (RFC 4861), which the wire worker does not answer yet.
  if (virtualIP.isDeleting || virtualIP.family !== 'IPv4' || virtualIP.services.length === 0)
    return undefined;
  const isCandidate = candidates.includes(node);
  const isLastResort = !isCandidate && isAble && hasLastResort(virtualIP);
  if (!isHeld && !isCandidate && !isLastResort && record.holder !== node) return undefined;
  const interfaces = wantedInterfaces(virtualIP);
  if (interfaces === undefined) return undefined;
  const createdAt = Math.floor((parseTimestamp(virtualIP.createdAt) ?? 0) / 1000);
  const text = formatAddress(address);
  return {
    uid,
    name,
    // The same text twice, of thousands, is half too many.
    address: text === name ? name : text,
    createdAt,
    candidates,
    record,
    interfaces,
    ...(isLastResort && { isLastResort }),
    ...(moveTo !== undefined && { moveTo }),
  };
}

const hasLastResort = ({ candidates, services }: PlannedVirtualIP): boolean =>
  candidates.length > 0 && !services.some(({ local }) => local === true);

/** The union over all L2 advertisements, where one without patterns allows every link; undefined without any. */
function wantedInterfaces(virtualIP: PlannedVirtualIP): readonly string[] | undefined {
  if (virtualIP.advertisements.length === 0) return undefined;
  const patterns = virtualIP.advertisements.map((advertisement) => advertisement.l2.interfaces);
  const [first, ...others] = patterns;
  if (first !== undefined && others.length === 0) return first;
  return patterns.some((each) => each.length === 0) ? [] : [...new Set(patterns.flat())];
}
