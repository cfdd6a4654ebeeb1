// Which link answers for an IPv4 address: among the links that are up, the one whose prefix contains the address most
// closely, as the kernel's route would have it; the lowest index among equals (ELECTION.md section 11: exactly one).

import type { Link } from '../../host/host.ts';
import { isGlobMatch } from './glob.ts';

interface Subnet {
  readonly link: Link;
  readonly length: number;
  readonly mask: number;
  /** Network address as a signed 32-bit number, as the bit operators make them. */
  readonly network: number;
}

export class LinkChoice {
  readonly #subnets: readonly Subnet[];

  constructor(links: readonly Link[]) {
    const usable = links.filter((link) => link.isEthernet && link.state === 'Up');
    this.#subnets = usable
      .flatMap(subnetsOf)
      .sort((a, b) => b.length - a.length || a.link.index - b.link.index);
  }

  /** `address` as an unsigned 32-bit number; `interfaces`: patterns of link names, none = any link. */
  choose(address: number, interfaces: readonly string[]): Link | undefined {
    const fits = ({ link, mask, network }: Subnet): boolean =>
      (address & mask) === network && isWanted(link.name, interfaces);
    return this.#subnets.find(fits)?.link;
  }
}

/** Whether a link can ever answer for an IPv4 address, up or down. */
export const canAnswer = (link: Link): boolean => link.isEthernet && subnetsOf(link).length > 0;

/** A prefix of one address has no room for another: a node's links to its Pods often have nothing else. */
const HOST_LENGTH = 32;

function subnetsOf(link: Link): readonly Subnet[] {
  return link.addresses
    .filter(({ address, prefixLength }) => address.family === 'IPv4' && prefixLength < HOST_LENGTH)
    .map(({ address, prefixLength: length }) => {
      // A shift by 32 is a shift by 0 in this language, so the mask of length 0 needs its own case.
      const mask = length === 0 ? 0 : -1 << (32 - length);
      return { link, length, mask, network: Number(address.value) & mask };
    });
}

const isWanted = (name: string, interfaces: readonly string[]): boolean =>
  interfaces.length === 0 || interfaces.some((pattern) => isGlobMatch(pattern, name));
