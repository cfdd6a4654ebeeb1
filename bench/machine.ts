// On what a bench ran: the machine and the commit, without which a figure means nothing.

import { execFileSync } from 'node:child_process';
import { availableParallelism, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Report } from './bench.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export const machine = (): Report['machine'] => ({
  cores: availableParallelism(),
  kernel: release(),
  node: process.version,
});

/** The commit's id, with `-dirty` for a changed tree; `unknown` outside of a repository or before the first commit. */
export function commit(): string {
  try {
    const changes = git('status', '--porcelain', '--untracked-files=no');
    return `${git('rev-parse', '--verify', 'HEAD')}${changes === '' ? '' : '-dirty'}`;
  } catch {
    // An unpacked archive has no git, and its figures are worth printing all the same.
    return 'unknown';
  }
}

const git = (...argv: readonly string[]): string =>
  execFileSync('git', argv, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
