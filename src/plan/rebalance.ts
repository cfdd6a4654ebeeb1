// `--rebalance Slow` (ELECTION.md section 8): which address moves next, so that in the end nobody holds more than the
// mean by a quarter. One at a time, because each move breaks the connections of those who use the address.

import { chooseFirst, fieldOf, isOverloaded, type Loads } from './candidate-choice.ts';
import { ableFor, MAX_CANDIDATES } from './candidate-list.ts';
import type { NodesByName } from './eligibility.ts';
import type { Placement, PlacementRequest } from './placement.ts';
import { rendezvousOrder } from './rendezvous.ts';

export interface Move {
  /** The VirtualIP's name. */
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /**
   * The new list, which counts from now on: `to` is first and `from` is not in it, so the agents hand the address over.
   * The next plan after that may take `from` in again.
   */
  readonly candidates: readonly string[];
}

/** Where the requests come from; undefined for a VirtualIP that is not to be moved. */
export type RequestOf = (name: string) => PlacementRequest | undefined;

/** Undefined as well while one is being moved, for whatever reason. */
export function nextMove(placement: Placement, nodes: NodesByName, requestOf: RequestOf): Move | undefined {
  if (placement.isAnyMoving()) return undefined;
  for (const from of overloaded(placement, nodes)) {
    for (const name of rendezvousOrder(from, placement.heldBy(from))) {
      const request = requestOf(name);
      const to = request && targetOf(request, from, { placement, nodes });
      if (request === undefined || to === undefined) continue;
      const others = request.candidates.filter((candidate) => candidate !== from && candidate !== to);
      const candidates = placement.plan({ ...request, candidates: [to, ...others].slice(0, MAX_CANDIDATES) });
      return { name, from, to, candidates };
    }
  }
  return undefined;
}

/** Those that hold too much, the fullest first. */
function overloaded({ load }: Placement, nodes: NodesByName): readonly string[] {
  const able = [...nodes.values()].filter(
    (node) => node.isAlive && !node.isExcluded && node.subnets.length > 0,
  );
  const held = able.reduce((sum, { name }) => sum + load.held(name), 0);
  const names = able
    .map(({ name }) => name)
    .filter((name) => isOverloaded(load.held(name), { held, nodes: able.length }));
  return names.sort((a, b) => load.held(b) - load.held(a) || (a < b ? -1 : 1));
}

/** The node that would still hold less than `from` does now; never one that holds another address of the Service. */
function targetOf(
  request: PlacementRequest,
  from: string,
  { placement, nodes }: { readonly placement: Placement; readonly nodes: NodesByName },
): string | undefined {
  const { load } = placement;
  const apart = new Set(placement.holdersOf(request.apartFrom));
  const able = ableFor({ ...request, apart: [], model: undefined }, { nodes, load });
  const others: Loads = { able: able.filter(({ name }) => name !== from && !apart.has(name)), load };
  const to = chooseFirst(fieldOf(request.name, others, []));
  return to !== undefined && load.held(to.name) + 1 < load.held(from) ? to.name : undefined;
}
