// A helper of a bench in a network namespace: it is told and tells lines. The kernel kills it when the bench ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { processorSeconds } from './process-figures.ts';

export class LineProcess {
  readonly #what: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(netns: string, argv: readonly string[]) {
    this.#what = argv.join(' ');
    // A session of its own: Ctrl-C is for the bench, which then takes everything down in order.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'ip', 'netns', 'exec', netns, ...argv], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    // One that has ended is noticed by its missing line.
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Processor time that all its threads have used, in seconds. */
  processorSeconds(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`run "${this.#what}": it could not be started`);
    return processorSeconds(pid);
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The next line; rejects when the process has ended. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error(`run "${this.#what}": it ended, want another line of it`);
    return value;
  }

  /** Waits for this very line. */
  async expect(wanted: string): Promise<void> {
    const line = await this.line();
    if (line !== wanted) throw new Error(`run "${this.#what}": line "${line}": want "${wanted}"`);
  }

  async stop(): Promise<void> {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null)
      return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}
