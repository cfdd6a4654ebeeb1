// What /proc says about processes: whether one is still the same one, and which ones live in a network namespace.

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { seconds } from '../src/time/duration.ts';
import { namespacePath } from './netns.ts';

/** A pid alone may be another process's by now; with its start time (clock ticks since boot) it is one process for ever. */
export interface ProcessId {
  readonly pid: number;
  readonly startTime: string;
}

const KILL_DEADLINE = seconds(10);

/** The identity of the process that has this pid now; undefined if none runs. */
export function processIdOf(pid: number): ProcessId | undefined {
  const startTime = runningSince(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/** True while this very process runs; a zombie does not. */
export const isRunning = (id: ProcessId): boolean => runningSince(id.pid) === id.startTime;

/** Field 22 of proc(5) stat, counted after the program's name, which may hold anything; undefined if none runs. */
function runningSince(pid: number): string | undefined {
  const stat = unlessGone(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** Kills all processes in these namespaces, but never this one; resolves when they are gone. */
export async function killProcessesIn(namespaces: readonly string[]): Promise<void> {
  const links = new Set(namespaces.map((netns) => `net:[${statSync(namespacePath(netns)).ino}]`));
  const deadline = performance.now() + KILL_DEADLINE;
  for (;;) {
    const pids = pidsIn(links);
    if (pids.length === 0) return;
    if (performance.now() > deadline)
      throw new Error(`kill processes in ${namespaces.join(', ')}: still running: ${pids.join(', ')}`);
    for (const pid of pids) unlessGone(() => process.kill(pid, 'SIGKILL'));
    await sleep(5);
  }
}

function pidsIn(links: ReadonlySet<string>): readonly number[] {
  if (links.size === 0) return [];
  const pids = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
  return pids.filter((pid) => pid !== process.pid && links.has(namespaceOf(pid) ?? ''));
}

// EACCES: a process that even root may not look into (a container's pid 1) is none of a lab.
const namespaceOf = (pid: number): string | undefined =>
  unlessFailing(['ENOENT', 'ESRCH', 'EACCES'], () => readlinkSync(`/proc/${pid}/ns/net`));

/** The result, or undefined if the process that was asked about has ended meanwhile. */
const unlessGone = <T>(action: () => T): T | undefined => unlessFailing(['ENOENT', 'ESRCH'], action);

function unlessFailing<T>(codes: readonly string[], action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (codes.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
