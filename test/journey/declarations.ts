// What a module declares at its top level, what it gives to others, and which names each declaration uses, as values and
// as types.

import type { Node } from 'oxc-parser';
import { variableName } from '../architecture/identifiers.ts';
import { type SourceFile, walk } from '../architecture/source-file.ts';

/** Stands for the statements of a module that declare nothing: what happens when it is loaded. */
export const BODY = '(body)';

/** A name in another module. */
export interface Import {
  /** As written: `./x.ts`, `node:fs`. */
  readonly specifier: string;
  /** The name there; `*` for all of it. */
  readonly name: string;
}

export interface Declarations {
  /** Nodes of each top-level name; BODY collects the other statements. */
  readonly nodes: ReadonlyMap<string, readonly Node[]>;
  /** Those of the names that are types only. */
  readonly types: ReadonlySet<string>;
  readonly imports: ReadonlyMap<string, Import>;
  /** Exported name → the local name or the import that it is. */
  readonly exports: ReadonlyMap<string, string | Import>;
  /** Modules all of whose names are passed on: `export * from`. */
  readonly passedOn: readonly string[];
}

interface Draft {
  readonly nodes: Map<string, Node[]>;
  readonly types: Set<string>;
  readonly imports: Map<string, Import>;
  readonly exports: Map<string, string | Import>;
  readonly passedOn: string[];
}

export function declarationsOf(file: SourceFile): Declarations {
  const draft: Draft = {
    nodes: new Map(),
    types: new Set(),
    imports: new Map(),
    exports: new Map(),
    passedOn: [],
  };
  for (const statement of file.program.body) addStatement(draft, statement);
  return draft;
}

function addStatement(draft: Draft, statement: Node): void {
  switch (statement.type) {
    case 'ImportDeclaration':
      addImports(draft, statement);
      break;
    case 'ExportAllDeclaration':
      draft.passedOn.push(statement.source.value);
      break;
    case 'ExportNamedDeclaration':
      addExports(draft, statement);
      break;
    default:
      declare(draft, statement);
  }
}

function addImports({ imports }: Draft, node: Node & { type: 'ImportDeclaration' }): void {
  for (const specifier of node.specifiers) {
    const name = specifier.type === 'ImportSpecifier' ? nameOf(specifier.imported) : '*';
    imports.set(specifier.local.name, { specifier: node.source.value, name });
  }
}

function addExports(draft: Draft, node: Node & { type: 'ExportNamedDeclaration' }): void {
  for (const { local, exported } of node.specifiers) {
    const from = node.source === null ? nameOf(local) : { specifier: node.source.value, name: nameOf(local) };
    draft.exports.set(nameOf(exported), from);
  }
  if (node.declaration === null) return;
  for (const name of declare(draft, node.declaration)) draft.exports.set(name, name);
}

/** Files a statement under the names it declares; returns them. */
function declare({ nodes, types }: Draft, statement: Node): readonly string[] {
  const names = declaredNames(statement);
  if (isTypeDeclaration(statement)) types.add(statement.id.name);
  for (const name of names.length === 0 ? [BODY] : names)
    nodes.set(name, [...(nodes.get(name) ?? []), statement]);
  return names;
}

function declaredNames(statement: Node): readonly string[] {
  if (statement.type === 'FunctionDeclaration' || statement.type === 'ClassDeclaration') {
    return statement.id === null ? [] : [statement.id.name];
  }
  if (isTypeDeclaration(statement)) return [statement.id.name];
  if (statement.type !== 'VariableDeclaration') return [];
  return statement.declarations.flatMap(({ id }) => bindingNames(id));
}

const isTypeDeclaration = (
  node: Node,
): node is Node & { type: 'TSInterfaceDeclaration' | 'TSTypeAliasDeclaration' } =>
  node.type === 'TSInterfaceDeclaration' || node.type === 'TSTypeAliasDeclaration';

function bindingNames(pattern: Node): readonly string[] {
  const names: string[] = [];
  walk(pattern, (node, ancestors) => {
    const name = variableName(node, ancestors);
    if (name !== undefined && !isInType(ancestors)) names.push(name);
  });
  return names;
}

const nameOf = (node: Node): string => {
  if (node.type === 'Identifier') return node.name;
  return node.type === 'Literal' ? String(node.value) : '';
};

export interface UsedNames {
  readonly values: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
}

/** Every name that a node uses. */
export function usedNames(root: Node): UsedNames {
  const values = new Set<string>();
  const types = new Set<string>();
  walk(root, (node, ancestors) => {
    const name = variableName(node, ancestors);
    if (name !== undefined) (isInType(ancestors) ? types : values).add(name);
  });
  return { values, types };
}

/** Nodes of types that hold an expression. */
const EXPRESSIONS = ['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression'];

const isInType = (ancestors: readonly Node[]): boolean =>
  ancestors.some(({ type }) => type.startsWith('TS') && !EXPRESSIONS.includes(type));
