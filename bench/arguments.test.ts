// The command line of `npm run bench`, by table.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCommand } from './arguments.ts';
import type { Bench } from './bench.ts';

const bench: Bench = {
  name: 'create',
  shows: 'a time',
  runs: 20,
  cases: [
    { name: 'first', shows: 'one' },
    { name: 'second', shows: 'another' },
  ],
  run: () => Promise.reject(new Error('not run here')),
};

describe('bench arguments', () => {
  test('a name alone runs all cases as often as the bench says', () => {
    const wanted = { kind: 'run', bench, runs: 20, cases: ['first', 'second'], json: false };
    assert.deepEqual(parseCommand(['create'], [bench]), wanted);
  });

  test('runs, cases and json are taken; cases stay in the order of the bench', () => {
    const argv = ['create', '--json', '--runs', '3', '--case', 'second', '--case', 'first'];
    const wanted = { kind: 'run', bench, runs: 3, cases: ['first', 'second'], json: true };
    assert.deepEqual(parseCommand(argv, [bench]), wanted);
  });

  test('another number of objects is another bench, with cases of its own', () => {
    const counted = (count: number): Bench => ({
      ...bench,
      cases: [{ name: `all-of-${count}`, shows: 'all' }],
      withCount: counted,
    });
    const command = parseCommand(['create', '--count', '7'], [counted(100)]);
    assert.ok(command.kind === 'run');
    assert.deepEqual(command.cases, ['all-of-7']);
    const none = parseCommand(['create', '--count', '0'], [counted(100)]);
    assert.ok(none.kind === 'usage');
    assert.match(none.problem, /--count "0": want a whole number/);
  });

  test('list', () => {
    assert.deepEqual(parseCommand(['list'], [bench]), { kind: 'list' });
  });

  for (const [argv, problem] of [
    [[], /want one bench, got 0/],
    [['create', 'more'], /want one bench, got 2/],
    [['other'], /no bench "other": want one of create/],
    [['create', '--case', 'third'], /no case "third" in create: want one of first, second/],
    [['create', '--runs', '0'], /--runs "0": want a whole number/],
    [['create', '--runs', 'many'], /--runs "many": want a whole number/],
    [['create', '--count', '7'], /--count 7: create has no number to choose/],
    [['create', '--fast'], /--fast/],
  ] as const) {
    test(`refused: ${argv.join(' ') || 'nothing'}`, () => {
      const command = parseCommand(argv, [bench]);
      assert.ok(command.kind === 'usage');
      assert.match(command.problem, problem);
    });
  }

  test('another length of time is another bench, with cases of its own', () => {
    const timed = (minutes: number): Bench => ({
      ...bench,
      cases: [{ name: `moves-${minutes}min`, shows: 'all' }],
      withMinutes: timed,
    });
    const command = parseCommand(['create', '--minutes', '5'], [timed(30)]);
    assert.ok(command.kind === 'run');
    assert.deepEqual(command.cases, ['moves-5min']);
    const problems = [
      ['--minutes', '0'],
      ['--minutes', '5', '--count', '3'],
      ['--count', '3'],
    ].map((argv) => parseCommand(['create', ...argv], [timed(30)]));
    assert.deepEqual(
      problems.map((problem) => problem.kind === 'usage' && problem.problem),
      [
        '--minutes "0": want a whole number from 1',
        '--count and --minutes: want one of them',
        '--count 3: create has no number to choose',
      ],
    );
  });
});
