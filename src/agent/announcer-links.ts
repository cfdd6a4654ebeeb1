// Which of the host's links and gateways an Announcer reports: Ethernet links with an address that a pool could lie in. A node
// has hundreds of links of its Pods, which would only be noise (and the CRD bounds the lists).

import type { AnnouncerLink, AnnouncerSegment } from '../resource/announcer.ts';
import type { LinkReport, PeerReport } from '../wire-worker/messages.ts';

/** As the CRD has them. */
const MOST_LINKS = 256;
const MOST_ADDRESSES = 64;
const MOST_GATEWAYS = 8;
const MOST_PEERS = 256;

export function announcerLinks(links: readonly LinkReport[]): readonly AnnouncerLink[] {
  return links
    .filter(({ mac }) => isEthernetAddress(mac))
    .map(({ name, index, mac, state, mtu, addresses }) => {
      const reported = addresses.filter((address) => !isLinkLocal(address)).slice(0, MOST_ADDRESSES);
      return { name, index, mac, state, mtu, addresses: [...new Set(reported)] };
    })
    .filter(({ addresses }) => addresses.length > 0)
    .slice(0, MOST_LINKS);
}

/** The links of which there is more to say than what they are. */
export function announcerSegments(
  links: readonly LinkReport[],
  heard: ReadonlyMap<string, readonly PeerReport[]>,
): readonly AnnouncerSegment[] {
  return links
    .filter(({ mac }) => isEthernetAddress(mac))
    .map(({ name, gateways }) => {
      const reported = gateways.filter((gateway) => !isLinkLocal(gateway)).slice(0, MOST_GATEWAYS);
      const peers = (heard.get(name) ?? []).slice(0, MOST_PEERS);
      return { link: name, gateways: reported, peers };
    })
    .filter(({ gateways, peers }) => gateways.length + peers.length > 0)
    .slice(0, MOST_LINKS);
}

/** Tunnels have none or a shorter one, the loopback link has zeros. */
const isEthernetAddress = (mac: string): boolean =>
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) && !/^[0:]+$/.test(mac);

/** fe80::/10 (RFC 4291 section 2.5.6): every link has one, and no pool can lie in it. */
const isLinkLocal = (address: string): boolean => /^fe[89ab][0-9a-f]:/i.test(address);
