// keepalived (VRRPv3, RFC 5798) on the nodes of a lab: the peer that failover is compared with. Debian's package, with
// addresses that it adds to the nodes' own kernels.

import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../lab/cluster.ts';
import type { LabNode } from '../lab/network.ts';
import { hrNow } from '../lab/witness.ts';
import { type Duration, milliseconds } from '../src/time/duration.ts';

export interface KeepalivedOptions {
  readonly nodes: readonly LabNode[];
  readonly addresses: readonly string[];
  /** Between advertisements; a master is given up after three of them. */
  readonly interval: Duration;
}

/** An advertisement lists no more (RFC 5798 section 5.2.5 counts them in a byte); the others go without saying. */
const LISTED = 20;
const HIGHEST = 150;
const STEP = 10;

export const keepalivedOn = (node: string): string => `keepalived/${node}`;

/** Starts one on each node; who is master is for them to settle. */
export async function startKeepalived(lab: Lab, options: KeepalivedOptions): Promise<void> {
  await Promise.all(
    options.nodes.map(async (node, index) => {
      const base = baseOf(lab, node.name);
      await writeFile(`${base}.conf`, configuration(options, HIGHEST - index * STEP));
      // VRRP alone, in the foreground. Without details: a line for each of a thousand announcements makes it late for its
      // own advertisements.
      const how = ['-P', '-n', '-l'];
      const [parent, child] = pidFilesOf(lab, node.name);
      const files = ['-f', `${base}.conf`, '-p', parent, '-r', child];
      const argv = ['keepalived', ...how, ...files];
      await lab.processes.start({ target: keepalivedOn(node.name), netns: node.netns, argv });
    }),
  );
}

const baseOf = (lab: Lab, node: string): string => join(lab.network.stateDir, `keepalived-${node}`);

const pidFilesOf = (lab: Lab, node: string): readonly [parent: string, child: string] => [
  `${baseOf(lab, node)}.pid`,
  `${baseOf(lab, node)}.vrrp.pid`,
];

const configuration = ({ addresses, interval }: KeepalivedOptions, priority: number): string => `
global_defs {
  vrrp_version 3
  vrrp_garp_master_delay 0
  vrrp_garp_master_repeat 2
  script_user root
}
vrrp_instance bench {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int ${interval / 1000}
  nopreempt
  virtual_ipaddress {
${entries(addresses.slice(0, LISTED))}
  }
  virtual_ipaddress_excluded {
${entries(addresses.slice(LISTED))}
  }
}
`;

const entries = (addresses: readonly string[]): string =>
  addresses.map((address) => `    ${address}/32 dev eth0`).join('\n');

/** The pid of the process that speaks VRRP, which the one that the lab started watches over. */
function speakerOf(lab: Lab, node: string): number {
  const parent = lab.processes.get(keepalivedOn(node));
  if (parent === undefined || parent.exit !== undefined)
    throw new Error(`find keepalived on ${node}: it does not run, want it running`);
  const [child] = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'latin1').trim().split(' ');
  if (child === undefined || child === '') throw new Error(`find keepalived on ${node}: it has no child`);
  return Number(child);
}

/** SIGKILL of both processes, so that nothing is said and nothing starts again; resolves with the moment. */
export async function killKeepalived(lab: Lab, node: string): Promise<Duration> {
  const speaker = speakerOf(lab, node);
  lab.processes.signal(keepalivedOn(node), 'SIGSTOP');
  const at = hrNow();
  process.kill(speaker, 'SIGKILL');
  lab.processes.signal(keepalivedOn(node), 'SIGKILL');
  await lab.processes.exited(keepalivedOn(node));
  // While the child is a zombie of whom init has not heard yet, the next one would take it for one that runs, and end.
  await Promise.all(pidFilesOf(lab, node).map((file) => rm(file, { force: true })));
  return at;
}

/** SIGSTOP of both; returns the moment. */
export function stallKeepalived(lab: Lab, node: string): Duration {
  const speaker = speakerOf(lab, node);
  const at = hrNow();
  process.kill(speaker, 'SIGSTOP');
  lab.processes.signal(keepalivedOn(node), 'SIGSTOP');
  return at;
}

export function resumeKeepalived(lab: Lab, node: string): void {
  const speaker = speakerOf(lab, node);
  lab.processes.signal(keepalivedOn(node), 'SIGCONT');
  process.kill(speaker, 'SIGCONT');
}

export const KEEPALIVED_INTERVAL = milliseconds(100);
