// Tells the main thread what is held and which links there are: whole lists, and only when they changed.

import type { Link } from '../host/host.ts';
import { type Address, formatAddress } from '../net/address.ts';
import { formatMac } from '../net/mac.ts';
import type { FromWorker, HeldAddress, LinkReport } from './messages.ts';

/** What there is to say of the link of an index besides what it is. */
export interface LinkFacts {
  /** How many addresses are answered on it. */
  readonly heldOn: (index: number) => number;
  readonly gateways: ReadonlyMap<number, readonly Address[]>;
}

export class Reporter {
  readonly #post: (message: FromWorker) => void;
  #held: readonly HeldAddress[] = [];
  #links: readonly LinkReport[] | undefined;

  constructor(post: (message: FromWorker) => void) {
    this.#post = post;
  }

  reportHeld(held: readonly HeldAddress[]): void {
    const isSame =
      held.length === this.#held.length && held.every((each, i) => isSameHeld(each, this.#held[i]));
    if (isSame) return;
    this.#held = held;
    this.#post({ kind: 'held', held });
  }

  reportLinks(links: readonly Link[], more: LinkFacts): void {
    const reports = links.map((link) => reportOf(link, more));
    if (JSON.stringify(reports) === JSON.stringify(this.#links)) return;
    this.#links = reports;
    this.#post({ kind: 'links', links: reports });
  }
}

const isSameHeld = (a: HeldAddress, b: HeldAddress | undefined): boolean =>
  a.uid === b?.uid && a.epoch === b.epoch && a.link === b.link && a.name === b.name;

const reportOf = (
  { index, name, mac, state, mtu, addresses }: Link,
  { heldOn, gateways }: LinkFacts,
): LinkReport => ({
  index,
  name,
  mac: formatMac(mac),
  state,
  mtu,
  addresses: addresses.map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`),
  gateways: (gateways.get(index) ?? []).map(formatAddress).sort(),
  held: heldOn(index),
});
