// When a lab is again as it was before a fault: all agents ready and back in the cluster, and one node that holds an
// address by its answers and by the record.

import type { KubeObject } from '../src/kube/api.ts';
import { LEASE, VIRTUAL_IP } from '../src/kube/kinds.ts';
import { minutes, seconds } from '../src/time/duration.ts';
import type { Lab } from './cluster.ts';
import { getIn } from './http-client.ts';
import { PORTS, SYSTEM_NAMESPACE } from './installation.ts';
import type { LabNode } from './network.ts';
import type { Witness } from './witness.ts';

export interface Settling {
  readonly lab: Lab;
  readonly witness: Witness;
  readonly address: string;
  /** Those that have an agent. */
  readonly nodes: readonly LabNode[];
  /** Wall time since which nothing has been wrong. */
  readonly healedAt: number;
}

/** One node alone has answered for so long: longer than what is told again and again at a take-over. */
export const STEADY = seconds(1);

/** Ten times what a node's return took when Leases told who is dead. */
const PATIENCE = minutes(4);

interface VirtualIP extends KubeObject {
  readonly status?: { readonly holder?: string };
}

interface Lease extends KubeObject {
  readonly spec: { readonly renewTime: string };
}

/** Resolves with the node that holds the address. */
export async function untilSettled({ lab, witness, address, nodes, healedAt }: Settling): Promise<string> {
  const areBack = async (): Promise<boolean> =>
    (await Promise.all(nodes.map(isReady))).every((ready) => ready) &&
    (await haveRenewed(lab, nodes, healedAt));
  await lab.waitFor('all agents to be ready, with Leases renewed', areBack, PATIENCE);
  const agreed = async (): Promise<string | undefined> => {
    const holder = witness.holder(address, STEADY);
    const { status } = await lab.api.get<VirtualIP>(VIRTUAL_IP, { name: address });
    return holder !== undefined && holder === status?.holder ? holder : undefined;
  };
  return lab.waitFor(`the wire and the record to agree on who holds ${address}`, agreed, PATIENCE);
}

async function isReady({ netns, ip }: LabNode): Promise<boolean> {
  const url = `http://${ip}:${PORTS.agent}/readyz`;
  return (await getIn(netns, url, { timeout: seconds(1) })).status === 200;
}

/** A node that was cut is back in the cluster when it has renewed its Lease since. */
async function haveRenewed(lab: Lab, nodes: readonly LabNode[], since: number): Promise<boolean> {
  const leases = await lab.api.list<Lease>(LEASE, { namespace: SYSTEM_NAMESPACE });
  return nodes.every(({ name }) => {
    const lease = leases.find(({ metadata }) => metadata.name === `fairlead-agent-${name}`);
    return lease !== undefined && Date.parse(lease.spec.renewTime) > since;
  });
}
