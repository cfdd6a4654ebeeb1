// The rules of the house as programs. Every rule has fixtures: a small tree that breaks it at the lines marked
// `// violates`, and its allowed twin; then all rules are held against the real tree.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { check, formatViolation } from './architecture/rule.ts';
import { EXCEPTIONS, excuses, RULES } from './architecture/rules.ts';
import { loadTree, type SourceTree, TOP_FOLDERS } from './architecture/source-tree.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const tree = loadTree(ROOT, TOP_FOLDERS);
const FIXTURES = fileURLToPath(new URL('fixtures/architecture', import.meta.url));

/** The lines of a fixture that say of themselves that they break the rule. */
const markedLines = (tree: SourceTree): readonly string[] =>
  tree.files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (line.includes('// violates') ? [`${path}:${index + 1}`] : [])),
  );

describe('every rule catches what breaks it, and nothing else', () => {
  for (const rule of RULES) {
    test(`${rule.name}: ${rule.says}`, () => {
      const broken = loadTree(join(FIXTURES, rule.name, 'violates'));
      const wanted = markedLines(broken);
      const found = check(rule, broken).map(({ file, line }) => `${file}:${line}`);
      assert.notEqual(wanted.length, 0, 'the fixture marks no line');
      assert.deepEqual([...new Set(found)].sort(), [...wanted].sort());
      assert.deepEqual(check(rule, loadTree(join(FIXTURES, rule.name, 'allowed'))).map(formatViolation), []);
    });
  }

  test('a fixture folder belongs to a rule', () => {
    assert.deepEqual(readdirSync(FIXTURES).sort(), RULES.map(({ name }) => name).sort());
  });

  test('a tree without sources is an error', () => {
    const empty = mkdtempSync(join(tmpdir(), 'fairlead-empty-'));
    try {
      assert.throws(() => loadTree(empty), /no source folder/);
      assert.throws(() => loadTree(empty, ['src']), /no source file matches/);
    } finally {
      rmSync(empty, { recursive: true });
    }
  });
});

describe('the tree keeps the rules', () => {
  for (const rule of RULES) {
    test(`${rule.name}: ${rule.says}`, () => {
      const excused = EXCEPTIONS.filter((exception) => exception.rule === rule.name);
      const found = check(rule, tree);
      const broken = found.filter((violation) => !excused.some((exception) => excuses(exception, violation)));
      assert.deepEqual(broken.map(formatViolation), []);
      const stale = excused.filter((exception) => !found.some((violation) => excuses(exception, violation)));
      assert.deepEqual(stale, [], 'an exception excuses nothing any more');
    });
  }

  test('every exception names a rule', () => {
    const names = RULES.map(({ name }) => name);
    assert.deepEqual(
      EXCEPTIONS.filter(({ rule }) => !names.includes(rule)),
      [],
    );
  });
});
