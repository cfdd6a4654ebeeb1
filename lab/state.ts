// Which labs exist on this machine, and whose they are: /run/fairlead-lab/NAME/ with the supervisor's pid, the
// namespaces it made and the logs of its processes. A lab whose supervisor is dead is cleaned by the next claim, at once
// if that is of its own name.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { minutes } from '../src/time/duration.ts';
import { mustExec } from './exec.ts';
import { withLock } from './lock.ts';
import { namespacePath } from './netns.ts';
import { isRunning, killProcessesIn, type ProcessId, processIdOf } from './processes.ts';

const ROOT = '/run/fairlead-lab';
const FORGOTTEN_AFTER = minutes(10);

/** One lab as `listLabs` sees it. */
export interface LabSummary {
  readonly name: string;
  readonly stateDir: string;
  readonly isAlive: boolean;
  /** The supervisor's pid; of a dead lab, what it was. */
  readonly pid: number | undefined;
}

/** A lab name that belongs to this process until `release`. */
export interface LabClaim {
  readonly name: string;
  readonly stateDir: string;
  readonly logsDir: string;
  /** Makes network namespaces that belong to the lab: they go with it. */
  addNamespaces(names: readonly string[]): Promise<void>;
  /** Kills what still runs in the lab's namespaces, deletes them and the state (with `keepLogs`, all but the logs). */
  release(options?: ReleaseOptions): Promise<void>;
}

export interface ReleaseOptions {
  readonly keepLogs?: boolean;
}

export const stateDirOf = (name: string): string => join(ROOT, name);
const pidFileOf = (name: string): string => join(stateDirOf(name), 'supervisor.pid');
const namespacesOf = (name: string): string => join(stateDirOf(name), 'namespaces');

/**
 * Takes the name for this process: cleans up after a dead lab of that name, refuses a living one. To claim a name that
 * this process already has gives the same claim again.
 */
export async function claimLab(name: string): Promise<LabClaim> {
  if (!/^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$/.test(name)) {
    throw new Error(`claim lab "${name}": want a name of 1 to 20 lower-case letters, digits and dashes`);
  }
  await withStateLock(async () => {
    const owner = readOwner(name);
    if (isOurs(owner)) return;
    if (owner !== undefined && isRunning(owner)) {
      throw new Error(
        `claim lab "${name}": it is running (pid ${owner.pid}); stop it first or take another name`,
      );
    }
    await clean(name);
    await cleanForgotten();
    const self = processIdOf(process.pid);
    if (self === undefined)
      throw new Error(`claim lab "${name}": /proc/${process.pid}/stat tells no start time`);
    mkdirSync(namespacesOf(name), { recursive: true });
    mkdirSync(join(stateDirOf(name), 'logs'));
    writeFileSync(pidFileOf(name), `${self.pid} ${self.startTime}\n`);
  });
  return claimOf(name);
}

const claimOf = (name: string): LabClaim => ({
  name,
  stateDir: stateDirOf(name),
  logsDir: join(stateDirOf(name), 'logs'),
  addNamespaces: (names) => withStateLock(() => addNamespaces(name, names)),
  release: (options) =>
    withStateLock(async () => {
      if (isOurs(readOwner(name))) await clean(name, options);
    }),
});

/** All labs that left something on this machine, dead or alive. */
export function listLabs(): readonly LabSummary[] {
  if (!existsSync(ROOT)) return [];
  const directories = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return directories.map(({ name }) => {
    const owner = readOwner(name);
    return {
      name,
      stateDir: stateDirOf(name),
      isAlive: owner !== undefined && isRunning(owner),
      pid: owner?.pid,
    };
  });
}

function withStateLock<T>(action: () => Promise<T>): Promise<T> {
  mkdirSync(ROOT, { recursive: true });
  return withLock(join(ROOT, '.lock'), action);
}

/** Undefined if nobody has the name: it is free, or only logs of it were kept. */
function readOwner(name: string): ProcessId | undefined {
  if (!existsSync(pidFileOf(name))) return undefined;
  const match = /^(\d+) (\d+)\n$/.exec(readFileSync(pidFileOf(name), 'latin1'));
  return match === null ? undefined : { pid: Number(match[1]), startTime: match[2] ?? '' };
}

const isOurs = (owner: ProcessId | undefined): boolean => owner?.pid === process.pid && isRunning(owner);

/**
 * Other dead labs go too, as a lab with a name of its own (a test's) is never claimed again; but not one that began
 * lately: whoever ran it may be looking at its logs.
 */
async function cleanForgotten(): Promise<void> {
  const isForgotten = (lab: LabSummary): boolean =>
    lab.pid !== undefined &&
    !lab.isAlive &&
    Date.now() - statSync(pidFileOf(lab.name)).mtimeMs > FORGOTTEN_AFTER;
  for (const { name } of listLabs().filter(isForgotten)) await clean(name);
}

/** Notes them before it makes them, so that none is lost if we die. Under the lock: the first `ip netns add` mounts /run/netns. */
async function addNamespaces(lab: string, names: readonly string[]): Promise<void> {
  const taken = names.find((netns) => existsSync(namespacePath(netns)));
  if (taken !== undefined)
    throw new Error(`add network namespace "${taken}": it exists already and is not lab "${lab}"'s to take`);
  for (const netns of names) writeFileSync(join(namespacesOf(lab), netns), '');
  await mustExec(['ip', '-batch', '-'], { input: names.map((netns) => `netns add ${netns}\n`).join('') });
}

/** What is already gone is no error: a lab may have died at any point of its setting up or taking down. */
async function clean(name: string, options: ReleaseOptions = {}): Promise<void> {
  const noted = existsSync(namespacesOf(name)) ? readdirSync(namespacesOf(name)) : [];
  const namespaces = noted.filter((netns) => existsSync(namespacePath(netns)));
  await killProcessesIn(namespaces);
  if (namespaces.length > 0) {
    await mustExec(['ip', '-batch', '-'], {
      input: namespaces.map((netns) => `netns del ${netns}\n`).join(''),
    });
  }
  for (const entry of existsSync(stateDirOf(name)) ? readdirSync(stateDirOf(name)) : []) {
    if (entry !== 'logs' || options.keepLogs !== true)
      rmSync(join(stateDirOf(name), entry), { recursive: true });
  }
  if (options.keepLogs !== true) rmSync(stateDirOf(name), { recursive: true, force: true });
}
