// The built program, for tests that run it as a user does. Each test file builds its own copy, inside the package so
// that koffi is found, and removes it.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Bundle {
  readonly #folder = join(ROOT, 'node_modules', '.cache', `fairlead-bundle-${process.pid}`);

  async build(): Promise<string> {
    const script = join(ROOT, 'scripts', 'build.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--outdir', this.#folder]);
    return stdout;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Where a test may write a file that goes with the bundle. */
  fileOf(name: string): string {
    return join(this.#folder, name);
  }

  /** Starts the program; `prefix` is a command that runs it, such as one that makes a network namespace. */
  start(args: readonly string[], prefix: readonly string[] = []): Running {
    const [command, ...rest] = [...prefix, process.execPath, join(this.#folder, 'fairlead.js'), ...args];
    const environment = { ...process.env, NO_COLOR: '1', COLUMNS: '100' };
    return new Running(spawn(String(command), rest, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  run(...args: readonly string[]): Promise<Ended> {
    return this.start(args).ended;
  }
}

export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';
  readonly #waiting: { readonly pattern: RegExp; readonly resolve: () => void }[] = [];

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (chunk) => {
      this.#stdout += chunk;
      for (const { pattern, resolve } of this.#waiting) if (pattern.test(this.#stdout)) resolve();
    });
    child.stderr?.on('data', (chunk) => {
      this.#stderr += chunk;
    });
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  /** Resolves when the output holds the pattern; rejects if the program ends before. */
  async says(pattern: RegExp): Promise<void> {
    if (pattern.test(this.#stdout)) return;
    const said = new Promise<'said'>((resolve) => {
      this.#waiting.push({ pattern, resolve: () => resolve('said') });
    });
    if ((await Promise.race([said, this.ended])) === 'said') return;
    throw new Error(`the program ended without saying ${pattern}:\n${this.#stdout}${this.#stderr}`);
  }
}
