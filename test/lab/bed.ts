// What the lab's own tests share: names that no other run on this machine has, networks that go away with their test.

import type { TestContext } from 'node:test';
import { type ExecResult, exec } from '../../lab/exec.ts';
import { execIn } from '../../lab/netns.ts';
import { createNetwork, type LabHost, type LabNetwork } from '../../lab/network.ts';
import { ProcessTable } from '../../lab/process-table.ts';
import { seconds } from '../../src/time/duration.ts';

/** Ten times what a step takes on a small machine, or more. */
export const DEADLINE = seconds(10);

let count = 0;

/** A lab name of this test process. */
export const labName = (): string => `t${process.pid}-${++count}`;

export async function networkFor(test: TestContext, nodes: number, name = labName()): Promise<LabNetwork> {
  const network = await createNetwork({ name, nodes });
  test.after(() => network.down());
  return network;
}

export function processesFor(test: TestContext, network: LabNetwork): ProcessTable {
  const processes = new ProcessTable({ logsDir: network.logsDir });
  test.after(() => processes.stopAll());
  return processes;
}

/** One echo request; true if the answer came within `wait` seconds. */
export async function pings(from: Pick<LabHost, 'netns'>, address: string, wait = 5): Promise<boolean> {
  const { code } = await execIn(from.netns, ['ping', '-n', '-q', '-c1', `-W${wait}`, address], {
    timeout: DEADLINE,
  });
  return code === 0;
}

export const namespaces = async (): Promise<readonly string[]> => {
  const { stdout }: ExecResult = await exec(['ip', 'netns', 'list']);
  return stdout.split('\n').map((line) => line.replace(/ .*/, ''));
};
