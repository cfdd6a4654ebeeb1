// Who holds which address in the bench `spread`: by our placement, and by the hash of MetalLB's layer-2 mode.

import { createHash } from 'node:crypto';
import { parseAddress } from '../src/net/address.ts';
import { parsePrefix } from '../src/net/prefix.ts';
import type { PlacementNode } from '../src/plan/eligibility.ts';
import { Placement } from '../src/plan/placement.ts';

export interface SpreadNames {
  readonly nodes: readonly string[];
  /** IPv4, as text. */
  readonly addresses: readonly string[];
}

/** By address the node that holds it. */
export type Holders = ReadonlyMap<string, string>;

export interface Spread {
  holders(): Holders;
  /** A node dies; who inherits its addresses is decided as by agents, without a new plan. */
  lose(node: string): void;
  comeBack(node: string): void;
  /** What a controller decides anew for the nodes that live now, where there is one that does. */
  planAnew(): void;
}

export class FairleadSpread implements Spread {
  readonly #nodes: Map<string, PlacementNode>;
  readonly #placement: Placement;
  readonly #lists = new Map<string, readonly string[]>();
  readonly #holders = new Map<string, string>();

  constructor({ nodes, addresses }: SpreadNames) {
    this.#nodes = new Map(nodes.map((name) => [name, nodeOf(name)]));
    this.#placement = new Placement(this.#nodes);
    for (const address of addresses) this.#plan(address);
  }

  holders(): Holders {
    return new Map(this.#holders);
  }

  lose(node: string): void {
    this.#setAlive(node, false);
  }

  comeBack(node: string): void {
    this.#setAlive(node, true);
  }

  planAnew(): void {
    for (const address of this.#lists.keys()) this.#plan(address);
  }

  #setAlive(node: string, isAlive: boolean): void {
    this.#nodes.set(node, { ...nodeOf(node), isAlive });
    this.#placement.nodesChanged();
    for (const address of this.#lists.keys()) this.#elect(address);
  }

  #plan(name: string): void {
    const address = parseAddress(name);
    if (address === undefined) throw new Error(`place "${name}": want an address`);
    const wishes = { onlyOn: undefined, apartFrom: [], follows: undefined };
    this.#lists.set(name, this.#placement.plan({ name, address, ...wishes, ...this.#listed(name) }));
    this.#elect(name);
  }

  /** As agents do: a holder that lives and is a candidate keeps the address, else the first that lives takes it. */
  #elect(name: string): void {
    const { candidates, holder } = this.#listed(name);
    const living = candidates.filter((node) => this.#nodes.get(node)?.isAlive === true);
    const heir = holder !== undefined && living.includes(holder) ? holder : living[0];
    if (heir === undefined || heir === holder) return;
    this.#holders.set(name, heir);
    this.#placement.set(name, this.#listed(name));
  }

  #listed(name: string) {
    return { candidates: this.#lists.get(name) ?? [], holder: this.#holders.get(name) };
  }
}

function nodeOf(name: string): PlacementNode {
  const subnet = parsePrefix('10.0.0.1/8');
  if (subnet === undefined) throw new Error('read the subnet of all nodes: want a prefix');
  return { name, isExcluded: false, isAlive: true, subnets: [subnet], zone: '', host: name };
}

/**
 * MetalLB's layer-2 mode without preferences: each speaker sorts the nodes that live by SHA-256 of `NODE#ADDRESS`, as
 * bytes; the first one announces (speaker/layer2_controller.go, ShouldAnnounce). Nothing is kept, so nothing is planned.
 */
export class MetalLBSpread implements Spread {
  readonly #addresses: readonly string[];
  readonly #living: Set<string>;

  constructor({ nodes, addresses }: SpreadNames) {
    this.#addresses = addresses;
    this.#living = new Set(nodes);
  }

  holders(): Holders {
    return new Map(this.#addresses.map((address) => [address, firstByHash([...this.#living], address)]));
  }

  lose(node: string): void {
    this.#living.delete(node);
  }

  comeBack(node: string): void {
    this.#living.add(node);
  }

  /** There is no plan. */
  planAnew(): void {}
}

function firstByHash(nodes: readonly string[], address: string): string {
  const [first] = nodes
    .map((node) => ({ node, hash: createHash('sha256').update(`${node}#${address}`).digest() }))
    .sort((a, b) => Buffer.compare(a.hash, b.hash));
  if (first === undefined) throw new Error(`elect a node for ${address}: there is none`);
  return first.node;
}
