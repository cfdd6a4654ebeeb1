// The house limits: length of files, functions and test cases, number of parameters, depth of nesting.

import type { Node } from 'oxc-parser';
import type { Reference } from './references.ts';
import { type Finding, isTestFile, perFile, type Rule } from './rule.ts';
import { isFunction } from './rules-of-purity.ts';
import { type SourceFile, walk } from './source-file.ts';
import type { SourceTree } from './source-tree.ts';

/** Hard limits. They hold in src/, lab/, test/, bench/ and scripts/ alike; only the length of a file differs. */
export const LIMITS = {
  sourceFile: 400,
  testFile: 600,
  function: 60,
  testCase: 40,
  parameters: 3,
  nesting: 3,
} as const;

export const fileLength: Rule = {
  name: 'file-length',
  says: `a source file has at most ${LIMITS.sourceFile} lines, a test file ${LIMITS.testFile}`,
  find: (tree) =>
    perFile(tree, (file) => {
      const limit = holdsTests(tree, file) ? LIMITS.testFile : LIMITS.sourceFile;
      if (file.lineCount <= limit) return [];
      const message = `${file.lineCount} lines: want at most ${limit}`;
      return [{ file: file.path, line: limit + 1, message }];
    }),
};

/** A file of tests that others run, with objects of their own, has no ending `.test.ts`. */
function holdsTests(tree: SourceTree, file: SourceFile): boolean {
  const isRunner = ({ target }: Reference): boolean => target.kind === 'builtin' && target.name === 'test';
  return isTestFile(file.path) || (file.path.startsWith('test/') && tree.references(file).some(isRunner));
}

export const functionLength: Rule = {
  name: 'function-length',
  says: `a function has at most ${LIMITS.function} lines`,
  find: (tree) =>
    perFile(tree, (file) =>
      eachNode(file, (node, ancestors) => {
        if (!isFunction(node) || runnerCall(node, ancestors.at(-1)) !== undefined) return undefined;
        if (registersTests(node)) return undefined;
        return tooLong(file, node, LIMITS.function);
      }),
    ),
};

export const testCaseLength: Rule = {
  name: 'test-case-length',
  says: `a test case has at most ${LIMITS.testCase} lines`,
  find: (tree) =>
    perFile(tree, (file) =>
      eachNode(file, (node, ancestors) => {
        const call = isFunction(node) ? runnerCall(node, ancestors.at(-1)) : undefined;
        return call === undefined || isSuite(call) ? undefined : tooLong(file, node, LIMITS.testCase);
      }),
    ),
};

const CASES = ['test', 'it'];
const SUITES = ['describe', 'suite'];

/** A helper that makes a suite on something is named after describe: `describeOnLab`. */
const isSuite = (name: string): boolean => SUITES.includes(name) || /^describe[A-Z]/.test(name);

/** The name of the runner's function that this function is handed to: test, it, describe, suite. */
function runnerCall(node: Node, parent: Node | undefined): string | undefined {
  if (parent?.type !== 'CallExpression' || !parent.arguments.some((argument) => argument === node))
    return undefined;
  const names = namesOf(parent.callee);
  return names.find((name) => CASES.includes(name) || isSuite(name));
}

/** A function whose own statements are test cases is a suite with a name of its own. */
function registersTests(node: Node): boolean {
  if (!isFunction(node) || node.body?.type !== 'BlockStatement') return false;
  return node.body.body.some(
    (statement) =>
      statement.type === 'ExpressionStatement' &&
      statement.expression.type === 'CallExpression' &&
      namesOf(statement.expression.callee).some((name) => CASES.includes(name)),
  );
}

/** `describe.skip` is [describe, skip]. */
function namesOf(callee: Node): readonly string[] {
  if (callee.type === 'Identifier') return [callee.name];
  if (callee.type !== 'MemberExpression') return [];
  return [...namesOf(callee.object), ...namesOf(callee.property)];
}

function tooLong(file: SourceFile, node: Node, limit: number): string | undefined {
  const lines = file.lineOf(node.end) - file.lineOf(node.start) + 1;
  return lines <= limit ? undefined : `${lines} lines: want at most ${limit}`;
}

export const parameters: Rule = {
  name: 'parameters',
  says: `a function takes at most ${LIMITS.parameters} parameters`,
  find: (tree) =>
    perFile(tree, (file) =>
      eachNode(file, (node, ancestors) => {
        if (!isFunction(node) || isProperty(ancestors.at(-1))) return undefined;
        const count = node.params.reduce((sum, one) => sum + parametersIn(one), 0);
        if (count <= LIMITS.parameters) return undefined;
        return `${count} parameters: want at most ${LIMITS.parameters}, the last an object of options`;
      }),
    ),
};

/** fast-check gives a property as many values as there are arbitraries. */
const isProperty = (parent: Node | undefined): boolean =>
  parent?.type === 'CallExpression' &&
  namesOf(parent.callee).some((name) => /^(async)?property$/i.test(name));

/** A rest parameter that is a tuple takes as many as that, as a caller sees it. */
function parametersIn(parameter: Node): number {
  if (parameter.type !== 'RestElement') return 1;
  const type = parameter.typeAnnotation?.typeAnnotation;
  if (type?.type === 'TSTupleType') return type.elementTypes.length;
  return parameter.argument.type === 'ArrayPattern' ? elementsOf(parameter.argument) : 1;
}

const elementsOf = (pattern: Node): number => (pattern.type === 'ArrayPattern' ? pattern.elements.length : 1);

export const nesting: Rule = {
  name: 'nesting',
  says: `statements nest at most ${LIMITS.nesting} deep, through functions inside of functions`,
  find: (tree) =>
    perFile(tree, (file) =>
      eachNode(file, (node, ancestors) => {
        if (depthOf(node, ancestors) !== LIMITS.nesting + 1) return undefined;
        return `nested ${LIMITS.nesting + 1} deep: want at most ${LIMITS.nesting}`;
      }),
    ),
};

const NESTING = [
  'IfStatement',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'WhileStatement',
  'DoWhileStatement',
  'SwitchStatement',
  'TryStatement',
];

/** How deep a nesting statement stands, itself included; 0 for any other node. */
function depthOf(node: Node, ancestors: readonly Node[]): number {
  const chain = [...ancestors, node];
  if (!isLevel(node, ancestors.at(-1))) return 0;
  return chain.filter((candidate, index) => isLevel(candidate, chain[index - 1])).length;
}

/** `else if` continues its `if`, it does not go deeper. */
function isLevel(node: Node, parent: Node | undefined): boolean {
  if (!NESTING.includes(node.type)) return false;
  return !(node.type === 'IfStatement' && parent?.type === 'IfStatement' && parent.alternate === node);
}

function eachNode(
  file: SourceFile,
  problem: (node: Node, ancestors: readonly Node[]) => string | undefined,
): readonly Finding[] {
  const findings: Finding[] = [];
  walk(file.program, (node, ancestors) => {
    const message = problem(node, ancestors);
    if (message !== undefined) findings.push({ file: file.path, line: file.lineOf(node.start), message });
  });
  return findings;
}
