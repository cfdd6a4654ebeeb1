// A report as people read it: one line a case with its figures and a bar, solid up to the median, light up to p99.

import type { Bench, Report, Result } from './bench.ts';

const WIDTH = 32;
const COLUMNS = ['n', 'min', 'p50', 'p99', 'max'] as const;

export function formatReport(report: Report, shows: string): string {
  return [
    `${report.name}: ${shows}`,
    ...formatResults(report.results),
    '',
    `${describeMachine(report)}; ${describeServer(report)}; commit ${report.commit.slice(0, 12)}; ${report.date}`,
    '',
  ].join('\n');
}

function formatResults(results: readonly Result[]): readonly string[] {
  const labels = results.map(({ case: name, subject }) => `${name}  ${subject}`);
  const widest = Math.max(4, ...labels.map((label) => label.length));
  const largest = Math.max(...results.map(farthest));
  const head = `${'case'.padEnd(widest)}  ${COLUMNS.map((column) => column.padStart(9)).join('')}  unit`;
  return [
    head,
    ...results.map((result, i) => formatResult(result, (labels[i] ?? '').padEnd(widest), largest)),
  ];
}

function formatResult(result: Result, label: string, largest: number): string {
  const figures = COLUMNS.map((column) => figure(result, column).padStart(9)).join('');
  return `${label}  ${figures}  ${result.unit.padEnd(5)} ${bar(result, largest)}`;
}

function figure(result: Result, column: (typeof COLUMNS)[number]): string {
  const value = (result as Partial<Record<string, unknown>>)[column];
  if (typeof value !== 'number') return '';
  return column === 'n' ? String(value) : value.toFixed(value < 1000 ? 1 : 0);
}

/** A bar as long as p99 is of the largest value in the table. */
export function bar(result: Result, largest: number): string {
  const cells = (value: number): number => (largest <= 0 ? 0 : Math.round((value / largest) * WIDTH));
  const solid = Math.max(1, cells(result.p50));
  return '█'.repeat(solid) + '░'.repeat(Math.max(0, cells(farthest(result)) - solid));
}

const farthest = (result: Result): number => ('p99' in result ? result.p99 : result.p50);

const describeMachine = ({ machine }: Report): string =>
  `${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}`;

const describeServer = ({ apiserver }: Report): string =>
  apiserver === null ? 'no API server' : `${apiserver.kind} ${apiserver.version}`;

/** What `bench -- list` prints. */
export function formatList(benches: readonly Bench[]): string {
  return benches
    .flatMap((bench) => [
      `${bench.name}: ${bench.shows} (${bench.runs} runs each)`,
      ...bench.cases.map(({ name, shows }) => `  --case ${name.padEnd(20)} ${shows}`),
    ])
    .join('\n')
    .concat('\n');
}
