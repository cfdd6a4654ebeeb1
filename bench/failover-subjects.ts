// What is compared in the benches of failover: who holds the address, how its program is harmed, and when all is again
// as it was before a fault.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/cluster.ts';
import { mustExec } from '../lab/exec.ts';
import type { LabNode } from '../lab/network.ts';
import { STEADY, untilSettled } from '../lab/settled.ts';
import type { Witness } from '../lab/witness.ts';
import { type Duration, milliseconds, minutes } from '../src/time/duration.ts';
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

/** Ten times what the slowest peer took. */
const PATIENCE = minutes(1);

export const inMilliseconds = (at: bigint): Duration => milliseconds(Number(at) / 1e6);

export class FairleadSubject implements FailoverSubject {
  readonly name = 'fairlead';
  readonly address: string;
  readonly #parts: SubjectParts;

  constructor(parts: SubjectParts, address: string) {
    this.#parts = parts;
    this.address = address;
  }

  settle(healedAt: number): Promise<string> {
    const { lab, candidates: nodes, witness } = this.#parts;
    return untilSettled({ lab, witness, address: this.address, nodes, healedAt });
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
