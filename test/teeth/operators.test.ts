// What edits are made of a source, how they are named, and how they are drawn.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSource } from '../architecture/source-file.ts';
import { drawEdits } from './draw.ts';
import { applyEdit, nameOf } from './edit.ts';
import { editsOf } from './operators.ts';

const editsOfText = (text: string) => editsOf(parseSource('a.ts', text));

/** What becomes of a line, by operator. */
const become = (text: string): readonly string[] =>
  editsOfText(text).map((edit) => `${edit.operator}: ${applyEdit(text, edit)}`);

test('a comparison becomes its opposite, and takes in or leaves out its bound', () => {
  assert.deepEqual(become('const x = a < b;'), [
    'comparison: const x = a <= b;',
    'comparison: const x = a >= b;',
  ]);
  assert.deepEqual(become('const x = a === b;'), ['comparison: const x = a !== b;']);
  assert.deepEqual(become('const x = a + b;'), []);
});

test('a constant goes one up and down, or tenfold, or becomes its opposite; a type stays', () => {
  assert.deepEqual(become('const T = seconds(10);'), [
    'constant: const T = seconds(100);',
    'constant: const T = seconds(1);',
  ]);
  assert.deepEqual(become('let x: 0 | 1 = 1;'), [
    'constant: let x: 0 | 1 = 2;',
    'constant: let x: 0 | 1 = 0;',
  ]);
  assert.deepEqual(become('f(0n, true);'), ['constant: f(1n, true);', 'constant: f(0n, false);']);
});

test('a branch is dropped or negated, a conjunction becomes a disjunction, an early return goes', () => {
  assert.deepEqual(become('if (a && b) f();'), [
    'branch: ;',
    'branch: if (!(a && b)) f();',
    'branch: if (a || b) f();',
  ]);
  assert.deepEqual(become('if (a) f(); else g();'), ['branch: if (!(a)) f(); else g();']);
  assert.deepEqual(become('const x = a ? b : c;'), ['branch: const x = (b);', 'branch: const x = (c);']);
  const early = 'function f() {\n  for (;;) {\n    return 5;\n  }\n  return g;\n}';
  const dropped = editsOfText(early).filter(({ operator }) => operator === 'branch');
  assert.deepEqual(
    dropped.map(({ line, before, after }) => [line, before, after]),
    [[3, 'return 5;', ';']],
  );
});

const SOURCE = ['if (a < 1) f(true);', 'if (b > 20) g(0);', 'h(c === 7 || d);', 'k(e <= 3);'].join('\n');

test('a draw repeats itself, and lines put in elsewhere change nothing of it', () => {
  const names = (text: string) => drawEdits(editsOfText(text), 5, 6).map(nameOf);
  assert.equal(new Set(names(SOURCE)).size, 6);
  assert.deepEqual(names(SOURCE), names(SOURCE));
  assert.deepEqual(names(`// A comment.\nl(m);\n${SOURCE}`), names(SOURCE));
  assert.notDeepEqual(drawEdits(editsOfText(SOURCE), 6, 6).map(nameOf), names(SOURCE));
});

test('a draw takes every operator, and refuses to draw more than there is', () => {
  const drawn = drawEdits(editsOfText(SOURCE), 5, 6);
  assert.deepEqual([...new Set(drawn.map(({ operator }) => operator))].sort(), [
    'branch',
    'comparison',
    'constant',
  ]);
  assert.throws(() => drawEdits(editsOfText('f(0);'), 1, 2), /draw 2 edits: there are 1/);
});
