// Every edit of a source file that one of three operators makes: a comparison flipped, a constant changed, a branch
// dropped. Types are left alone: they are stripped before anything runs.

import type { Node } from 'oxc-parser';
import { type SourceFile, walk } from '../architecture/source-file.ts';
import { type Edit, makeEdit, type Operator, type TextChange } from './edit.ts';

/** All of them, in the order of the source. */
export function editsOf(file: SourceFile): readonly Edit[] {
  const edits: Edit[] = [];
  walk(file.program, (node, ancestors) => {
    const parent = ancestors.at(-1);
    const changes: readonly (readonly [Operator, readonly TextChange[]])[] = [
      ['comparison', comparisons(file, node)],
      ['constant', constants(node, parent)],
      ['branch', branches(file, node, ancestors)],
    ];
    for (const [operator, each] of changes)
      edits.push(...each.map((change) => makeEdit(file, operator, change)));
  });
  return edits;
}

/** Each comparison becomes its opposite; one of an order also takes in its bound, or leaves it out. */
const FLIPS: Readonly<Record<string, readonly string[]>> = {
  '===': ['!=='],
  '!==': ['==='],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
};

function comparisons(file: SourceFile, node: Node): readonly TextChange[] {
  if (node.type !== 'BinaryExpression') return [];
  const flips = FLIPS[node.operator] ?? [];
  return flips.map((flip) => replaceBetween(file, node, flip));
}

/** The operator between the two sides of an expression. */
function replaceBetween(file: SourceFile, node: TwoSided, replacement: string): TextChange {
  const { left, right, operator } = node;
  const start = left.end + file.text.slice(left.end, right.start).indexOf(operator);
  return { start, end: start + operator.length, replacement };
}

type TwoSided = Extract<Node, { readonly type: 'BinaryExpression' | 'LogicalExpression' }>;

function constants(node: Node, parent: Node | undefined): readonly TextChange[] {
  if (node.type !== 'Literal' || parent?.type === 'TSLiteralType') return [];
  const { start, end, value } = node;
  if (typeof value === 'boolean') return [{ start, end, replacement: String(!value) }];
  const suffix = typeof value === 'bigint' ? 'n' : '';
  if (typeof value !== 'number' && typeof value !== 'bigint') return [];
  return others(Number(value), suffix === 'n').map((other) => ({
    ...{ start, end, replacement: `${other}${suffix}` },
  }));
}

/** Small numbers are counts and go one up and down; larger ones are sizes and times, and change tenfold. */
function others(value: number, isWhole: boolean): readonly number[] {
  if (value === 0) return [1];
  if (value <= 3 && Number.isInteger(value)) return [value + 1, value - 1];
  return [value * 10, isWhole ? Math.ceil(value / 10) : value / 10];
}

function branches(file: SourceFile, node: Node, ancestors: readonly Node[]): readonly TextChange[] {
  switch (node.type) {
    case 'IfStatement':
      return [...dropped(node, ancestors), negated(file, node.test)];
    case 'ReturnStatement':
      return isEarly(node, ancestors) ? [{ start: node.start, end: node.end, replacement: ';' }] : [];
    case 'LogicalExpression':
      if (node.operator === '??') return [];
      return [replaceBetween(file, node, node.operator === '&&' ? '||' : '&&')];
    case 'ConditionalExpression':
      return [node.consequent, node.alternate].map((side) => only(file, node, side));
    default:
      return [];
  }
}

function dropped(
  node: Extract<Node, { readonly type: 'IfStatement' }>,
  ancestors: readonly Node[],
): TextChange[] {
  const { start, end, alternate } = node;
  // What is behind `else` stands for itself.
  const isElse = ancestors.at(-1)?.type === 'IfStatement';
  return alternate === null && !isElse ? [{ start, end, replacement: ';' }] : [];
}

const negated = (file: SourceFile, { start, end }: Node): TextChange => ({
  ...{ start, end, replacement: `!(${file.text.slice(start, end)})` },
});

const only = (file: SourceFile, { start, end }: Node, side: Node): TextChange => ({
  ...{ start, end, replacement: `(${file.text.slice(side.start, side.end)})` },
});

/** Not the last statement of its function, and more than the only statement of an `if`, which is dropped as a whole. */
function isEarly(node: Node, ancestors: readonly Node[]): boolean {
  const parent = ancestors.at(-1);
  if (parent?.type === 'SwitchCase') return true;
  if (parent?.type !== 'BlockStatement') return false;
  const isOfFunction = ancestors.at(-2)?.type.includes('Function') === true;
  return !isOfFunction || parent.body.at(-1) !== node;
}
