// What a test needs of the machine. Where something lacks, the test is skipped and says so, unless FAIRLEAD_LAB=required
// says that everything must run: then it fails.
//
//   test('two nodes', requirement('lab'), async () => { ... });

import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isNewerEtcdCached } from '../lab/etcd-binary.ts';
import { whyNoKubeBinaries } from '../lab/kube-binaries.ts';

/** `lab`: root and network namespaces; `cluster`: that, etcd and a real Kubernetes; `program:NAME`: a program on the PATH. */
export type Need = 'root' | 'ip' | 'etcd' | 'kube' | 'lab' | 'cluster' | `program:${string}`;

export interface Requirement {
  readonly skip: string | false;
}

/** Options for node:test: run, or skip with the reason. Throws instead of skipping under FAIRLEAD_LAB=required. */
export function requirement(...needs: readonly Need[]): Requirement {
  const lacking = needs.map(whyNot).filter((reason) => reason !== undefined);
  if (lacking.length === 0) return { skip: false };
  const reason = [...new Set(lacking)].join('; ');
  if (process.env.FAIRLEAD_LAB === 'required')
    throw new Error(`FAIRLEAD_LAB=required, but this test cannot run here: ${reason}`);
  return { skip: reason };
}

function whyNot(need: Need): string | undefined {
  switch (need) {
    case 'root':
      return mayMakeNamespaces() ? undefined : 'needs root with CAP_SYS_ADMIN and CAP_NET_ADMIN';
    case 'ip':
      return lacksProgram('ip') ?? lacksProgram('setpriv');
    case 'etcd':
      return isNewerEtcdCached() ? undefined : lacksProgram('etcd');
    case 'kube':
      return whyNoKubeBinaries();
    case 'lab':
      return firstOf(['root', 'ip', 'program:ping', 'program:curl']);
    case 'cluster':
      return firstOf(['lab', 'etcd', 'kube', 'program:nft', 'program:unzip']);
    default:
      return lacksProgram(need.slice('program:'.length));
  }
}

function firstOf(needs: readonly Need[]): string | undefined {
  for (const need of needs) {
    const reason = whyNot(need);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

// capability.h: CAP_NET_ADMIN is bit 12, CAP_SYS_ADMIN bit 21. Root in a container often has neither.
function mayMakeNamespaces(): boolean {
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  const wanted = (1n << 12n) | (1n << 21n);
  return process.geteuid?.() === 0 && (BigInt(`0x${effective}`) & wanted) === wanted;
}

function lacksProgram(name: string): string | undefined {
  const directories = (process.env.PATH ?? '').split(':').filter((directory) => directory !== '');
  return directories.some((directory) => isExecutable(join(directory, name)))
    ? undefined
    : `needs the program ${name} (lab/setup installs it)`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Not there or not for us: the caller tells what is needed.
  }
}
