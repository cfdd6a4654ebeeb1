// The faults that a lab can suffer: a node's silent power-off, a pulled cable, frames that are lost on the way, a killed
// or stalled program. Each is one system call whose time is told, so that what follows can be measured from it.

import { PORT_DISABLED, PORT_FORWARDING, type PortRef, setPortState, setPortUp } from './bridge-port.ts';
import { beginHang, endHang } from './hang.ts';
import { type Injector, LAN_FAULTS, lanFaults, machineOf } from './lan-faults.ts';
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
  'hang-main',
  'heal-main',
  ...LAN_FAULTS,
] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultReport {
  readonly fault: Fault;
  readonly target: string;
  /** process.hrtime.bigint() just before the system call that made the fault. */
  readonly at: bigint;
}

/** Targets: a machine (`node1`, `cp`) for what befalls the LAN, a program (`agent/node1`, `apiserver`) for the others. */
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
  /** The main thread of the program stands still, its other threads do not. */
  hangMain(target: string): Promise<FaultReport>;
  healMain(target: string): Promise<FaultReport>;
  /** The node and the API server lose each other's TCP segments; connections stay open and are silent. */
  isolateApi(node: string): Promise<FaultReport>;
  healApi(node: string): Promise<FaultReport>;
  /** This share of the frames to the node is lost, and of those from it, each at random, ARP too. */
  loss(node: string, percent: number): Promise<FaultReport>;
  healLoss(node: string): Promise<FaultReport>;
  /** Frames of the one do not reach the other; what the other sends does arrive. */
  oneway(from: string, to: string): Promise<FaultReport>;
  healOneway(from: string, to: string): Promise<FaultReport>;
  /** The machine hears nothing, and is heard. */
  deaf(node: string): Promise<FaultReport>;
  healDeaf(node: string): Promise<FaultReport>;
  /** The machine is not heard, and hears. */
  mute(node: string): Promise<FaultReport>;
  healMute(node: string): Promise<FaultReport>;
  /** Machines of different groups lose each other; who is in none stays in touch with all. `node1,cp|node2,node3` */
  partition(groups: string): Promise<FaultReport>;
  healPartition(groups: string): Promise<FaultReport>;
  /** Any of these by its name on the command line; rejects for an unknown name. */
  inject(fault: string, target: string, operand?: string): Promise<FaultReport>;
}

export function createFaults(network: LabNetwork, processes: ProcessTable): Faults {
  const act: Readonly<Record<Fault, Injector>> = {
    ...portFaults(network),
    ...programFaults(processes),
    ...lanFaults(network),
  };
  const run = async (fault: Fault, target: string, operand?: string): Promise<FaultReport> => ({
    fault,
    target,
    at: await act[fault](target, operand),
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
    hangMain: (target) => run('hang-main', target),
    healMain: (target) => run('heal-main', target),
    isolateApi: (node) => run('isolate-api', node),
    healApi: (node) => run('heal-api', node),
    loss: (node, percent) => run('loss', node, String(percent)),
    healLoss: (node) => run('heal-loss', node),
    oneway: (from, to) => run('oneway', from, to),
    healOneway: (from, to) => run('heal-oneway', from, to),
    deaf: (node) => run('deaf', node),
    healDeaf: (node) => run('heal-deaf', node),
    mute: (node) => run('mute', node),
    healMute: (node) => run('heal-mute', node),
    partition: (groups) => run('partition', groups),
    healPartition: (groups) => run('heal-partition', groups),
    inject: async (fault, target, operand) => run(faultNamed(fault), target, operand),
  };
}

type PortFault = 'power-off' | 'power-on' | 'link-down' | 'link-up';

const portFaults = (network: LabNetwork): Readonly<Record<PortFault, Injector>> => ({
  'power-off': (node) => setPortState(portRef(network, node), PORT_DISABLED),
  'power-on': (node) => setPortState(portRef(network, node), PORT_FORWARDING),
  'link-down': (node) => setPortUp(portRef(network, node), false),
  'link-up': (node) => setPortUp(portRef(network, node), true),
});

type ProgramFault = 'kill' | 'term' | 'stall' | 'resume' | 'start' | 'hang-main' | 'heal-main';

const programFaults = (processes: ProcessTable): Readonly<Record<ProgramFault, Injector>> => ({
  kill: async (target) => {
    const at = signal(processes, target, 'SIGKILL');
    await processes.exited(target);
    return at;
  },
  term: (target) => signal(processes, target, 'SIGTERM'),
  stall: (target) => signal(processes, target, 'SIGSTOP'),
  resume: (target) => signal(processes, target, 'SIGCONT'),
  start: (target) => startAgain(processes, target),
  'hang-main': (target) => {
    beginHang(target, processes.get(target)?.env ?? {});
    return signal(processes, target, 'SIGUSR2');
  },
  'heal-main': (target) => {
    const at = process.hrtime.bigint();
    endHang(target, processes.get(target)?.env ?? {});
    return at;
  },
});

function faultNamed(name: string): Fault {
  const fault = FAULTS.find((known) => known === name);
  if (fault !== undefined) return fault;
  throw new Error(`inject fault "${name}": there is no such fault; there are ${FAULTS.join(', ')}`);
}

const portRef = (network: LabNetwork, name: string): PortRef => ({
  netns: network.lanNetns,
  name: portOf(machineOf(network, name)),
});

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
