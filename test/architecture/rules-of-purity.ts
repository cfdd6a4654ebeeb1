// What a pure file may not mention: clock, randomness, timers, promises, console, process, and anything else global
// that reaches the world. And who may look at the process: its environment, flags, signals and exit code.

import type { Node } from 'oxc-parser';
import { folderOf, isPure } from './folders.ts';
import { variableName } from './identifiers.ts';
import { isName } from './references.ts';
import { type Finding, isTestFile, perFile, type Rule } from './rule.ts';
import { type SourceFile, walk } from './source-file.ts';

/** Names of globals that a pure file can not mention, each with what it should do instead. */
const WORLD: Readonly<Record<string, string>> = {
  Date: 'time is an argument',
  performance: 'time is an argument',
  setTimeout: 'a timer is a deadline in the state',
  setInterval: 'a timer is a deadline in the state',
  setImmediate: 'a step returns its outputs',
  queueMicrotask: 'a step returns its outputs',
  Promise: 'a step returns its outputs',
  process: 'the environment is an option',
  console: 'a decision goes out as a value',
  fetch: 'bytes come in as arguments',
  WebSocket: 'bytes come in as arguments',
  Worker: 'threads belong to the shells',
  Atomics: 'threads belong to the shells',
  SharedArrayBuffer: 'threads belong to the shells',
  crypto: 'randomness and digests are arguments',
  Buffer: 'bytes are Uint8Array',
  globalThis: 'globals hide what a file uses',
  require: 'modules are imported',
};

/**
 * A test beside a pure file may await the runner and read files, but never the clock or a timer. Date is there for
 * comparison with our own calendar, as long as it is given the time.
 */
const FORBIDDEN_IN_TESTS = ['performance', 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'Worker'];

export const pureGlobals: Rule = {
  name: 'pure-globals',
  says: 'a pure file mentions no clock, randomness, timer, promise, console or process',
  find: (tree) =>
    perFile(tree, (file) =>
      isPure(file.path) ? mentions(file, (node, up) => impurity(file, node, up)) : [],
    ),
};

function impurity(file: SourceFile, node: Node, ancestors: readonly Node[]): string | undefined {
  const isTest = isTestFile(file.path);
  const name = variableName(node, ancestors);
  if (name !== undefined && isTest && !FORBIDDEN_IN_TESTS.includes(name)) return undefined;
  if (name !== undefined && Object.hasOwn(WORLD, name)) return `${name}: ${WORLD[name]}`;
  if (isTest && readsClock(node)) return 'Date: time is an argument';
  if (isRandom(node)) return 'Math.random: randomness is an argument';
  return isTest ? undefined : asynchrony(node);
}

function isRandom(node: Node): boolean {
  return node.type === 'MemberExpression' && isName(node.object, 'Math') && isName(node.property, 'random');
}

/** `Date.now()` and `new Date()`. */
function readsClock(node: Node): boolean {
  if (node.type === 'NewExpression') return isName(node.callee, 'Date') && node.arguments.length === 0;
  return node.type === 'MemberExpression' && isName(node.object, 'Date') && isName(node.property, 'now');
}

function asynchrony(node: Node): string | undefined {
  if (node.type === 'AwaitExpression') return 'await: a step returns its outputs';
  if (node.type === 'ForOfStatement' && node.await) return 'for await: a step returns its outputs';
  if (isFunction(node) && node.async) return 'async: a step returns its outputs';
  if (node.type === 'ImportExpression') return 'import(): modules are imported statically';
  return node.type === 'MetaProperty' && isName(node.meta, 'import')
    ? 'import.meta: the place of a file is no input'
    : undefined;
}

export const isFunction = (
  node: Node,
): node is Node & { type: 'FunctionDeclaration' | 'FunctionExpression' | 'ArrowFunctionExpression' } =>
  node.type === 'FunctionDeclaration' ||
  node.type === 'FunctionExpression' ||
  node.type === 'ArrowFunctionExpression';

/** Folders that may look at the process itself. */
const PROCESS_FOLDERS = ['bin', 'host'];

export const environment: Rule = {
  name: 'environment',
  says: 'environment, flags, signals and the exit code are read and set in bin/ (and host/) only',
  find: (tree) =>
    perFile(tree, (file) => {
      const folder = folderOf(file.path);
      // A pure folder's are found by pure-globals.
      if (
        folder === undefined ||
        PROCESS_FOLDERS.includes(folder) ||
        isPure(file.path) ||
        isTestFile(file.path)
      )
        return [];
      return mentions(file, (node, ancestors) =>
        variableName(node, ancestors) === 'process'
          ? `process is not for src/${folder}: want an option from bin/`
          : undefined,
      );
    }),
};

function mentions(
  file: SourceFile,
  problem: (node: Node, ancestors: readonly Node[]) => string | undefined,
): readonly Finding[] {
  const findings = new Map<string, Finding>();
  walk(file.program, (node, ancestors) => {
    const message = problem(node, ancestors);
    if (message === undefined) return;
    const line = file.lineOf(node.start);
    findings.set(`${line} ${message}`, { file: file.path, line, message });
  });
  return [...findings.values()];
}
