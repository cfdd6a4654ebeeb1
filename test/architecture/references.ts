// Every way in which one module can name another, found in the syntax tree: static imports, re-exports, `import type`,
// type positions (`import('x').T`), `import()`, `new Worker(…)`, `new URL('./x', import.meta.url)` and require().

import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import type { Node } from 'oxc-parser';
import { type SourceFile, walk } from './source-file.ts';

/** `type` disappears when the types are stripped; every other kind is there at run time. */
export type ReferenceKind = 'type' | 'import' | 'dynamic' | 'worker' | 'url' | 'require';

export type Target =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'package'; readonly name: string }
  | { readonly kind: 'builtin'; readonly name: string }
  /** The module is named by an expression, so nobody can tell which it is. */
  | { readonly kind: 'computed' };

export interface Reference {
  readonly kind: ReferenceKind;
  readonly target: Target;
  readonly line: number;
}

interface Found {
  readonly kind: ReferenceKind;
  readonly specifier: string | undefined;
}

export function referencesOf(file: SourceFile): readonly Reference[] {
  const references: Reference[] = [];
  walk(file.program, (node, ancestors) => {
    const found = findReference(node, ancestors);
    if (found === undefined) return;
    const target = found.specifier === undefined ? COMPUTED : resolve(file.path, found);
    references.push({ kind: found.kind, target, line: file.lineOf(node.start) });
  });
  return references;
}

const COMPUTED: Target = { kind: 'computed' };

function findReference(node: Node, ancestors: readonly Node[]): Found | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
      // `import {type T} from 'x'` still loads x under verbatimModuleSyntax, so only `import type` counts as a type.
      return { kind: node.importKind === 'type' ? 'type' : 'import', specifier: node.source.value };
    case 'ExportAllDeclaration':
      return { kind: node.exportKind === 'type' ? 'type' : 'import', specifier: node.source.value };
    case 'ExportNamedDeclaration':
      if (node.source === null) return undefined;
      return { kind: node.exportKind === 'type' ? 'type' : 'import', specifier: node.source.value };
    case 'TSImportType':
      return { kind: 'type', specifier: node.source.value };
    case 'ImportExpression':
      return { kind: 'dynamic', specifier: literal(node.source) };
    case 'NewExpression':
      return construction(node, ancestors.at(-1));
    case 'CallExpression':
      return call(node);
    default:
      return undefined;
  }
}

function construction(node: Node & { type: 'NewExpression' }, parent: Node | undefined): Found | undefined {
  if (isName(node.callee, 'Worker')) {
    const url = node.arguments[0];
    return { kind: 'worker', specifier: url === undefined ? undefined : (urlSpecifier(url) ?? literal(url)) };
  }
  // The URL of a Worker was reported with its Worker.
  if (parent?.type === 'NewExpression' && isName(parent.callee, 'Worker')) return undefined;
  const specifier = urlSpecifier(node);
  return specifier === undefined ? undefined : { kind: 'url', specifier };
}

function call(node: Node & { type: 'CallExpression' }): Found | undefined {
  const argument = node.arguments[0];
  if (argument === undefined) return undefined;
  if (isName(node.callee, 'require')) return { kind: 'require', specifier: literal(argument) };
  if (node.callee.type !== 'MemberExpression' || node.callee.object.type !== 'MetaProperty') return undefined;
  return { kind: 'url', specifier: literal(argument) };
}

/** The text of `new URL('text', import.meta.url)`; undefined for a URL relative to something else. */
function urlSpecifier(node: Node): string | undefined {
  if (node.type !== 'NewExpression' || !isName(node.callee, 'URL')) return undefined;
  const [text, base] = node.arguments;
  if (base?.type !== 'MemberExpression' || base.object.type !== 'MetaProperty') return undefined;
  return text === undefined ? undefined : literal(text);
}

export const isName = (node: Node, name: string): boolean => node.type === 'Identifier' && node.name === name;

function literal(node: Node): string | undefined {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type === 'TemplateLiteral' && node.expressions.length === 0)
    return node.quasis[0]?.value.cooked ?? undefined;
  return undefined;
}

function resolve(from: string, found: Found & { readonly specifier?: string | undefined }): Target {
  const specifier = found.specifier ?? '';
  const isRelative = specifier.startsWith('.') || found.kind === 'url';
  if (isRelative) return { kind: 'file', path: posix.join(posix.dirname(from), specifier) };
  if (isBuiltin(specifier)) return { kind: 'builtin', name: specifier.replace(/^node:/, '') };
  const [first = '', second = ''] = specifier.split('/');
  return { kind: 'package', name: first.startsWith('@') ? `${first}/${second}` : first };
}
