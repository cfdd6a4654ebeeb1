// Starts a node process in which one module of the source is edited, and reads what it says line by line.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { Edit } from './edit.ts';
import { type Planted, VARIABLE } from './preload.ts';
import { ROOT } from './sources.ts';

/** Nothing is said for so long by a process that stands still. A schedule takes 0.03 s, all unit tests some seconds. */
const STILL_MS = 60_000;

/** Edited source may also fill the memory. */
const HEAP_MEGABYTES = 1024;

export interface Outcome {
  readonly lines: readonly string[];
  readonly hasSucceeded: boolean;
  /** It was ended because it stood still. */
  readonly isStill: boolean;
  /** What it wrote to its standard error at last. */
  readonly error: string;
}

/** `edit` undefined: the source as it is. `argv`: what follows `node` on its command line. */
export async function runEdited(edit: Edit | undefined, argv: readonly string[]): Promise<Outcome> {
  const preload = join(ROOT, 'test/teeth/preload.ts');
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${HEAP_MEGABYTES}`, '--max-semi-space-size=16', '--import', preload, ...argv],
    { cwd: ROOT, env: environment(edit), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let error = '';
  child.stderr.on('data', (data: Buffer) => {
    error = (error + data.toString()).slice(-1000);
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  const { lines, isStill } = await readLines(child, child.stdout);
  const [code] = await closed;
  return { lines, hasSucceeded: code === 0, isStill, error };
}

function environment(edit: Edit | undefined): NodeJS.ProcessEnv {
  // A process of node's own test runner would take a runner inside of it for one of its files.
  const { NODE_TEST_CONTEXT: _context, [VARIABLE]: _variable, ...env } = process.env;
  if (edit === undefined) return env;
  const { file, start, end, replacement } = edit;
  const planted: Planted = { url: pathToFileURL(join(ROOT, file)).href, start, end, replacement };
  return { ...env, [VARIABLE]: JSON.stringify(planted) };
}

async function readLines(child: ChildProcess, stdout: NodeJS.ReadableStream) {
  const lines: string[] = [];
  let isStill = false;
  const alarm = setTimeout(() => {
    isStill = true;
    child.kill('SIGKILL');
  }, STILL_MS);
  for await (const line of createInterface({ input: stdout })) {
    alarm.refresh();
    lines.push(line);
  }
  clearTimeout(alarm);
  return { lines, isStill };
}
