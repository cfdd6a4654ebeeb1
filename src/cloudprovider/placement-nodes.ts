// The nodes as placement sees them, put together from Nodes, Announcers and the agents' Leases. A change that makes
// no difference to placement (a kubelet's status, a count) goes no further.

import { formatPrefix, type Prefix, parsePrefix } from '../net/prefix.ts';
import type { PlacementNode } from '../plan/eligibility.ts';
import { hostOf, isExcluded, zoneOf } from '../plan/node-predicates.ts';
import type { NodeView } from '../plan/views.ts';
import type { Announcer } from '../resource/announcer.ts';

interface Parts {
  node: NodeView | undefined;
  announcer: Announcer | undefined;
}

export class PlacementNodes {
  readonly #parts = new Map<string, Parts>();
  readonly #nodes = new Map<string, PlacementNode>();
  #alive: ReadonlySet<string> = new Set();

  /** The nodes that exist. */
  get nodes(): ReadonlyMap<string, PlacementNode> {
    return this.#nodes;
  }

  isAlive(node: string): boolean {
    return this.#alive.has(node);
  }

  /** Returns whether placement may come out differently now. */
  setNode(name: string, node: NodeView | undefined): boolean {
    this.#partsOf(name).node = node;
    return this.#refresh(name);
  }

  /** Returns whether placement may come out differently now. */
  setAnnouncer(name: string, announcer: Announcer | undefined): boolean {
    this.#partsOf(name).announcer = announcer;
    return this.#refresh(name);
  }

  /** The whole list. */
  setAlive(alive: readonly string[]): void {
    const before = this.#alive;
    this.#alive = new Set(alive);
    for (const name of new Set([...before, ...alive])) this.#refresh(name);
  }

  #partsOf(name: string): Parts {
    const parts = this.#parts.get(name) ?? { node: undefined, announcer: undefined };
    this.#parts.set(name, parts);
    return parts;
  }

  #refresh(name: string): boolean {
    const before = this.#nodes.get(name);
    const now = this.#join(name);
    if (now === undefined) this.#nodes.delete(name);
    else this.#nodes.set(name, now);
    return !isSame(before, now);
  }

  #join(name: string): PlacementNode | undefined {
    const parts = this.#parts.get(name);
    if (parts?.node === undefined) {
      if (parts?.announcer === undefined) this.#parts.delete(name);
      return undefined;
    }
    return {
      name,
      isExcluded: isExcluded(parts.node),
      isAlive: this.#alive.has(name),
      zone: zoneOf(parts.node),
      host: hostOf(parts.node),
      subnets: parts.announcer === undefined ? [] : subnetsOf(parts.announcer),
    };
  }
}

function subnetsOf(announcer: Announcer): readonly Prefix[] {
  const up = announcer.links.filter((link) => link.state === 'Up');
  return up.flatMap((link) => link.addresses).flatMap((text) => parsePrefix(text) ?? []);
}

function isSame(a: PlacementNode | undefined, b: PlacementNode | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const subnets = (node: PlacementNode) => node.subnets.map(formatPrefix).join();
  const isSamePlace = a.zone === b.zone && a.host === b.host;
  return isSamePlace && a.isExcluded === b.isExcluded && a.isAlive === b.isAlive && subnets(a) === subnets(b);
}
