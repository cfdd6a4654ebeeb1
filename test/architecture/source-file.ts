// One parsed source file: its text, its syntax tree (oxc-parser, ESTree with TypeScript nodes) and its lines.

import { type Node, type Program, parseSync, visitorKeys } from 'oxc-parser';

export interface SourceFile {
  /** Path below the root of the tree, with forward slashes: `src/net/mac.ts`. */
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  readonly lineCount: number;
  /** The 1-based line of an offset into the text. */
  lineOf(offset: number): number;
}

/** Parses a file. Throws when it does not parse, because a rule that sees half a file proves nothing. */
export function parseSource(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text);
  const error = errors.find((candidate) => candidate.severity === 'Error');
  if (error !== undefined) throw new SyntaxError(`cannot parse ${path}: ${error.message}`);
  const starts = lineStarts(text);
  return { path, text, program, lineCount: countLines(text), lineOf: (offset) => lineAt(starts, offset) };
}

export type Visitor = (node: Node, ancestors: readonly Node[]) => void;

/** Visits every node of a tree in source order, each with its ancestors, the nearest last. */
export function walk(root: Node, visit: Visitor): void {
  const ancestors: Node[] = [];
  const descend = (node: Node): void => {
    visit(node, ancestors);
    ancestors.push(node);
    for (const child of childrenOf(node)) descend(child);
    ancestors.pop();
  };
  descend(root);
}

function childrenOf(node: Node): readonly Node[] {
  const keys = visitorKeys[node.type];
  if (keys === undefined)
    throw new Error(`no visitor keys for ${node.type}: oxc-parser does not know its own node`);
  const fields = node as unknown as Readonly<Record<string, unknown>>;
  return keys.flatMap((key) => fields[key]).filter(isNode);
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value;

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function lineAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? Infinity) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}
