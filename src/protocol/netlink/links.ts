// The host's links with their addresses, put together from the messages of two dumps.

import type { Address } from '../../net/address.ts';
import type { Mac } from '../../net/mac.ts';
import type { NetlinkAddress } from './address-message.ts';
import { LinkFlag, LinkMode, LinkType, type NetlinkLink, OperState } from './link-message.ts';

/** Has the shape of `Link` in host/host.ts, which a pure file can not import. */
export interface DumpedLink {
  readonly index: number;
  readonly name: string;
  /** Six zero bytes where the link has no Ethernet hardware address. */
  readonly mac: Mac;
  readonly state: 'Up' | 'Down';
  readonly mtu: number;
  readonly isEthernet: boolean;
  readonly addresses: readonly { readonly address: Address; readonly prefixLength: number }[];
}

/** Links in the order of the dump, each with its addresses in the order of theirs. */
export function toLinks(
  links: readonly NetlinkLink[],
  addresses: readonly NetlinkAddress[],
): readonly DumpedLink[] {
  const byIndex = Map.groupBy(addresses, (address) => address.index);
  return links.map((link) => ({
    index: link.index,
    name: link.name,
    mac: link.mac.length === 6 ? link.mac : new Uint8Array(6),
    state: isUp(link) ? 'Up' : 'Down',
    mtu: link.mtu,
    isEthernet: isEthernet(link),
    addresses: (byIndex.get(link.index) ?? []).map(({ address, prefixLength }) => ({
      address,
      prefixLength,
    })),
  }));
}

const CARRIER = LinkFlag.Up | LinkFlag.LowerUp;

/** Operating states that do not follow from the carrier: the link has one, and carries nothing yet. */
const NOT_LET_IN: readonly number[] = [OperState.Testing, OperState.Dormant];

/**
 * Up by the administrator, with a carrier, and let in. IFF_LOWER_UP is the carrier as the driver last set it; the
 * kernel derives the operating state (RFC 2863) and IFF_RUNNING from it up to a second later, so those decide only
 * where user space sets them (IEEE 802.1X).
 */
function isUp({ flags, operState, linkMode }: NetlinkLink): boolean {
  if ((flags & CARRIER) !== CARRIER || (flags & LinkFlag.Dormant) !== 0) return false;
  if (linkMode !== LinkMode.Default) return operState === OperState.Up;
  return !NOT_LET_IN.includes(operState);
}

function isEthernet({ type, flags, mac }: NetlinkLink): boolean {
  const isSilent = (flags & (LinkFlag.Loopback | LinkFlag.NoArp)) !== 0;
  return type === LinkType.Ethernet && mac.length === 6 && !isSilent;
}
