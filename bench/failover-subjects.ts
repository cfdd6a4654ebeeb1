// What is compared in the benches of failover: who holds the address, how its program is harmed, and when all is again
// as it was before a fault.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/cluster.ts';
import { mustExec } from '../lab/exec.ts';
import { getIn } from '../lab/http-client.ts';
import { PORTS, SYSTEM_NAMESPACE } from '../lab/installation.ts';
import type { LabNode } from '../lab/network.ts';
import type { Witness } from '../lab/witness.ts';
import type { KubeObject } from '../src/kube/api.ts';
import { LEASE, VIRTUAL_IP } from '../src/kube/kinds.ts';
import { type Duration, milliseconds, minutes, seconds } from '../src/time/duration.ts';
import { keepalivedOn, killKeepalived, resumeKeepalived, stallKeepalived } from './keepalived.ts';

/** A program that is harmed; times are of process.hrtime in milliseconds. */
export interface FailoverSubject {
  readonly name: 'fairlead' | 'keepalived';
  readonly address: string;
  /**
   * Resolves with the one node that holds the address, when a fault would be met as the first one was; `healedAt` is the
   * wall time since which nothing has been wrong.
   */
  settle(healedAt: number): Promise<string>;
  /** The program of a node ends without a word; resolves when it is gone. */
  kill(node: string): Promise<Duration>;
  /** Starts what was killed. */
  start(node: string): Promise<void>;
  stall(node: string): Promise<Duration>;
  resume(node: string): Promise<void>;
}

export interface SubjectParts {
  readonly lab: Lab;
  readonly witness: Witness;
  readonly candidates: readonly LabNode[];
}

/** One node alone has answered for so long: longer than any repetition of an announcement or heartbeat. */
const STEADY = seconds(1);
/** Ten times what a node's return took when Leases told who is dead. */
const PATIENCE = minutes(4);

export const inMilliseconds = (at: bigint): Duration => milliseconds(Number(at) / 1e6);

interface VirtualIP extends KubeObject {
  readonly status?: { readonly holder?: string };
}

interface Lease extends KubeObject {
  readonly spec: { readonly renewTime: string };
}

export class FairleadSubject implements FailoverSubject {
  readonly name = 'fairlead';
  readonly address: string;
  readonly #parts: SubjectParts;

  constructor(parts: SubjectParts, address: string) {
    this.#parts = parts;
    this.address = address;
  }

  async settle(healedAt: number): Promise<string> {
    const { lab, candidates, witness } = this.#parts;
    const areBack = async (): Promise<boolean> =>
      (await Promise.all(candidates.map((node) => isReady(node)))).every((ready) => ready) &&
      (await haveRenewed(lab, candidates, healedAt));
    await lab.waitFor('all agents to be ready, with Leases renewed', areBack, PATIENCE);
    const agreed = async (): Promise<string | undefined> => {
      const holder = witness.holder(this.address, STEADY);
      return holder !== undefined && holder === (await this.#recorded()) ? holder : undefined;
    };
    return lab.waitFor(`the wire and the record to agree on who holds ${this.address}`, agreed, PATIENCE);
  }

  async kill(node: string): Promise<Duration> {
    return inMilliseconds((await this.#parts.lab.faults.kill(`agent/${node}`)).at);
  }

  async start(node: string): Promise<void> {
    await this.#parts.lab.faults.start(`agent/${node}`);
  }

  async stall(node: string): Promise<Duration> {
    return inMilliseconds((await this.#parts.lab.faults.stall(`agent/${node}`)).at);
  }

  async resume(node: string): Promise<void> {
    await this.#parts.lab.faults.resume(`agent/${node}`);
  }

  async #recorded(): Promise<string | undefined> {
    const { status } = await this.#parts.lab.api.get<VirtualIP>(VIRTUAL_IP, { name: this.address });
    return status?.holder;
  }
}

async function isReady(node: LabNode): Promise<boolean> {
  return (
    (await getIn(node.netns, `http://${node.ip}:${PORTS.agent}/readyz`, { timeout: seconds(1) })).status ===
    200
  );
}

/** A node that was cut is back in the cluster when it has renewed its Lease since. */
async function haveRenewed(lab: Lab, nodes: readonly LabNode[], since: number): Promise<boolean> {
  const leases = await lab.api.list<Lease>(LEASE, { namespace: SYSTEM_NAMESPACE });
  return nodes.every((node) => {
    const lease = leases.find(({ metadata }) => metadata.name === `fairlead-agent-${node.name}`);
    return lease !== undefined && Date.parse(lease.spec.renewTime) > since;
  });
}

export class KeepalivedSubject implements FailoverSubject {
  readonly name = 'keepalived';
  readonly address: string;
  readonly #parts: SubjectParts;

  constructor(parts: SubjectParts, address: string) {
    this.#parts = parts;
    this.address = address;
  }

  async settle(healedAt: number): Promise<string> {
    // What was before the heal does not count.
    await sleep(Math.max(0, healedAt + STEADY - Date.now()));
    return this.#parts.witness.untilHeld(this.address, STEADY, PATIENCE);
  }

  kill(node: string): Promise<Duration> {
    return killKeepalived(this.#parts.lab, node);
  }

  async start(node: string): Promise<void> {
    const { lab, candidates } = this.#parts;
    const netns = candidates.find(({ name }) => name === node)?.netns ?? '';
    // What a killed one left in the kernel, a new one that is no master would leave there too.
    await mustExec(['ip', '-n', netns, 'address', 'delete', `${this.address}/32`, 'dev', 'eth0']);
    await lab.faults.start(keepalivedOn(node));
  }

  async stall(node: string): Promise<Duration> {
    return stallKeepalived(this.#parts.lab, node);
  }

  async resume(node: string): Promise<void> {
    resumeKeepalived(this.#parts.lab, node);
  }
}
