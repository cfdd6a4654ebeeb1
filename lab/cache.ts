// Where the lab keeps what was built or unpacked once: ${XDG_CACHE_HOME:-~/.cache}/fairlead. An entry is complete or
// absent, never half made, and two processes do not make the same one.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { withLock } from './lock.ts';

/** The path of a cache entry. */
export function cachePath(...parts: readonly string[]): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'fairlead', ...parts);
}

export interface CacheEntry {
  /** A directory of cachePath. */
  readonly path: string;
  /** Fills an empty directory that then becomes the entry; what it rejects with leaves no entry. */
  readonly make: (directory: string) => Promise<void>;
  /** Called if another process is making something beside it and we wait for that. */
  readonly onWait?: () => void;
}

/** The entry's path, after making it if it is not there. */
export async function ensureCached(entry: CacheEntry): Promise<string> {
  if (existsSync(entry.path)) return entry.path;
  const parent = dirname(entry.path);
  mkdirSync(parent, { recursive: true });
  return withLock(join(parent, '.lock'), () => make(entry, parent), entry.onWait);
}

async function make(entry: CacheEntry, parent: string): Promise<string> {
  if (existsSync(entry.path)) return entry.path;
  // We have the lock: what lies here unfinished was left by a process that died.
  for (const name of readdirSync(parent))
    if (name.startsWith('.making-')) rmSync(join(parent, name), { recursive: true });
  const directory = join(parent, `.making-${basename(entry.path)}`);
  mkdirSync(directory);
  try {
    await entry.make(directory);
    renameSync(directory, entry.path);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return entry.path;
}
