// The faults that a lab can suffer: a node's silent power-off, a pulled cable, a killed or stalled program. Each is one
// system call whose time is told, so that what follows can be measured from it.

import { PORT_DISABLED, PORT_FORWARDING, type PortRef, setPortState, setPortUp } from './bridge-port.ts';
import { type LabNetwork, portOf } from './network.ts';
import type { LabSignal, ProcessTable } from './process-table.ts';

export const FAULTS = [
  'power-off',
  'power-on',
  'link-down',
  'link-up',
  'kill',
  'term',
  'stall',
  'resume',
  'start',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultReport {
  readonly fault: Fault;
  readonly target: string;
  /** process.hrtime.bigint() just before the system call that made the fault. */
  readonly at: bigint;
}

/** Targets: a machine (`node1`, `cp`) for power and link, a program (`agent/node1`, `apiserver`) for the others. */
export interface Faults {
  /** The machine's port of the LAN loses all frames; its carrier stays up and nothing in the machine notices. */
  powerOff(node: string): Promise<FaultReport>;
  powerOn(node: string): Promise<FaultReport>;
  /** The cable is pulled: the node's eth0 has no carrier. */
  linkDown(node: string): Promise<FaultReport>;
  linkUp(node: string): Promise<FaultReport>;
  /** SIGKILL; resolves when the program is gone. */
  kill(target: string): Promise<FaultReport>;
  /** SIGTERM; does not wait for the end. */
  term(target: string): Promise<FaultReport>;
  /** SIGSTOP. */
  stall(target: string): Promise<FaultReport>;
  /** SIGCONT. */
  resume(target: string): Promise<FaultReport>;
  /** Starts a program that has ended, as it was started first. */
  start(target: string): Promise<FaultReport>;
  /** Any of these by its name on the command line; rejects for an unknown name. */
  inject(fault: string, target: string): Promise<FaultReport>;
}

export function createFaults(network: LabNetwork, processes: ProcessTable): Faults {
  const act: Readonly<Record<Fault, (target: string) => bigint | Promise<bigint>>> = {
    'power-off': (node) => setPortState(portRef(network, node), PORT_DISABLED),
    'power-on': (node) => setPortState(portRef(network, node), PORT_FORWARDING),
    'link-down': (node) => setPortUp(portRef(network, node), false),
    'link-up': (node) => setPortUp(portRef(network, node), true),
    kill: async (target) => {
      const at = signal(processes, target, 'SIGKILL');
      await processes.exited(target);
      return at;
    },
    term: (target) => signal(processes, target, 'SIGTERM'),
    stall: (target) => signal(processes, target, 'SIGSTOP'),
    resume: (target) => signal(processes, target, 'SIGCONT'),
    start: (target) => startAgain(processes, target),
  };
  const run = async (fault: Fault, target: string): Promise<FaultReport> => ({
    fault,
    target,
    at: await act[fault](target),
  });
  return {
    powerOff: (node) => run('power-off', node),
    powerOn: (node) => run('power-on', node),
    linkDown: (node) => run('link-down', node),
    linkUp: (node) => run('link-up', node),
    kill: (target) => run('kill', target),
    term: (target) => run('term', target),
    stall: (target) => run('stall', target),
    resume: (target) => run('resume', target),
    start: (target) => run('start', target),
    inject: async (fault, target) => run(faultNamed(fault), target),
  };
}

function faultNamed(name: string): Fault {
  const fault = FAULTS.find((known) => known === name);
  if (fault !== undefined) return fault;
  throw new Error(`inject fault "${name}": there is no such fault; there are ${FAULTS.join(', ')}`);
}

function portRef(network: LabNetwork, name: string): PortRef {
  const machines = [...network.nodes, network.controlPlane, network.router, network.client];
  const machine = machines.find((candidate) => candidate.name === name);
  if (machine !== undefined) return { netns: network.lanNetns, name: portOf(machine) };
  throw new Error(
    `find machine "${name}": there is none; there are ${machines.map((each) => each.name).join(', ')}`,
  );
}

function signal(processes: ProcessTable, target: string, name: LabSignal): bigint {
  const at = process.hrtime.bigint();
  processes.signal(target, name);
  return at;
}

async function startAgain(processes: ProcessTable, target: string): Promise<bigint> {
  if (processes.get(target)?.exit === undefined && processes.get(target) !== undefined) {
    throw new Error(`start "${target}": it is running already`);
  }
  const at = process.hrtime.bigint();
  await processes.restart(target);
  return at;
}
