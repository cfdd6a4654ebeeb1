// The table of a report and the list of benches, as text.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Report, Result } from './bench.ts';
import { bar, formatList, formatReport } from './table.ts';

const fast: Result = {
  case: 'create',
  subject: 'fairlead',
  unit: 'ms',
  n: 20,
  min: 21,
  p50: 25.04,
  p99: 50,
  max: 50,
};
const slow: Result = {
  case: 'create-default',
  subject: 'fairlead',
  unit: 'ms',
  n: 20,
  min: 80,
  p50: 1000.4,
  p99: 2000,
  max: 2000,
};
const single: Result = { case: 'memory', subject: 'fairlead', unit: 'MB', p50: 61 };

const report: Report = {
  name: 'create',
  date: '2026-12-01T10:00:00.000Z',
  commit: '0123456789abcdef',
  machine: { cores: 2, kernel: '6.18.44', node: 'v24.21.0' },
  apiserver: { kind: 'kube-apiserver', version: 'v1.36.3' },
  results: [fast, slow],
};

describe('table', () => {
  test('one line a case, then where it ran', () => {
    assert.deepEqual(formatReport(report, 'time to the first answer').split('\n'), [
      'create: time to the first answer',
      'case                              n      min      p50      p99      max  unit',
      'create  fairlead                 20     21.0     25.0     50.0     50.0  ms    █',
      `create-default  fairlead         20     80.0     1000     2000     2000  ms    ${'█'.repeat(16)}${'░'.repeat(16)}`,
      '',
      '2 cores, Linux 6.18.44, Node v24.21.0; kube-apiserver v1.36.3; commit 0123456789ab; 2026-12-01T10:00:00.000Z',
      '',
    ]);
  });

  test('a single value has its median only', () => {
    const lines = formatReport({ ...report, apiserver: null, results: [single] }, 'memory').split('\n');
    assert.equal(
      lines[2],
      `memory  fairlead                         61.0                    MB    ${'█'.repeat(32)}`,
    );
    assert.match(lines.join('\n'), /no API server/);
  });

  test('the longest bar belongs to the largest value', () => {
    assert.equal(bar(slow, 2000).length, 32);
    assert.equal(bar(fast, 2000), '█');
    assert.equal(bar(fast, 50), `${'█'.repeat(16)}${'░'.repeat(16)}`);
  });

  test('the list says what each case shows', () => {
    const bench = {
      name: 'create',
      shows: 'a time',
      runs: 20,
      cases: [{ name: 'create', shows: 'us alone' }],
    };
    const list = formatList([{ ...bench, run: () => Promise.reject(new Error('not run')) }]);
    assert.equal(list, 'create: a time (20 runs each)\n  --case create               us alone\n');
  });
});
