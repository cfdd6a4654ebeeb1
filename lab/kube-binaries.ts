// The programs of a real control plane: kube-apiserver, kube-controller-manager and kube-proxy from KUBEBUILDER_ASSETS,
// from the cache, or built once from lab/kube, our Go module that wraps their published sources.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildProgress } from './build-progress.ts';
import { cachePath, ensureCached } from './cache.ts';
import { mustExec } from './exec.ts';

export { type EtcdBinary, ensureEtcd } from './etcd-binary.ts';

export const KUBE_PROGRAMS = ['kube-apiserver', 'kube-controller-manager', 'kube-proxy'] as const;

export type KubeBinaries =
  /** `version` as the API server says it, for example `v1.36.3`. */
  | { readonly kind: 'found'; readonly dir: string; readonly version: string }
  | { readonly kind: 'missing'; readonly reason: string };

export interface KubeBinariesOptions {
  /** Called with a line for people at each step of a build, and every few seconds with how far it is. */
  readonly onProgress?: (line: string) => void;
}

const SOURCES = fileURLToPath(new URL('./kube', import.meta.url));
// The second is where Go's own instructions put it, which is often not on root's PATH.
const GO_PROGRAMS = ['go', '/usr/local/go/bin/go'];
const GO_WANTED = [1, 26] as const;
const BUILD_FLAGS = ['-trimpath', '-mod=readonly', '-buildvcs=false'] as const;
const BUILD_ENV = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '', GOWORK: 'off' } as const;

/** Finds the programs or builds them, which takes minutes the first time; never rejects for what a user can mend. */
export async function ensureKubeBinaries(options: KubeBinariesOptions = {}): Promise<KubeBinaries> {
  const assets = process.env.KUBEBUILDER_ASSETS;
  if (assets !== undefined && assets !== '') return inspectAssets(assets);
  if (existsSync(builtDir())) return found(builtDir(), kubernetesVersion());
  const go = findGo();
  if (go.kind === 'missing') return go;
  try {
    await ensureCached({
      path: builtDir(),
      make: (directory) => build(go.program, directory, options),
      onWait: () => options.onProgress?.('waiting for another process that builds kube-apiserver'),
    });
  } catch (error) {
    return {
      kind: 'missing',
      reason: `build of kube-apiserver and the others failed: ${(error as Error).message}`,
    };
  }
  return found(builtDir(), kubernetesVersion());
}

/** Undefined if ensureKubeBinaries can be expected to find or build them, else why not. Builds nothing. */
export function whyNoKubeBinaries(): string | undefined {
  const assets = process.env.KUBEBUILDER_ASSETS;
  if (assets !== undefined && assets !== '') return whatAssetsLack(assets);
  if (existsSync(builtDir())) return undefined;
  const go = findGo();
  return go.kind === 'missing' ? go.reason : undefined;
}

const found = (dir: string, version: string): KubeBinaries => ({ kind: 'found', dir, version });

async function inspectAssets(dir: string): Promise<KubeBinaries> {
  const reason = whatAssetsLack(dir);
  return reason === undefined ? found(dir, await versionOf(dir)) : { kind: 'missing', reason };
}

function whatAssetsLack(dir: string): string | undefined {
  const lacking = KUBE_PROGRAMS.filter((program) => !existsSync(join(dir, program)));
  return lacking.length === 0 ? undefined : `KUBEBUILDER_ASSETS=${dir} lacks ${lacking.join(', ')}`;
}

async function versionOf(dir: string): Promise<string> {
  const said = await mustExec([join(dir, 'kube-apiserver'), '--version']);
  return said.trim().replace(/^Kubernetes /, '');
}

type Go =
  | { readonly kind: 'found'; readonly program: string }
  | { readonly kind: 'missing'; readonly reason: string };

/** The first of these programs that is a Go new enough. */
export function findGo(programs: readonly string[] = GO_PROGRAMS): Go {
  let present = '';
  for (const program of programs) {
    const version = goVersion(program);
    if (version === undefined) continue;
    const [, major, minor] = /^go(\d+)\.(\d+)/.exec(version) ?? [];
    if (Number(major) > GO_WANTED[0] || (Number(major) === GO_WANTED[0] && Number(minor) >= GO_WANTED[1]))
      return { kind: 'found', program };
    present = ` (here is ${version})`;
  }
  const want = `install Go ${GO_WANTED.join('.')} or newer from https://go.dev/dl/${present}, from which the lab builds a real kube-apiserver`;
  return {
    kind: 'missing',
    reason: `${want}, or set KUBEBUILDER_ASSETS to a directory with ${KUBE_PROGRAMS.join(', ')}`,
  };
}

/** `go1.26.8`, or undefined if there is no such program or it does not run. */
function goVersion(program: string): string | undefined {
  const { error, status, stdout } = spawnSync(program, ['env', 'GOVERSION'], {
    cwd: '/',
    env: { ...process.env, ...BUILD_ENV },
  });
  return error === undefined && status === 0 ? stdout.toString().trim() : undefined;
}

/** Named after the version and everything that goes into the build, so that another recipe is another entry. */
function builtDir(): string {
  const hash = createHash('sha256').update(JSON.stringify([process.arch, BUILD_FLAGS]));
  const files = readdirSync(SOURCES, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
    hash.update(path.slice(SOURCES.length)).update('\0').update(readFileSync(path)).update('\0');
  }
  return cachePath('kube', `${kubernetesVersion()}-${hash.digest('hex').slice(0, 12)}`);
}

function kubernetesVersion(): string {
  const version = /^\s+k8s\.io\/kubernetes (v\S+)$/m.exec(readFileSync(join(SOURCES, 'go.mod'), 'utf8'))?.[1];
  if (version === undefined) throw new Error('read lab/kube/go.mod: want a line "k8s.io/kubernetes vX.Y.Z"');
  return version;
}

async function build(go: string, directory: string, options: KubeBinariesOptions): Promise<void> {
  const progress = new BuildProgress(options.onProgress);
  progress.say(`fetching the sources of Kubernetes ${kubernetesVersion()}`);
  const inSources = { cwd: SOURCES, env: BUILD_ENV };
  // What is in Go's build cache already is not stale, and is not compiled.
  const toCompile = [
    go,
    'list',
    '-deps',
    '-f',
    '{{if .Stale}}{{.ImportPath}}{{end}}',
    ...BUILD_FLAGS,
    './cmd/...',
  ];
  const stale = await mustExec(toCompile, { ...inSources, onErrorLine: () => progress.fetched() });
  progress.startCompiling(stale.split('\n').filter((line) => line !== '').length);
  const link = `-s -w -X k8s.io/component-base/version.gitVersion=${kubernetesVersion()}`;
  const argv = [go, 'build', '-v', ...BUILD_FLAGS, '-ldflags', link, '-o', `${directory}/`, './cmd/...'];
  // `go build -v` names each package that it compiles; the linking of the programs comes last.
  await mustExec(argv, { ...inSources, onErrorLine: () => progress.compiled() });
  const version = await versionOf(directory);
  if (version !== kubernetesVersion())
    throw new Error(`built kube-apiserver says "${version}": want "${kubernetesVersion()}"`);
}
