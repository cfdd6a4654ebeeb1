// The folders of src/ and what each may use, as data: the picture of the layers in CONTRIBUTING.md, row by row.

export interface Folder {
  /** `pure` imports nothing that can touch the world; `edge` touches it; `shell` joins the two; `root` constructs. */
  readonly kind: 'pure' | 'edge' | 'shell' | 'root';
  /** Folders it may name besides itself. */
  readonly below: readonly string[];
  readonly packages: readonly string[];
  /** Modules of Node; `*` is any. */
  readonly builtins: readonly string[];
}

const GROUND = ['net', 'bytes', 'time'];
const DECISIONS = [...GROUND, 'election', 'ipam', 'resource', 'protocol'];
const PLANNED = [...DECISIONS, 'plan'];
const EDGES = [...PLANNED, 'kube', 'host'];
const DRIVERS = [...EDGES, 'announce', 'acquire', 'observe'];
const PROGRAMS = ['cloudprovider', 'agent', 'wire-worker', 'cli'];

const pure = (below: readonly string[]): Folder => ({
  kind: 'pure',
  below,
  packages: ['ipaddr.js'],
  builtins: [],
});

export const FOLDERS: Readonly<Record<string, Folder>> = {
  bytes: pure([]),
  net: pure([]),
  time: pure([]),
  protocol: pure(GROUND),
  // A VirtualIP carries the ownership record that elections are decided by.
  resource: pure([...GROUND, 'election']),
  ipam: pure(GROUND),
  election: pure(GROUND),
  plan: pure(DECISIONS),
  host: {
    kind: 'edge',
    below: PLANNED,
    packages: ['koffi'],
    builtins: [
      'net',
      'dgram',
      'fs',
      'fs/promises',
      'child_process',
      'os',
      'path',
      'crypto',
      'tls',
      'http',
      'process',
    ],
  },
  kube: {
    kind: 'edge',
    below: PLANNED,
    // yaml: the agent reads a kubeconfig without the Kubernetes client.
    packages: ['@kubernetes/client-node', 'yaml'],
    // What its one pool of connections needs: certificates and tokens from files, HTTP over TLS, random jitter.
    builtins: [
      'tls',
      'http',
      'https',
      'net',
      'stream',
      'zlib',
      'fs',
      'fs/promises',
      'path',
      'os',
      'crypto',
      'timers/promises',
    ],
  },
  announce: { kind: 'shell', below: EDGES, packages: [], builtins: [] },
  acquire: { kind: 'shell', below: EDGES, packages: [], builtins: [] },
  observe: {
    kind: 'shell',
    below: EDGES,
    packages: ['pino', 'pino-pretty', 'prom-client'],
    // health.ts serves /healthz, /readyz and /metrics.
    builtins: ['http', 'net'],
  },
  cloudprovider: { kind: 'shell', below: DRIVERS, packages: [], builtins: [] },
  // The agent's main thread and the wire worker are one program: client.ts and messages.ts are how they talk.
  agent: { kind: 'shell', below: [...DRIVERS, 'wire-worker'], packages: [], builtins: [] },
  'wire-worker': { kind: 'shell', below: DRIVERS, packages: [], builtins: ['worker_threads'] },
  cli: { kind: 'shell', below: DRIVERS, packages: ['commander', 'yaml'], builtins: [] },
  bin: { kind: 'root', below: [...DRIVERS, ...PROGRAMS], packages: ['commander'], builtins: ['*'] },
};

/** What the folders of one level have in common: the contract of all machines. */
export const COMMON: readonly string[] = ['src/protocol/machine.ts'];

/**
 * Files that construct the real edges although they are in a shell: the second thread has no other place to do it.
 */
export const COMPOSITION_ROOTS: readonly string[] = ['src/wire-worker/entry.ts'];

/**
 * Files of the edges that shells may import as values: they are data, and a rule sees to it that they stay so.
 */
export const EDGE_DATA: readonly string[] = ['src/kube/kinds.ts', 'src/kube/api-error.ts'];

/** The folder of src/ that a path is in; undefined outside of src/. */
export function folderOf(path: string): string | undefined {
  const [top, folder, ...rest] = path.split('/');
  return top === 'src' && rest.length > 0 ? folder : undefined;
}

export const isPure = (path: string): boolean => FOLDERS[folderOf(path) ?? '']?.kind === 'pure';
export const isShell = (path: string): boolean => FOLDERS[folderOf(path) ?? '']?.kind === 'shell';
export const isEdge = (path: string): boolean => FOLDERS[folderOf(path) ?? '']?.kind === 'edge';
