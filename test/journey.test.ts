// ARCHITECTURE.md is true: every step of the journey of a Service names a function that is there, and the step before
// reaches it. And the documents link to files that are there.

import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseSource } from './architecture/source-file.ts';
import { loadTree, treeOf } from './architecture/source-tree.ts';
import { CallGraph } from './journey/call-graph.ts';
import { checkJourney } from './journey/check-journey.ts';
import { readSteps } from './journey/steps.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const journey = (...steps: readonly string[]): string =>
  `# A\n\n## The journey of a Service\n\n${steps.join('\n')}\n`;

/** A program in two threads: a controller that writes a thing, an agent that reads it and tells its worker. */
const SOURCES: Readonly<Record<string, string>> = {
  'src/kube/kinds.ts': "export const THING = core('Thing'); export const OTHER = core('Other');",
  'src/bin/controller.ts': "import { Controller } from '../controller/controller.ts'; new Controller();",
  'src/bin/agent.ts':
    "import { THING } from '../kube/kinds.ts'; export async function agent() { watch(THING); (await import('../agent/agent.ts')).run(); }",
  'src/controller/controller.ts':
    "import { decide } from '../plan/index.ts'; import { write } from './write.ts'; import type { unused } from '../plan/unused.ts';" +
    "import type { Book } from './book.ts'; interface Deps { readonly book: Book }" +
    'export class Controller { #deps: Deps; reconcile() { if (decide()) write(); } typed(one: typeof unused) {} }',
  'src/controller/book.ts': 'export class Book {}',
  'src/controller/write.ts':
    "import { THING } from '../kube/kinds.ts'; export const write = () => create(THING);",
  'src/plan/index.ts': "export * from './decide.ts';",
  'src/plan/decide.ts': 'const local = () => 1; export { local as decide };',
  'src/plan/unused.ts': 'export const unused = 1;',
  'src/agent/agent.ts':
    "export const run = () => { const thread = new Worker(new URL('../worker/entry.ts', import.meta.url)); thread.post({ kind: 'want' }); };",
  'src/worker/entry.ts':
    "import { loop } from './loop.ts'; const take = (m) => { switch (m.kind) { case 'want': loop(); } }; take({});",
  'src/worker/loop.ts': 'export function loop() {} export type Shape = 1;',
};

const graph = new CallGraph(treeOf(Object.entries(SOURCES).map(([path, text]) => parseSource(path, text))));
const problems = (...steps: readonly string[]): readonly string[] =>
  checkJourney(graph, readSteps(journey(...steps)));

describe('the check of a journey', () => {
  test('calls, re-exports, kinds and messages lead from step to step', () => {
    const found = problems(
      '1. Reconciles: `src/controller/controller.ts#Controller`.',
      '   1. Decides: `src/plan/index.ts#decide`.',
      '   2. Writes: `src/controller/write.ts#write`.',
      '   3. With what it is given: `src/controller/book.ts#Book`.',
      '2. Sees it (through the API: Thing)',
      '   and tells: `src/agent/agent.ts#run`.',
      '3. Loops (message: want): `src/worker/loop.ts#loop`.',
    );
    assert.deepEqual(found, []);
  });

  for (const [what, steps, problem] of [
    [
      'a file that is not there',
      ['`src/gone.ts#run`', '`src/plan/index.ts#decide`'],
      /exports no value "run"/,
    ],
    [
      'a name that is not exported',
      ['`src/agent/agent.ts#run`', '`src/plan/decide.ts#local`'],
      /no value "local"/,
    ],
    ['a type', ['`src/agent/agent.ts#run`', '`src/worker/loop.ts#Shape`'], /exports no value "Shape"/],
    [
      'a function that nobody calls',
      ['`src/controller/controller.ts#Controller`', '`src/plan/unused.ts#unused`'],
      /not reach/,
    ],
    [
      'the wrong order',
      ['`src/controller/write.ts#write`', '`src/controller/controller.ts#Controller`'],
      /not reach/,
    ],
    [
      'an unknown kind',
      ['`src/controller/write.ts#write`', '(through the API: Gone) `src/agent/agent.ts#run`'],
      /no kind "Gone"/,
    ],
    [
      'a kind that is not written',
      ['`src/controller/write.ts#write`', '(through the API: Other) `src/agent/agent.ts#run`'],
      /not name/,
    ],
    [
      'a kind that is not read',
      ['`src/controller/write.ts#write`', '(through the API: Thing) `src/plan/unused.ts#unused`'],
      /no program/,
    ],
    [
      'a message that is not sent',
      ['`src/plan/index.ts#decide`', '(message: want) `src/worker/loop.ts#loop`'],
      /makes no message/,
    ],
    [
      'a message that is not taken',
      ['`src/agent/agent.ts#run`', '(message: want) `src/plan/unused.ts#unused`'],
      /nothing that takes/,
    ],
  ] as const) {
    test(`finds ${what}`, () => {
      const found = problems(...steps.map((step, index) => `${index + 1}. ${step}`));
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', problem);
    });
  }

  test('a document without a journey, and a step without a function, are errors', () => {
    assert.throws(() => readSteps('# Nothing'), /no heading/);
    assert.throws(() => readSteps(journey('1. Nothing.', '2. `src/a.ts#b`')), /step 1: names 0 functions/);
    assert.throws(
      () => readSteps(journey('1. `src/a.ts#b` `src/a.ts#c`', '2. `src/a.ts#b`')),
      /names 2 functions/,
    );
  });
});

describe('the documents', () => {
  test('ARCHITECTURE.md: each step is there and the step before reaches it', () => {
    const steps = readSteps(readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8'));
    assert.deepEqual(checkJourney(new CallGraph(loadTree(ROOT, ['src'])), steps), []);
  });

  const documents = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT }).sort();
  for (const document of documents) {
    test(`${document}: every link to a file leads somewhere`, () => {
      const text = readFileSync(join(ROOT, document), 'utf8');
      const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map((match) => match[1] ?? '');
      const files = links.filter((link) => !/^[a-z]+:/.test(link));
      assert.deepEqual(
        files.filter((link) => !existsSync(join(ROOT, dirname(document), link))),
        [],
      );
    });
  }

  test('there are documents', () => {
    for (const name of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'])
      assert.ok(documents.includes(name), name);
  });
});
