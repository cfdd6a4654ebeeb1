// All source files of a tree, parsed once. The real tree and the small trees of the fixtures have the same shape.

import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Reference, referencesOf } from './references.ts';
import { parseSource, type SourceFile } from './source-file.ts';

/** The folders of the repository that hold TypeScript. */
export const TOP_FOLDERS = ['src', 'lab', 'test', 'bench', 'scripts'] as const;

export interface SourceTree {
  readonly files: readonly SourceFile[];
  get(path: string): SourceFile | undefined;
  references(file: SourceFile): readonly Reference[];
}

/**
 * Reads the TypeScript files below `root` in `folders` (default: those of TOP_FOLDERS that the root has).
 * Throws when a folder holds none: a check over nothing would pass for ever.
 */
export function loadTree(root: string, folders = presentFolders(root)): SourceTree {
  if (folders.length === 0)
    throw new Error(`no source folder in ${root}: want one of ${TOP_FOLDERS.join(', ')}`);
  return treeOf(folders.flatMap((folder) => filesIn(root, folder)));
}

export function treeOf(files: readonly SourceFile[]): SourceTree {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const references = new Map(files.map((file) => [file.path, referencesOf(file)]));
  return {
    files,
    get: (path) => byPath.get(path),
    references: (file) => references.get(file.path) ?? [],
  };
}

const presentFolders = (root: string): readonly string[] =>
  TOP_FOLDERS.filter((folder) => existsSync(join(root, folder)));

function filesIn(root: string, folder: string): readonly SourceFile[] {
  const exclude = ['**/node_modules/**', 'test/fixtures/**'];
  const paths = globSync(`${folder}/**/*.{ts,mts,cts,js,mjs,cjs}`, { cwd: root, exclude }).sort();
  if (paths.length === 0)
    throw new Error(`no source file matches ${join(root, folder)}/**: want at least one`);
  return paths.map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')));
}
