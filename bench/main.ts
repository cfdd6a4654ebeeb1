// `npm run bench`: runs one benchmark and prints a table, or with --json one JSON object and nothing else.
// Exit codes: 0 done, 1 the bench failed, 2 usage.

import { parseCommand, USAGE } from './arguments.ts';
import type { Report } from './bench.ts';
import { BENCHES } from './list.ts';
import { commit, machine } from './machine.ts';
import { resultOf } from './statistics.ts';
import { formatList, formatReport } from './table.ts';

const command = parseCommand(process.argv.slice(2), BENCHES);
if (command.kind === 'list') {
  process.stdout.write(formatList(BENCHES));
} else if (command.kind === 'usage') {
  process.stderr.write(`${command.problem}\n${USAGE}`);
  process.exitCode = 2;
} else {
  const { bench, runs, cases, json } = command;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  }
  // Progress is for people: standard output belongs to the result.
  const onProgress = (line: string): void => void process.stderr.write(`${line}\n`);
  try {
    const outcome = await bench.run({ runs, cases, onProgress, signal: stop.signal });
    const report: Report = {
      name: bench.name,
      date: new Date().toISOString(),
      commit: commit(),
      machine: machine(),
      apiserver: outcome.apiserver,
      results: outcome.measurements.map(resultOf),
    };
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : formatReport(report, bench.shows));
  } catch (error) {
    process.stderr.write(`bench ${bench.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
