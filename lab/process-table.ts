// The long-running programs of a lab, by target name (`agent/node1`, `etcd`): start, signal, restart, stop. Each has
// its own log, and none outlives the lab: the kernel kills them when the process that started them ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Duration, seconds } from '../src/time/duration.ts';

export type LabSignal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT' | 'SIGUSR2';

export interface ProcessSpec {
  /** `agent/node1`, `controller/0`, `apiserver`: unique in the table. */
  readonly target: string;
  /** The network namespace to run in; absent = this process's own. */
  readonly netns?: string;
  readonly argv: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Resolves when the program serves; start waits for it, and fails if the program ends before. Run again at restart. */
  readonly readyWhen?: (signal: AbortSignal) => Promise<unknown>;
}

/** How a process ended; `wasAsked` if the lab itself had sent it SIGTERM or SIGKILL. */
export interface ProcessExit {
  readonly target: string;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly wasAsked: boolean;
}

export interface LabProcess {
  readonly target: string;
  readonly netns: string | undefined;
  readonly argv: readonly string[];
  /** What was added to its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly logFile: string;
  /** `Stalled` after SIGSTOP. */
  readonly state: 'Running' | 'Stalled' | 'Exited';
  /** Set when it has ended. */
  readonly exit: ProcessExit | undefined;
}

interface Entry {
  readonly spec: ProcessSpec;
  readonly child: ChildProcess;
  readonly process: { -readonly [K in keyof LabProcess]: LabProcess[K] };
  readonly exited: Promise<ProcessExit>;
  wasAsked: boolean;
}

const GRACE = seconds(3);
const LOG_TAIL_LINES = 8;

export class ProcessTable {
  readonly #logsDir: string;
  readonly #entries = new Map<string, Entry>();
  readonly #handlers = new Set<(exit: ProcessExit) => void>();

  constructor(options: { readonly logsDir: string }) {
    this.#logsDir = options.logsDir;
    mkdirSync(options.logsDir, { recursive: true });
  }

  /** Starts a program; rejects if it cannot be started, runs already, or ends before it is ready. */
  async start(spec: ProcessSpec): Promise<LabProcess> {
    if (!/^[a-z0-9-]+(\/[a-z0-9.-]+)?$/.test(spec.target))
      throw new Error(`start "${spec.target}": want a target such as agent/node1`);
    const before = this.#entries.get(spec.target);
    if (before !== undefined && before.process.exit === undefined)
      throw new Error(`start "${spec.target}": it is running already`);
    const entry = await this.#spawn(spec);
    await untilReady(entry);
    return entry.process;
  }

  get(target: string): LabProcess | undefined {
    return this.#entries.get(target)?.process;
  }

  /** All that were ever started, in order of their first start. */
  list(): readonly LabProcess[] {
    return Array.from(this.#entries.values(), (entry) => entry.process);
  }

  /** Sends the signal; throws for a target that is unknown or has ended. */
  signal(target: string, signal: LabSignal): void {
    const entry = this.#entry(target);
    if (entry.process.exit !== undefined) throw new Error(`send ${signal} to "${target}": it has ended`);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') entry.wasAsked = true;
    entry.child.kill(signal);
    if (signal === 'SIGSTOP') entry.process.state = 'Stalled';
    if (signal === 'SIGCONT') entry.process.state = 'Running';
  }

  /** Resolves when the process has ended, at once if it has. */
  exited(target: string): Promise<ProcessExit> {
    return this.#entry(target).exited;
  }

  /** Asks the process to end, kills it after `grace`; resolves when it has ended. */
  async stop(target: string, grace: Duration = GRACE): Promise<ProcessExit> {
    const entry = this.#entry(target);
    if (entry.process.exit !== undefined) return entry.process.exit;
    this.signal(target, 'SIGTERM');
    if (entry.process.state === 'Stalled') this.signal(target, 'SIGCONT');
    const timer = setTimeout(() => entry.child.kill('SIGKILL'), grace);
    return entry.exited.finally(() => clearTimeout(timer));
  }

  /** Starts it again with the same arguments, after stopping it if it runs. */
  async restart(target: string): Promise<LabProcess> {
    const { spec } = this.#entry(target);
    await this.stop(target);
    return this.start(spec);
  }

  /** Stops everything at the same time. */
  async stopAll(grace: Duration = GRACE): Promise<void> {
    await Promise.all(Array.from(this.#entries.keys(), (target) => this.stop(target, grace)));
  }

  /** Tells of every end of a process, asked for or not; returns a function that ends the telling. */
  onExit(handler: (exit: ProcessExit) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  logFileOf(target: string): string {
    return join(this.#logsDir, `${target.replaceAll('/', '-')}.log`);
  }

  #entry(target: string): Entry {
    const entry = this.#entries.get(target);
    if (entry !== undefined) return entry;
    throw new Error(
      `find process "${target}": there is none; there are ${Array.from(this.#entries.keys()).join(', ') || 'none at all'}`,
    );
  }

  async #spawn(spec: ProcessSpec): Promise<Entry> {
    const { target, netns, argv } = spec;
    const logFile = this.logFileOf(target);
    const log = openSync(logFile, 'a');
    const [program = '', ...rest] = commandOf(spec);
    // A session of its own: Ctrl-C on the terminal is for the lab, which then stops its programs in order.
    const child = spawn(program, rest, {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, ...spec.env },
    });
    closeSync(log);
    // Without a pid it could not be started; `once` then rejects with the reason.
    const exit = once(child, 'exit');
    if (child.pid === undefined) throw await exit.then(undefined, (error: unknown) => error);
    const entry: Entry = {
      spec,
      child,
      process: {
        target,
        netns,
        argv,
        env: spec.env ?? {},
        pid: child.pid,
        logFile,
        state: 'Running',
        exit: undefined,
      },
      exited: exit.then(([code, signal]) =>
        this.#onExit(entry, code as number | null, signal as string | null),
      ),
      wasAsked: false,
    };
    this.#entries.set(target, entry);
    return entry;
  }

  #onExit(entry: Entry, code: number | null, signal: string | null): ProcessExit {
    const { target, pid } = entry.process;
    const exit: ProcessExit = { target, pid, code, signal, wasAsked: entry.wasAsked };
    entry.process.exit = exit;
    entry.process.state = 'Exited';
    for (const handler of this.#handlers) handler(exit);
    return exit;
  }
}

/**
 * setpriv (util-linux) sets the parent-death signal and becomes `ip netns exec`, which enters the namespace and becomes
 * the program: the pid is the program's own. The parent in this is the thread that starts it, so never a Worker.
 */
function commandOf(spec: ProcessSpec): readonly string[] {
  const inNetns = spec.netns === undefined ? [] : ['ip', 'netns', 'exec', spec.netns];
  return ['setpriv', '--pdeathsig', 'KILL', ...inNetns, ...spec.argv];
}

async function untilReady(entry: Entry): Promise<void> {
  const { readyWhen, target } = entry.spec;
  if (readyWhen === undefined) return;
  const abort = new AbortController();
  const died = entry.exited.then((exit) => {
    throw new Error(
      `start "${target}": it ended with ${exit.signal ?? `code ${exit.code}`} before it was ready:\n${logTail(entry)}`,
    );
  });
  try {
    await Promise.race([readyWhen(abort.signal), died]);
  } finally {
    abort.abort();
  }
}

function logTail(entry: Entry): string {
  const lines = readFileSync(entry.process.logFile, 'utf8').trimEnd().split('\n');
  return lines.slice(-LOG_TAIL_LINES).join('\n');
}
