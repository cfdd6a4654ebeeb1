// Puts the measured figures of docs/results/NAME.json (what `npm run bench -- … --json` printed) into the documents:
// between `<!-- figures NAME -->` and `<!-- end -->` stands a table of them. With `--check` it writes nothing and fails
// when a document says something else, or names results that are not there.

import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Bench, Report, Result } from '../bench/bench.ts';
import { BENCHES } from '../bench/list.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RESULTS = `${ROOT}docs/results/`;
const BLOCK = /(?<=<!-- figures (?<name>[a-z-]+) -->\n).*?(?=<!-- end -->)/gs;

/** The document with the present figures in its blocks. Throws when a block names a bench that has no results. */
export function withFigures(text: string, tableOf: (name: string) => string): string {
  return text.replaceAll(BLOCK, (...match) => {
    const { name = '' } = match.at(-1) as { readonly name?: string };
    return `\n${tableOf(name)}\n`;
  });
}

/** A line a case, a column a subject, and what it was measured on. */
export function figuresTable(report: Report, bench: Pick<Bench, 'cases'>): string {
  const subjects = [...new Set(report.results.map(({ subject }) => subject))];
  const rows = [...Map.groupBy(report.results, ({ case: name }) => name)].map(([name, results]) => {
    const shows = bench.cases.find((each) => each.name === name)?.shows;
    if (shows === undefined) throw new Error(`figures of ${report.name}: the bench has no case "${name}"`);
    const cells = subjects.map((subject) => cellOf(results.find((result) => result.subject === subject)));
    return [`\`${name}\`: ${shows}`, ...cells];
  });
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const head = ['case', ...subjects];
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line), '', describeOrigin(report)].join('\n');
}

/** `251 ms (230 to 290, 100 runs)`: the median, and how far the runs were apart. */
function cellOf(result: Result | undefined): string {
  if (result === undefined) return '-';
  const median = `${figure(result.p50)} ${result.unit}`;
  return 'n' in result
    ? `${median} (${figure(result.min)} to ${figure(result.max)}, ${result.n} runs)`
    : median;
}

const figure = (value: number): string => String(Number(value.toPrecision(Math.abs(value) < 100 ? 2 : 3)));

function describeOrigin({ name, machine, apiserver, date }: Report): string {
  const server = apiserver === null ? '' : `, ${apiserver.kind} ${apiserver.version}`;
  const where = `${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}${server}, ${date.slice(0, 10)}`;
  return `Median (lowest to highest). \`npm run bench -- ${name} --json\`; ${where}.`;
}

function measuredTable(name: string): string {
  const file = `${RESULTS}${name}.json`;
  if (!existsSync(file)) throw new Error(`figures "${name}": there is no docs/results/${name}.json`);
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  const bench = BENCHES.find((each) => each.name === report.name);
  if (bench === undefined) throw new Error(`docs/results/${name}.json: there is no bench "${report.name}"`);
  return figuresTable(report, bench);
}

function main(): void {
  const isCheck = process.argv.includes('--check');
  for (const path of globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT })) {
    const text = readFileSync(ROOT + path, 'utf8');
    const wanted = withFigures(text, measuredTable);
    if (wanted === text) continue;
    if (!isCheck) {
      writeFileSync(ROOT + path, wanted);
      continue;
    }
    console.error(`${path} says other figures than docs/results: run \`node scripts/figures.ts\``);
    process.exitCode = 1;
  }
}

if (import.meta.main) main();
