// Who may name whom: the layers of src/, the edges that shells see as types only, and the agent's closure.

import { COMMON, COMPOSITION_ROOTS, EDGE_DATA, FOLDERS, folderOf, isEdge, isShell } from './folders.ts';
import type { Reference } from './references.ts';
import { type Finding, isTestFile, perFile, type Rule } from './rule.ts';
import type { SourceFile } from './source-file.ts';
import type { SourceTree } from './source-tree.ts';

const AGENT = 'src/bin/agent.ts';
const CLIENT = '@kubernetes/client-node';

/** Folders outside of src/ that a test beside its file may use. */
const TEST_SUPPORT = ['test/fake/', 'test/golden/', 'test/arbitrary/', 'test/scenario/'];

export const layers: Rule = {
  name: 'layers',
  says: 'a folder of src/ names only itself and the folders below it',
  find: (tree) => eachReference(tree, (file, reference) => layerProblem(file, reference)),
};

function layerProblem(file: SourceFile, { kind, target }: Reference): string | undefined {
  const folder = folderOf(file.path);
  if (!file.path.startsWith('src/')) return undefined;
  if (folder === undefined)
    return target.kind === 'file' ? `${file.path} is in no folder of src/` : undefined;
  const rules = FOLDERS[folder];
  if (rules === undefined) return `no layer is known for the folder src/${folder}`;
  if (target.kind !== 'file' || !/\.[cm]?[jt]s$/.test(target.path)) return undefined;
  if (isTestFile(file.path) && TEST_SUPPORT.some((support) => target.path.startsWith(support)))
    return undefined;
  if (kind === 'type' && COMMON.includes(target.path)) return undefined;
  const other = folderOf(target.path);
  if (other === undefined) return `src/${folder} names ${target.path}, which is not in a folder of src/`;
  if (other === folder || rules.below.includes(other)) return undefined;
  return `src/${folder} names src/${other}: want one of ${[folder, ...rules.below].join(', ')}`;
}

export const edgeTypes: Rule = {
  name: 'edge-types',
  says: 'shells import kube/ and host/ as types; bin/ and wire-worker/entry.ts construct the real ones',
  find: (tree) => [
    ...eachReference(tree, edgeProblem),
    ...EDGE_DATA.flatMap((path) => dataFindings(tree, path)),
  ],
};

function edgeProblem(file: SourceFile, { kind, target }: Reference): string | undefined {
  if (!isShell(file.path) || isTestFile(file.path) || COMPOSITION_ROOTS.includes(file.path)) return undefined;
  if (kind === 'type' || target.kind !== 'file' || !isEdge(target.path)) return undefined;
  return EDGE_DATA.includes(target.path) ? undefined : `${target.path} is loaded here: want \`import type\``;
}

/** A data file of an edge loads nothing but other data and pure files, so that importing it stays harmless. */
function dataFindings(tree: SourceTree, path: string): readonly Finding[] {
  const file = tree.get(path);
  if (file === undefined) return [];
  const loads = tree.references(file).filter(({ kind, target }) => kind !== 'type' && !isHarmless(target));
  return loads.map(({ line }) => ({
    file: path,
    line,
    message: 'a data file of an edge loads more than data',
  }));
}

function isHarmless(target: Reference['target']): boolean {
  if (target.kind !== 'file') return false;
  return EDGE_DATA.includes(target.path) || FOLDERS[folderOf(target.path) ?? '']?.kind === 'pure';
}

export const agentClosure: Rule = {
  name: 'agent-closure',
  says: `nothing that ${AGENT} loads, now or later, loads ${CLIENT}`,
  find: (tree) => {
    const root = tree.get(AGENT);
    if (root === undefined)
      return [{ file: AGENT, line: 1, message: "want the agent's composition root here" }];
    return closure(tree, root).flatMap(({ file, trail }) =>
      tree
        .references(file)
        .filter(({ kind, target }) => kind !== 'type' && target.kind === 'package' && target.name === CLIENT)
        .map(({ line }) => ({
          file: file.path,
          line,
          message: `${CLIENT} is loaded by ${trail.join(' > ')}`,
        })),
    );
  },
};

interface Reached {
  readonly file: SourceFile;
  readonly trail: readonly string[];
}

/** Every file that is loaded from `root`, statically or later, with the way there. */
function closure(tree: SourceTree, root: SourceFile): readonly Reached[] {
  const reached = new Map<string, Reached>([[root.path, { file: root, trail: [root.path] }]]);
  for (const { file, trail } of reached.values()) {
    for (const path of loadedFiles(tree, file)) {
      const next = tree.get(path);
      if (next !== undefined && !reached.has(path))
        reached.set(path, { file: next, trail: [...trail, path] });
    }
  }
  return [...reached.values()];
}

function loadedFiles(tree: SourceTree, file: SourceFile): readonly string[] {
  return tree
    .references(file)
    .flatMap(({ kind, target }) => (kind !== 'type' && target.kind === 'file' ? [target.path] : []));
}

export const named: Rule = {
  name: 'named-modules',
  says: 'src/ names every module it loads by a literal, and never by require()',
  find: (tree) => eachReference(tree, nameProblem),
};

function nameProblem(file: SourceFile, { kind, target }: Reference): string | undefined {
  if (!file.path.startsWith('src/') || isTestFile(file.path)) return undefined;
  if (kind === 'require') return 'require() hides a module from the type checker: want import';
  return target.kind === 'computed'
    ? `a ${kind} names its module by an expression: want a literal`
    : undefined;
}

function eachReference(
  tree: SourceTree,
  problem: (file: SourceFile, reference: Reference) => string | undefined,
): readonly Finding[] {
  return perFile(tree, (file) =>
    tree.references(file).flatMap((reference) => {
      const message = problem(file, reference);
      return message === undefined ? [] : [{ file: file.path, line: reference.line, message }];
    }),
  );
}
