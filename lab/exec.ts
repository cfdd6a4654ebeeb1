// Running a program to its end and collecting what it said.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Duration } from '../src/time/duration.ts';

/** How a program ended, and what it said. A program that a signal ended has the code 128 + signal, as in a shell. */
export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  /** Standard input; absent = empty. */
  readonly input?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The program is killed after this long; absent = never. */
  readonly timeout?: Duration;
  /** Called with each line of standard error as it comes. */
  readonly onErrorLine?: (line: string) => void;
}

/** Runs a program; rejects only if it could not be started. */
export async function exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const [program = '', ...rest] = argv;
  const child = spawn(program, rest, {
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout, killSignal: 'SIGKILL' as const }),
  });
  const said = [collect(child.stdout), collect(child.stderr)] as const;
  if (options.onErrorLine !== undefined)
    createInterface({ input: child.stderr }).on('line', options.onErrorLine);
  // A program that ends without reading its input is no error here: its exit code tells.
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(options.input ?? '');
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals];
  return { code: code ?? 128 + constants.signals[signal], stdout: said[0](), stderr: said[1]() };
}

/** Collects all that comes from now on; the returned function gives it as text. */
function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('utf8');
}

/** Runs a program that must succeed; returns its standard output, rejects with what it said on standard error. */
export async function mustExec(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await exec(argv, options);
  if (code === 0) return stdout;
  throw new Error(`run "${argv.join(' ')}": exit code ${code}: ${stderr.trim() || stdout.trim()}`);
}
