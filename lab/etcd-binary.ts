// The lab's etcd. kube-apiserver 1.36 wants watch progress requests, which etcd has since 3.5; where Debian's own is
// older, the package of the next Debian release is unpacked into the cache, without touching the system.

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { minutes } from '../src/time/duration.ts';
import { cachePath, ensureCached } from './cache.ts';
import { mustExec } from './exec.ts';

export type EtcdBinary =
  /** `note` says why it is not 3.5 or newer, if it is not. */
  | {
      readonly kind: 'found';
      readonly path: string;
      readonly version: string;
      readonly source: 'system' | 'newer Debian';
      readonly note?: string;
    }
  | { readonly kind: 'missing'; readonly reason: string };

const NEWER_SUITE = 'trixie';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const APT_TIMEOUT = minutes(3);
const RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

/** Prefers an etcd of 3.5 or newer: the system's own, then Debian's next one; then whatever the system has. */
export async function ensureEtcd(): Promise<EtcdBinary> {
  const own = await versionOf('etcd');
  if (own !== undefined && isRecent(own))
    return { kind: 'found', path: 'etcd', version: own, source: 'system' };
  const newer = await newerEtcd();
  if (newer.kind === 'found') return newer;
  if (own === undefined)
    return { kind: 'missing', reason: `install the Debian package etcd-server (${newer.reason})` };
  return { kind: 'found', path: 'etcd', version: own, source: 'system', note: newer.reason };
}

/** True if an etcd of a newer suite was fetched before. */
export const isNewerEtcdCached = (): boolean => existsSync(newerEtcdPath());

/** What the program says of itself, for example `3.5.16`; undefined if it does not run. */
async function versionOf(program: string): Promise<string | undefined> {
  try {
    return /etcd Version: (\S+)/.exec(await mustExec([program, '--version'], { timeout: minutes(1) }))?.[1];
  } catch {
    return undefined; // Not there, or not for this libc: the caller has another or tells what to install.
  }
}

function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 3 || (major === 3 && minor >= 5);
}

async function newerEtcd(): Promise<EtcdBinary> {
  const path = newerEtcdPath();
  if (!existsSync(path)) {
    const reason = await whyNotFetched(path);
    if (reason !== undefined) return { kind: 'missing', reason: `etcd of Debian ${NEWER_SUITE}: ${reason}` };
  }
  const program = join(path, 'etcd');
  const version = await versionOf(program);
  if (version === undefined) return { kind: 'missing', reason: `${program} does not run on this machine` };
  return { kind: 'found', path: program, version, source: 'newer Debian' };
}

/** Fetches it; undefined if that went well. An attempt that failed is not made again for a day: it can take minutes. */
async function whyNotFetched(path: string): Promise<string | undefined> {
  const failure = cachePath('etcd', `${NEWER_SUITE}.failed`);
  if (failedLately(failure)) return `could not be had lately (${failure})`;
  const mirror = await debianMirror();
  if (mirror === undefined)
    return 'the apt sources of this machine name no Debian mirror, or apt-get update never ran';
  try {
    await ensureCached({ path, make: (directory) => fetchEtcd(mirror, directory) });
    return undefined;
  } catch (error) {
    writeFileSync(failure, `${String(error)}\n`);
    return (error as Error).message;
  }
}

const newerEtcdPath = (): string => cachePath('etcd', NEWER_SUITE);

const failedLately = (file: string): boolean =>
  existsSync(file) && Date.now() - statSync(file).mtimeMs < RETRY_AFTER_MS;

/** Puts `etcd` of the newer suite into the directory; apt checks the signatures as it does for the system. */
async function fetchEtcd(mirror: string, directory: string): Promise<void> {
  const work = join(directory, 'apt');
  for (const sub of ['lists/partial', 'archives/partial', 'unpacked'])
    mkdirSync(join(work, sub), { recursive: true });
  writeFileSync(join(work, 'sources.list'), `deb [signed-by=${KEYRING}] ${mirror} ${NEWER_SUITE} main\n`);
  writeFileSync(join(work, 'apt.conf'), aptConfiguration(work));
  const apt = ['apt-get', '-q', '-c', join(work, 'apt.conf')];
  await mustExec([...apt, 'update', '--error-on=any'], { timeout: APT_TIMEOUT });
  await mustExec([...apt, 'download', 'etcd-server'], { cwd: work, timeout: APT_TIMEOUT });
  const archive = readdirSync(work).find((name) => name.endsWith('.deb'));
  if (archive === undefined) throw new Error('download etcd-server: apt-get left no package');
  await mustExec(['dpkg', '-x', join(work, archive), join(work, 'unpacked')]);
  copyFileSync(join(work, 'unpacked/usr/bin/etcd'), join(directory, 'etcd'));
  rmSync(work, { recursive: true });
}

/** The mirror that this machine's own apt sources name for Debian's main component, if they do. */
async function debianMirror(): Promise<string | undefined> {
  const format = '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)';
  try {
    const targets = await mustExec(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages']);
    return /^Debian\|Debian\|main\|(\S+)$/m.exec(targets)?.[1];
  } catch {
    return undefined; // No apt here: the same as none that names a mirror.
  }
}

/** Lists, cache and sources of its own; proxies and the like stay the machine's. */
const aptConfiguration = (work: string): string => `
Dir::Etc::sourcelist "${work}/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "${work}/lists";
Dir::Cache "${work}";
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::http::Timeout "15";
Acquire::https::Timeout "15";
APT::Sandbox::User "root";
`;
