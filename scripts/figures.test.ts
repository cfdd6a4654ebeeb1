// The tables of measured figures that documents show.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Report } from '../bench/bench.ts';
import { figuresTable, withFigures } from './figures.ts';

const REPORT: Report = {
  name: 'failover',
  date: '2026-12-01T10:00:00.000Z',
  commit: 'abc',
  machine: { cores: 2, kernel: '6.18', node: 'v24.21.0' },
  apiserver: null,
  results: [
    { case: 'cut', subject: 'fairlead', unit: 'ms', n: 3, min: 201.54, p50: 250.123, p99: 290, max: 290 },
    { case: 'cut', subject: 'peer', unit: 'ms', p50: 3.26 },
    { case: 'kill', subject: 'fairlead', unit: '%', p50: 0 },
  ],
};
const BENCH = {
  cases: [
    { name: 'cut', shows: 'the cable is cut' },
    { name: 'kill', shows: 'killed' },
  ],
};

describe('figures in documents', () => {
  test('a line a case, a column a subject, and where nothing was measured a dash', () => {
    assert.equal(
      figuresTable(REPORT, BENCH),
      [
        '| case | fairlead | peer |',
        '| --- | ---: | ---: |',
        '| `cut`: the cable is cut | 250 ms (202 to 290, 3 runs) | 3.3 ms |',
        '| `kill`: killed | 0 % | - |',
        '',
        'Median (lowest to highest). `npm run bench -- failover --json`; 2 cores, Linux 6.18, Node v24.21.0, 2026-12-01.',
      ].join('\n'),
    );
  });

  test('a case that the bench does not have is refused', () => {
    assert.throws(() => figuresTable(REPORT, { cases: [] }), /the bench has no case "cut"/);
  });

  test('what stands in a block is replaced, and nothing else', () => {
    const text = 'a\n<!-- figures one -->\nold\n<!-- end -->\nb\n<!-- figures two -->\n<!-- end -->\n';
    const table = (name: string): string => `[${name}]`;
    const wanted =
      'a\n<!-- figures one -->\n\n[one]\n<!-- end -->\nb\n<!-- figures two -->\n\n[two]\n<!-- end -->\n';
    assert.equal(withFigures(text, table), wanted);
    assert.equal(withFigures(wanted, table), wanted);
  });
});
