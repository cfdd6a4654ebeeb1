// The candidate lists of all VirtualIPs, planned on the cluster as it is known: what plan/placement is asked with, and
// what has become of its answers.

import { companionOf, type PairMember } from '../plan/family-pairs.ts';
import { Placement, type PlacementRequest } from '../plan/placement.ts';
import { type Move, nextMove } from '../plan/rebalance.ts';
import type { ServiceName, ServiceRef, VirtualIP } from '../resource/virtual-ip.ts';
import type { ClusterState } from './cluster-state.ts';
import { keyOf } from './mirror.ts';
import type { PlacementNodes } from './placement-nodes.ts';
import type { ServiceNodes } from './service-nodes.ts';

/** A VirtualIP, or one that is about to be created or used. */
export interface Placeable extends Pick<VirtualIP, 'name' | 'address' | 'candidates'> {
  readonly createdAt?: string;
  readonly holder: string | undefined;
  readonly isLastResort?: boolean;
}

export interface CandidateListsParts {
  readonly state: ClusterState;
  readonly nodes: PlacementNodes;
  readonly endpoints: ServiceNodes;
}

type Owner = Pick<ServiceRef, keyof ServiceName | 'uid'>;

export class CandidateLists {
  readonly #parts: CandidateListsParts;
  readonly #placement: Placement;

  constructor(parts: CandidateListsParts) {
    this.#parts = parts;
    this.#placement = new Placement(parts.nodes.nodes);
    parts.state.virtualIPs.onChange(({ key }) => this.settle(key));
  }

  nodesChanged(): void {
    this.#placement.nodesChanged();
  }

  /** The list as it has to be, which counts at once; the very same array if nothing has to change. */
  plan(of: Placeable, services: readonly Owner[]): readonly string[] {
    return this.#placement.plan(this.#requestOf(of, services));
  }

  /** What was planned has been written, or could not be: what is there counts. */
  settle(name: string): void {
    const virtualIP = this.#parts.state.virtualIP(name);
    const isUsed = virtualIP !== undefined && !virtualIP.isDeleting;
    this.#placement.set(name, isUsed ? listedOf(virtualIP) : undefined);
  }

  /** Counts at once, as a plan does. */
  nextMove(): Move | undefined {
    const { state, nodes } = this.#parts;
    return nextMove(this.#placement, nodes.nodes, (name) => {
      const virtualIP = state.virtualIP(name);
      if (virtualIP === undefined || virtualIP.isDeleting) return undefined;
      const request = this.#requestOf({ ...virtualIP, ...listedOf(virtualIP) }, virtualIP.services);
      // It goes where the other one goes.
      return request.follows === undefined ? request : undefined;
    });
  }

  #requestOf(
    { name, address, candidates, createdAt = '', holder, isLastResort = false }: Placeable,
    services: readonly Owner[],
  ): PlacementRequest {
    const me: PairMember = { name, family: address.family, createdAt, candidates };
    const others = services.map(({ uid }) => this.#othersOf(uid, name));
    const apartFrom = others.flat().filter(({ family }) => family === address.family);
    // IPv6 goes by IPv4, and either by what is there already.
    const isFollower = address.family === 'IPv6' || candidates.length === 0;
    const [follows] = isFollower ? others.flatMap((family) => companionOf(name, [...family, me]) ?? []) : [];
    return {
      ...{ name, address, candidates, holder, isLastResort, follows },
      onlyOn: this.#nodesWithEndpoints(services),
      apartFrom: [...new Set(apartFrom.map((one) => one.name))],
    };
  }

  #othersOf(uid: string, name: string): readonly VirtualIP[] {
    return this.#parts.state.virtualIPsOf(uid).filter((one) => one.name !== name && !one.isDeleting);
  }

  /** Of Services that share the address those with endpoints of all of them, or else of any. */
  #nodesWithEndpoints(services: readonly Owner[]): ReadonlySet<string> | undefined {
    const { state, endpoints } = this.#parts;
    const local = services
      .map(keyOf)
      .filter((key) => state.services.get(key)?.value.externalTrafficPolicy === 'Local')
      .flatMap((key) => endpoints.nodesOf(key) ?? []);
    if (local.length === 0) return undefined;
    const ofAny = new Set(local.flatMap((nodes) => [...nodes]));
    const ofAll = new Set([...ofAny].filter((node) => local.every((nodes) => nodes.has(node))));
    return ofAll.size > 0 ? ofAll : ofAny;
  }
}

const listedOf = ({ candidates, record, isLastResort }: VirtualIP) => ({
  candidates,
  holder: record.holder,
  isLastResort: isLastResort === true,
});
