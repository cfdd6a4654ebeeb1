// Tells the main thread what is held and which links there are, and only when that changed.

import type { Gateways, Link } from '../host/host.ts';
import { formatAddress } from '../net/address.ts';
import { formatMac } from '../net/mac.ts';
import type { FromWorker, HeldAddress, LinkReport } from './messages.ts';

export class Reporter {
  readonly #post: (message: FromWorker) => void;
  /** What the main thread knows to be held, by uid. */
  readonly #held = new Map<string, HeldAddress>();
  #isFirst = true;
  #links: readonly LinkReport[] | undefined;

  constructor(post: (message: FromWorker) => void) {
    this.#post = post;
  }

  /** What is held now of what may have changed, and the uids of what may have been let go. */
  reportHeld(held: readonly HeldAddress[], released: readonly string[]): void {
    const changed = held.filter((each) => !isSameHeld(each, this.#held.get(each.uid)));
    const gone = released.filter((uid) => this.#held.delete(uid));
    for (const each of changed) this.#held.set(each.uid, each);
    if (changed.length + gone.length === 0) return;
    this.#post({ kind: 'held', isWhole: this.#isFirst, changed, gone });
    this.#isFirst = false;
  }

  reportLinks(links: readonly Link[], gateways: Gateways): void {
    const reports = links.map((link) => reportOf(link, gateways));
    if (JSON.stringify(reports) === JSON.stringify(this.#links)) return;
    this.#links = reports;
    this.#post({ kind: 'links', links: reports });
  }
}

const isSameHeld = (a: HeldAddress, b: HeldAddress | undefined): boolean =>
  a.uid === b?.uid && a.epoch === b.epoch && a.link === b.link && a.name === b.name;

const reportOf = ({ index, name, mac, state, mtu, addresses }: Link, gateways: Gateways): LinkReport => ({
  index,
  name,
  mac: formatMac(mac),
  state,
  mtu,
  addresses: addresses.map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`),
  gateways: (gateways.get(index) ?? []).map(formatAddress).sort(),
});
