// The source that is edited: all files of src/election but their tests.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSource, type SourceFile } from '../architecture/source-file.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Throws if there is none. */
export function electionSources(): readonly SourceFile[] {
  const paths = globSync('src/election/*.ts', { cwd: ROOT, exclude: ['**/*.test.ts'] }).sort();
  if (paths.length === 0) throw new Error(`no source file matches ${join(ROOT, 'src/election/*.ts')}`);
  return paths.map((path) => parseSource(path, readFileSync(join(ROOT, path), 'utf8')));
}
