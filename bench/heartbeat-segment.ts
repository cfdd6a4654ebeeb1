// The segment of the benches of heartbeats: a bridge, and hosts in namespaces of their own that are joined to it. Nothing
// else is on it.

import { mustExec } from '../lab/exec.ts';
import { netnsOf } from '../lab/hosts.ts';
import { claimLab, type LabClaim } from '../lab/state.ts';
import type { WantedAddress } from '../src/wire-worker/messages.ts';

export const LINK = 'eth0';
const PREFIX = 16;

export interface SegmentHost {
  readonly name: string;
  readonly netns: string;
  readonly mac: string;
  readonly address: string;
}

export interface Segment {
  readonly hosts: readonly SegmentHost[];
  release(): Promise<void>;
}

/** Builds it; on failure nothing of it stays. */
export async function createSegment(names: readonly string[]): Promise<Segment> {
  const claim = await claimLab(`bench-hb-${process.pid}`);
  try {
    return { hosts: await build(claim, names), release: () => claim.release() };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

async function build(claim: LabClaim, names: readonly string[]): Promise<readonly SegmentHost[]> {
  const lan = netnsOf(claim.name, 'lan');
  const hosts = names.map((name, index): SegmentHost => {
    const netns = netnsOf(claim.name, name);
    return { name, netns, mac: `02:00:00:00:00:${hex(11 + index)}`, address: `10.77.0.${11 + index}` };
  });
  await claim.addNamespaces([lan, ...hosts.map(({ netns }) => netns)]);
  const ports = hosts.flatMap(({ mac, netns }, index) => [
    `link add p${index} type veth peer name ${LINK} address ${mac} netns ${netns}`,
    ...up(`p${index}`),
    `link set p${index} master br0`,
  ]);
  const bridge = 'link add br0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0';
  await batch(lan, [bridge, ...up('br0'), ...ports]);
  for (const { netns, address } of hosts)
    await batch(netns, [`address add ${address}/${PREFIX} dev ${LINK}`, ...up(LINK)]);
  return hosts;
}

/** Without a link-local address, whose making would be heard. */
const up = (link: string): readonly string[] => [`link set ${link} addrgenmode none`, `link set ${link} up`];

const hex = (value: number): string => value.toString(16).padStart(2, '0');

async function batch(netns: string, commands: readonly string[]): Promise<void> {
  await mustExec(['ip', '-n', netns, '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

/** Addresses that the nodes hold in equal parts, each with all nodes as candidates. */
export const sharedAddresses = (nodes: readonly string[], count: number): readonly WantedAddress[] =>
  Array.from({ length: count }, (_, i) => ({
    uid: `uid-${i}`,
    name: `vip-${i}`,
    address: `10.77.1.${i}`,
    createdAt: 0,
    candidates: nodes.map((_, k) => nodes[(i + k) % nodes.length] ?? ''),
    record: { holder: undefined, epoch: 0 },
    interfaces: [],
  }));
