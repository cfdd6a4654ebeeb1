// The tests' handle on worker-process.ts, which runs in a node's namespace.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WireState } from '../../src/agent/wire-state.ts';
import type { HeldAddress, ToWorker, WantedAddress, WireCounters } from '../../src/wire-worker/messages.ts';
import { wantAll } from '../fake/fake-wire.ts';
import { DEADLINE_MS, Waiters } from './waiters.ts';
import type { Command, Line } from './worker-process.ts';

const PROGRAM = fileURLToPath(new URL('./worker-process.ts', import.meta.url));

/** A namespace, or one with what is added to the environment and to the arguments. */
type Place =
  | string
  | {
      readonly netns: string;
      readonly env?: Readonly<Record<string, string>>;
      readonly options?: readonly string[];
    };

/**
 * For a worker that goes on answering when it has stood still for less than ten seconds: for tests of something else on
 * a machine that is busy with it.
 */
export const steady = (netns: string): Place => ({ netns, options: ['sound', 'node1', '100'] });

export class WireProcess {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  readonly #state = new WireState();
  readonly #waiters = new Waiters(() => this.#story());
  #errors = '';
  #isKilled = false;

  constructor(test: TestContext, place: Place, ...options: readonly string[]) {
    const { netns, env: own = {}, options: more = [] } = typeof place === 'string' ? { netns: place } : place;
    const argv = ['netns', 'exec', netns, process.execPath, PROGRAM, ...options, ...more];
    const env = { ...process.env, ...own };
    const child = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'pipe'], env });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      // What comes last may be half a line.
      if (this.#isKilled) return;
      this.#take(JSON.parse(line) as Line);
      this.#waiters.look();
    });
    child.stderr.on('data', (data: Buffer) => {
      this.#errors += data.toString();
    });
    test.after(() => this.kill('SIGKILL'));
  }

  #take(line: Line): void {
    this.lines.push(line);
    if (line.kind === 'held') this.#state.setHeld(line);
  }

  /** Starts one that holds nothing, so that its thread waits without a timeout. */
  static async idle(test: TestContext, place: Place, ...options: readonly string[]): Promise<WireProcess> {
    const wire = new WireProcess(test, place, ...options);
    const isUp = (): boolean =>
      wire
        .all('links')
        .at(-1)
        ?.links.some(({ state }) => state === 'Up') ?? false;
    await wire.until('link up', isUp);
    return wire;
  }

  /** Starts one with all it wants: ready, and `addresses` held. */
  static async holding(test: TestContext, place: Place, addresses: readonly string[]): Promise<WireProcess> {
    const wire = new WireProcess(test, place);
    await wire.line('ready');
    wire.send({ kind: 'liveness', alive: ['node1'] });
    wire.want(addresses);
    await wire.until('all held', () => wire.held().length === addresses.length);
    return wire;
  }

  command(command: Command): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  send(message: ToWorker): void {
    this.command({ kind: 'send', message });
  }

  want(addresses: readonly string[], interfaces: readonly string[] = []): void {
    const wanted = addresses.map((address): WantedAddress => {
      const record = { holder: undefined, epoch: 0 };
      const common = { uid: `uid-${address}`, name: address, address, createdAt: 0 };
      return { ...common, candidates: ['node1'], record, interfaces };
    });
    this.send(wantAll(...wanted));
  }

  all<K extends Line['kind']>(kind: K): readonly Extract<Line, { readonly kind: K }>[] {
    return this.lines.filter((line): line is Extract<Line, { readonly kind: K }> => line.kind === kind);
  }

  /** The addresses that the worker said last that it answers, on whichever link. */
  held(): readonly HeldAddress[] {
    return [...this.#state.allHeld()].filter(({ link }) => link !== undefined);
  }

  /** How many addresses the worker said last that it answers on a link of this name. */
  heldOn(link: string): number {
    return this.held().filter((each) => each.link === link).length;
  }

  async counters(): Promise<WireCounters> {
    const before = this.all('counters').length;
    this.send({ kind: 'count' });
    await this.until('counters', () => this.all('counters').length > before);
    const last = this.all('counters').at(-1);
    if (last === undefined) throw new Error('no counters');
    return last.counters;
  }

  /** Waits for a line of a kind, also one that is there already. */
  async line<K extends Line['kind']>(kind: K): Promise<Extract<Line, { readonly kind: K }>> {
    await this.until(`line ${kind}`, () => this.all(kind).length > 0);
    const [first] = this.all(kind);
    if (first === undefined) throw new Error(`no line ${kind}`);
    return first;
  }

  /** Waits until something is true of the lines; fails after the deadline. */
  async until(what: string, isTrue: () => boolean): Promise<void> {
    await this.#waiters.until(what, isTrue);
  }

  #story(): string {
    const last = this.lines.slice(-5).map((line) => JSON.stringify(line));
    return `${last.join(' ')} ${this.#errors}`;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('wire process: not started');
    return this.#child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#isKilled = signal === 'SIGKILL' || signal === 'SIGTERM';
    this.#child.kill(signal);
  }

  /** Waits for the process to end; its exit code, or the name of the signal that ended it. */
  async exit(): Promise<number | NodeJS.Signals> {
    if (this.#child.exitCode === null && this.#child.signalCode === null)
      await once(this.#child, 'exit', { signal: AbortSignal.timeout(DEADLINE_MS) });
    const outcome = this.#child.exitCode ?? this.#child.signalCode;
    if (outcome === null) throw new Error('wire process: still running');
    return outcome;
  }
}
