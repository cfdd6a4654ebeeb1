// The bundles that controller and agents of the lab run from: built again when their sources are newer.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustExec } from './exec.ts';
import { withLock } from './lock.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUNDLES = ['fairlead.js', 'wire-worker.js'].map((name) => join(ROOT, 'dist', name));
const SOURCES = ['src', 'scripts/build.ts', 'package-lock.json'].map((name) => join(ROOT, name));

/** Builds dist/ unless it is up to date. Tests may ask for it from several processes at a time. */
export async function ensureBuilt(onProgress: (line: string) => void): Promise<void> {
  await withLock(join(ROOT, 'node_modules', '.fairlead-build.lock'), async () => {
    if (isUpToDate()) return;
    onProgress('building dist/');
    await mustExec([process.execPath, join(ROOT, 'scripts', 'build.ts')], { cwd: ROOT });
  });
}

function isUpToDate(): boolean {
  if (!BUNDLES.every((path) => existsSync(path))) return false;
  const built = Math.min(...BUNDLES.map((path) => statSync(path).mtimeMs));
  return SOURCES.every((path) => newestIn(path) <= built);
}

function newestIn(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const sources = files.filter((entry) => !entry.name.endsWith('.test.ts'));
  return Math.max(0, ...sources.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}
