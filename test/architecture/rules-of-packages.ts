// Which npm packages and which of Node's modules a folder of src/ may load.

import { FOLDERS, type Folder, folderOf, isPure } from './folders.ts';
import type { Reference } from './references.ts';
import { type Finding, isTestFile, perFile, type Rule } from './rule.ts';
import type { SourceFile } from './source-file.ts';
import type { SourceTree } from './source-tree.ts';

/** What a test beside a pure file may load: golden bytes come from files, digests are arguments of the code. */
const PURE_TEST_BUILTINS = ['test', 'assert/strict', 'fs', 'path', 'url', 'crypto'];
const PURE_TEST_PACKAGES = ['fast-check', 'ipaddr.js'];

type Named = Extract<Reference['target'], { name: string }>;

export const pureImports: Rule = {
  name: 'pure-imports',
  says: 'a pure folder loads no module of Node and no package but ipaddr.js',
  find: (tree) =>
    eachNamed(tree, (file, target) => (isPure(file.path) ? pureProblem(file, target) : undefined)),
};

function pureProblem(file: SourceFile, target: Named): string | undefined {
  const isTest = isTestFile(file.path);
  const allowed =
    target.kind === 'builtin'
      ? isTest && PURE_TEST_BUILTINS.includes(target.name)
      : (isTest ? PURE_TEST_PACKAGES : packagesOf(file)).includes(target.name);
  return allowed ? undefined : `${describe(target)} is not for a pure folder`;
}

export const packages: Rule = {
  name: 'packages',
  says: 'each npm package is loaded by the one folder that wraps it',
  find: (tree) =>
    eachNamed(tree, (file, target) => {
      if (target.kind !== 'package' || isPure(file.path) || isTestFile(file.path)) return undefined;
      if (packagesOf(file).includes(target.name)) return undefined;
      return `${target.name} is not for this folder: want ${ownersOf(target.name)}`;
    }),
};

export const builtins: Rule = {
  name: 'builtins',
  says: 'sockets, files and processes belong to host/; the other modules of Node to the folders listed',
  find: (tree) =>
    eachNamed(tree, (file, target) => {
      if (target.kind !== 'builtin' || isPure(file.path) || isTestFile(file.path)) return undefined;
      const allowed = folderRules(file)?.builtins ?? [];
      if (allowed.includes('*') || allowed.includes(target.name)) return undefined;
      return `${describe(target)} is not for this folder: want it behind a type of host/ or kube/`;
    }),
};

const folderRules = (file: SourceFile): Folder | undefined => FOLDERS[folderOf(file.path) ?? ''];
const packagesOf = (file: SourceFile): readonly string[] => folderRules(file)?.packages ?? [];
const describe = (target: Named): string => (target.kind === 'builtin' ? `node:${target.name}` : target.name);

function ownersOf(name: string): string {
  const owners = Object.entries(FOLDERS).filter(([, { packages }]) => packages.includes(name));
  return owners.length === 0 ? 'no folder has it' : owners.map(([folder]) => `src/${folder}`).join(' or ');
}

function eachNamed(
  tree: SourceTree,
  problem: (file: SourceFile, target: Named) => string | undefined,
): readonly Finding[] {
  return perFile(tree, (file) => {
    if (folderOf(file.path) === undefined) return [];
    return tree.references(file).flatMap(({ target, line }) => {
      if (target.kind !== 'package' && target.kind !== 'builtin') return [];
      const message = problem(file, target);
      return message === undefined ? [] : [{ file: file.path, line, message }];
    });
  });
}
