// Faults: that each does what it says, and that its time is that of the system call.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createFaults, type FaultReport, type Faults } from '../../lab/faults.ts';
import { execIn } from '../../lab/netns.ts';
import type { LabNetwork } from '../../lab/network.ts';
import type { ProcessTable } from '../../lab/process-table.ts';
import { waitFor } from '../../lab/wait.ts';
import { requirement } from '../requirements.ts';
import { DEADLINE, networkFor, pings, processesFor } from './bed.ts';

const needs = requirement('lab');

interface Bed {
  readonly network: LabNetwork;
  readonly processes: ProcessTable;
  readonly faults: Faults;
}

const sleeper = { target: 'agent/node1', argv: ['sleep', '600'] };

async function bedFor(t: Parameters<typeof networkFor>[0]): Promise<Bed> {
  const network = await networkFor(t, 2);
  const processes = processesFor(t, network);
  return { network, processes, faults: createFaults(network, processes) };
}

const flagsOf = async (network: LabNetwork, node: string): Promise<readonly string[]> => {
  const { stdout } = await execIn(`fl-${network.name}-${node}`, ['ip', '-j', 'link', 'show', 'eth0']);
  return (JSON.parse(stdout) as { flags: string[] }[])[0]?.flags ?? [];
};

const stateOf = (pid: number): string | undefined =>
  /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];

test('power-off loses all frames while the carrier stays up; power-on undoes it', needs, async (t) => {
  const { network, faults } = await bedFor(t);
  const node = { netns: `fl-${network.name}-node1` };
  assert.equal(await pings(network.client, '10.77.0.11'), true);
  const before = process.hrtime.bigint();
  const report = await faults.powerOff('node1');
  assert.ok(before < report.at && report.at < process.hrtime.bigint());
  assert.deepEqual([report.fault, report.target], ['power-off', 'node1']);
  const flags = await flagsOf(network, 'node1');
  assert.ok(flags.includes('LOWER_UP') && !flags.includes('NO-CARRIER'), flags.join());
  const [to, from, to6, others] = await Promise.all([
    pings(network.client, '10.77.0.11', 1),
    pings(node, '10.77.0.100', 1),
    pings(network.client, 'fd77:0:0:1::b', 1),
    pings(network.client, '10.77.0.12'),
  ]);
  assert.deepEqual({ to, from, to6, others }, { to: false, from: false, to6: false, others: true });
  await faults.powerOn('node1');
  assert.equal(await pings(network.client, '10.77.0.11'), true);
  assert.equal(await pings(node, 'fd77:0:0:1::64'), true);
});

test('link-down takes the carrier away; link-up gives it back', needs, async (t) => {
  const { network, faults } = await bedFor(t);
  await faults.linkDown('node1');
  assert.ok((await flagsOf(network, 'node1')).includes('NO-CARRIER'));
  assert.ok((await flagsOf(network, 'node2')).includes('LOWER_UP'));
  await faults.linkUp('node1');
  assert.ok((await flagsOf(network, 'node1')).includes('LOWER_UP'));
  assert.equal(await pings(network.client, '10.77.0.11'), true);
});

test('kill ends a program, start runs it again', needs, async (t) => {
  const { processes, faults } = await bedFor(t);
  const first = await processes.start(sleeper);
  await faults.kill('agent/node1');
  assert.equal(processes.get('agent/node1')?.exit?.signal, 'SIGKILL');
  await assert.rejects(faults.kill('agent/node1'), /it has ended/);
  await faults.start('agent/node1');
  const second = processes.get('agent/node1');
  assert.equal(second?.state, 'Running');
  assert.notEqual(second?.pid, first.pid);
  await assert.rejects(faults.start('agent/node1'), /it is running already/);
});

test('term asks a program to end', needs, async (t) => {
  const { processes, faults } = await bedFor(t);
  await processes.start(sleeper);
  await faults.term('agent/node1');
  assert.equal((await processes.exited('agent/node1')).signal, 'SIGTERM');
});

test('stall stops a program where it is, resume lets it go on', needs, async (t) => {
  const { processes, faults } = await bedFor(t);
  const { pid } = await processes.start(sleeper);
  await faults.stall('agent/node1');
  assert.equal(processes.get('agent/node1')?.state, 'Stalled');
  await waitFor('the program to stop', () => stateOf(pid) === 'T', DEADLINE);
  await faults.resume('agent/node1');
  await waitFor('the program to go on', () => stateOf(pid) !== 'T', DEADLINE);
  assert.equal(processes.get('agent/node1')?.state, 'Running');
});

test('an unknown fault, node or program is an error that lists what there is', needs, async (t) => {
  const { processes, faults } = await bedFor(t);
  await processes.start(sleeper);
  const attempt = (fault: string, target: string): Promise<FaultReport> => faults.inject(fault, target);
  await assert.rejects(
    attempt('explode', 'node1'),
    /no such fault; there are power-off, power-on, .*start, hang-main, heal-main, .*heal-partition$/,
  );
  await assert.rejects(
    attempt('power-off', 'node9'),
    /there is none; there are node1, node2, cp, router, client$/,
  );
  await assert.rejects(attempt('kill', 'agent/node9'), /there is none; there are agent\/node1$/);
  assert.equal((await attempt('stall', 'agent/node1')).fault, 'stall');
});
