// `npm test`: makes ready what the tests need (Debian packages, bundles, Kubernetes programs), then runs them all in one
// `node --test`, so that there is one closing summary. A path or part of one picks files; options go to node.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from '../lab/build.ts';
import { gatherIngredients, LabUnavailable } from '../lab/ingredients.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** In CI the lab must be there; elsewhere its tests are skipped, each with the reason. */
const isLabRequired = process.env.FAIRLEAD_LAB === 'required';

// End-to-end and packet tests keep time with half a dozen processes each: they share the machine with nobody on two
// cores, and with one other file on four.
const CONCURRENCY = Math.max(1, Math.floor(availableParallelism() / 2));

/** A file that hangs ends here; the longest, five minutes of load on a whole lab, stays far below. */
const TIMEOUT_MS = 900_000;

const started = performance.now();
const elapsed = (): string => `${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`;
const tell = (line: string): void => void process.stderr.write(`${elapsed()}  ${line}\n`);

/** What keeps the lab from being built on this machine; undefined if nothing does. */
async function prepareLab(): Promise<string | undefined> {
  tell('lab/setup: Debian packages that the lab and the tests use');
  const { status } = spawnSync('lab/setup', { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) return `lab/setup ended with ${status}`;
  try {
    await gatherIngredients(tell);
    return undefined;
  } catch (error) {
    if (error instanceof LabUnavailable) return error.message;
    throw error;
  }
}

/** The test files that the arguments pick. Throws if there is none: a run over nothing would pass. */
function testFiles(filters: readonly string[]): readonly string[] {
  const exclude = ['test/fixtures/**'];
  const inFolder = (folder: string): readonly string[] =>
    globSync(`${folder}/**/*.test.ts`, { cwd: ROOT, exclude }).sort();
  const required = ['src', 'test'].map(inFolder);
  if (required.some((files) => files.length === 0)) throw new Error('src/ or test/ holds no *.test.ts');
  const all = [...required.flat(), ...['bench', 'lab', 'scripts'].flatMap(inFolder)];
  const picked = all.filter(
    (file) => filters.length === 0 || filters.some((filter) => file.includes(filter)),
  );
  if (picked.length === 0) throw new Error(`no test file matches "${filters.join('", "')}"`);
  return picked;
}

async function runTests(files: readonly string[], options: readonly string[]): Promise<number> {
  // Force: a process that has reset connections may never end by itself (Node 24.21 goes on counting their requests and
  // spins in Environment::CleanupHandles, without a handle or request in its loop). Seen once in some ten files.
  const fixed = ['--test', '--test-reporter=spec', '--test-force-exit', `--test-timeout=${TIMEOUT_MS}`];
  const argv = [...fixed, `--test-concurrency=${CONCURRENCY}`, ...options, ...files];
  const child = spawn(process.execPath, argv, { cwd: ROOT, stdio: 'inherit' });
  // The runner ends its tests, and each test its lab; this process waits for both.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals];
  return code ?? 128 + constants.signals[signal];
}

async function main(argv: readonly string[]): Promise<number> {
  const isOption = (argument: string): boolean => argument.startsWith('-');
  const files = testFiles(
    argv.filter((argument) => !isOption(argument)).map((path) => path.replace(/^\.\//, '')),
  );
  const problem = await prepareLab();
  if (problem !== undefined && isLabRequired) {
    tell(`FAIRLEAD_LAB=required, but there is no lab: ${problem}`);
    return 1;
  }
  if (problem !== undefined) {
    tell(`no lab, its tests are skipped: ${problem}`);
    await ensureBuilt(tell);
  }
  tell(`${files.length} test files, ${CONCURRENCY} at a time`);
  return runTests(files, argv.filter(isOption));
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  tell(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
