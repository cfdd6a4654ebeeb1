// What `lab up --json` and `lab status --json` say about a running lab: all that kubectl, curl and any outside test
// need to drive it with `ip netns exec`.

import type { Lab } from './cluster.ts';
import { PORTS } from './installation.ts';
import type { LabHost } from './network.ts';
import type { LabProcess } from './process-table.ts';

export interface LabDescription {
  readonly name: string;
  /** Of the administrator; its server is reachable from every namespace of the lab. */
  readonly kubeconfig: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly netns: string;
    readonly ip: string;
    readonly ip6: string;
    readonly mac: string;
  }[];
  readonly client: { readonly netns: string; readonly ip: string; readonly ip6: string };
  readonly router: { readonly netns: string; readonly ip: string; readonly ip6: string };
  readonly controlPlane: { readonly netns: string; readonly ip: string };
  readonly agents: readonly ProgramDescription[];
  readonly controllers: readonly ProgramDescription[];
  /** Directory of the logs of all programs. */
  readonly logs: string;
}

/** A program of Fairlead's in the lab. */
export interface ProgramDescription {
  /** What `lab fault` and `lab logs` call it. */
  readonly target: string;
  readonly netns: string;
  readonly pid: number;
  readonly state: LabProcess['state'];
  /** Where it serves /healthz, /readyz and /metrics, seen from the lab's LAN. */
  readonly url: string;
  readonly log: string;
}

export function describeLab(lab: Lab): LabDescription {
  const { network, processes } = lab;
  const place = ({ netns, ip, ip6 }: LabHost): LabDescription['client'] => ({ netns, ip, ip6 });
  const programs = (prefix: string, urlOf: (target: string) => string): readonly ProgramDescription[] =>
    processes
      .list()
      .filter(({ target }) => target.startsWith(prefix))
      .map((program) => describeProgram(program, urlOf(program.target)));
  const nodeIp = (target: string): string =>
    network.nodes.find((node) => target === `agent/${node.name}`)?.ip ?? '';
  return {
    name: network.name,
    kubeconfig: lab.kubeconfig,
    nodes: network.nodes.map((node) => ({ name: node.name, ...place(node), mac: node.mac })),
    client: place(network.client),
    router: place(network.router),
    controlPlane: { netns: network.controlPlane.netns, ip: network.controlPlane.ip },
    agents: programs('agent/', (target) => `http://${nodeIp(target)}:${PORTS.agent}`),
    controllers: programs(
      'controller/',
      (target) => `http://${network.controlPlane.ip}:${controllerPort(target)}`,
    ),
    logs: network.logsDir,
  };
}

const controllerPort = (target: string): number =>
  PORTS.controller + Number(target.replace('controller/', ''));

const describeProgram = (program: LabProcess, url: string): ProgramDescription => ({
  target: program.target,
  netns: program.netns ?? '',
  pid: program.pid,
  state: program.state,
  url,
  log: program.logFile,
});
