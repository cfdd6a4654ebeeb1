// The links of the bench `arp`: for each subject a namespace of its own, joined by a veth pair to a peer from which it
// is asked. Nothing else is on these links, and nothing in the one can be heard in another.

import { mustExec } from '../lab/exec.ts';
import { netnsOf } from '../lab/hosts.ts';
import { claimLab, type LabClaim } from '../lab/state.ts';

export const LINK = 'eth0';
const PREFIX = 16;
const NODE_ADDRESS = '10.77.0.11';

export interface ArpLink {
  /** Where the subject answers. */
  readonly netns: string;
  /** Where the prober asks. */
  readonly peerNetns: string;
  /** Of the subject's link. */
  readonly mac: string;
}

/** Makes the link of one subject; it goes with the claim. */
export async function createArpLink(claim: LabClaim, subject: string, index: number): Promise<ArpLink> {
  const link = {
    netns: netnsOf(claim.name, subject),
    peerNetns: netnsOf(claim.name, `${subject}-peer`),
    mac: `02:00:00:00:0${index}:0b`,
  };
  await claim.addNamespaces([link.netns, link.peerNetns]);
  await batch(link.netns, [
    `link add ${LINK} address ${link.mac} type veth peer name ${LINK} netns ${link.peerNetns} address 02:00:00:00:0${index}:c1`,
    `link set dev ${LINK} addrgenmode none`,
    `address add ${NODE_ADDRESS}/${PREFIX} dev ${LINK}`,
    `link set dev ${LINK} up`,
  ]);
  await batch(link.peerNetns, [`link set dev ${LINK} addrgenmode none`, `link set dev ${LINK} up`]);
  return link;
}

/** Assigns addresses to the subject's own kernel. */
export const assignAddresses = (link: ArpLink, addresses: readonly string[]): Promise<void> =>
  batch(
    link.netns,
    addresses.map((address) => `address add ${address}/32 dev ${LINK}`),
  );

async function batch(netns: string, commands: readonly string[]): Promise<void> {
  await mustExec(['ip', '-n', netns, '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

/** Takes a name of the lab for the namespaces, so that what a killed bench leaves is removed by the next one. */
export const claimLinks = (): Promise<LabClaim> => claimLab(`bench-arp-${process.pid}`);
