// The C programs of the benches (bench/c), built with the machine's own compiler into the cache: once for each state of
// the sources.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachePath, ensureCached } from '../lab/cache.ts';
import { exec, mustExec } from '../lab/exec.ts';

const SOURCES = fileURLToPath(new URL('./c', import.meta.url));
const COMPILE = ['cc', '-O2', '-Wall', '-pthread'] as const;

export interface CPrograms {
  /** Paths of the programs. */
  readonly prober: string;
  readonly responder: string;
  readonly flooder: string;
}

/** Builds what is not in the cache yet; undefined on a machine without a C compiler. */
export async function ensureCPrograms(): Promise<CPrograms | undefined> {
  const compiler = await compilerVersion();
  if (compiler === undefined) return undefined;
  const directory = await ensureCached({ path: cachePath('bench', digestOf(compiler)), make: compile });
  return {
    prober: join(directory, 'arp-prober'),
    responder: join(directory, 'arp-responder'),
    flooder: join(directory, 'frame-flooder'),
  };
}

async function compilerVersion(): Promise<string | undefined> {
  try {
    return (await exec(['cc', '--version'])).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function digestOf(compiler: string): string {
  const hash = createHash('sha256').update(compiler).update(COMPILE.join(' '));
  for (const name of readdirSync(SOURCES).sort()) hash.update(name).update(readFileSync(join(SOURCES, name)));
  return hash.digest('hex').slice(0, 16);
}

async function compile(into: string): Promise<void> {
  for (const name of ['arp-prober', 'arp-responder', 'frame-flooder'])
    await mustExec([...COMPILE, '-o', join(into, name), join(SOURCES, `${name}.c`)]);
}
