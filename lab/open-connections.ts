// Connections that stay open at the lab's client: a process of its own inside the client's namespace that asks over each
// of them, again and again, and tells in the end which of them are still answered.
//
// Usage: node lab/open-connections.ts ADDRESS PORT INTERVAL-MS COUNT; prints JSON lines, ends after SIGTERM.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { seconds } from '../src/time/duration.ts';
import type { ProbeTarget } from './prober.ts';

export interface OpenConnections {
  /** Waits for a last answer over each; resolves with how many gave none, were reset or closed. */
  countBroken(): Promise<number>;
  stop(): void;
}

type Line = { readonly kind: 'open' } | { readonly kind: 'end'; readonly broken: number };

/** Opens them inside `netns`; resolves when every one of them has been answered. */
export async function openConnections(
  netns: string,
  target: ProbeTarget & { readonly count: number },
): Promise<OpenConnections> {
  const how = [target.address, target.port, target.interval, target.count].map(String);
  const argv = ['netns', 'exec', netns, process.execPath, fileURLToPath(import.meta.url), ...how];
  const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [opened, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()];
  ended.promise.catch(() => undefined);
  child.on('exit', (code) => {
    const error = new Error(`keep connections to "${target.address}": the client ended with ${code}`);
    opened.reject(error);
    ended.reject(error);
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    if (line.kind === 'open') opened.resolve();
    else ended.resolve(line.broken);
  });
  await opened.promise;
  return {
    countBroken: async () => {
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      await closed;
      return ended.promise;
    },
    stop: () => void child.kill('SIGKILL'),
  };
}

/** Longer than a few retransmissions of TCP. */
const LAST_ANSWER = seconds(5);

class Connection {
  readonly #socket: Socket;
  readonly #request: string;
  #isOver = false;
  answers = 0;

  constructor({ address, port }: Pick<ProbeTarget, 'address' | 'port'>, onAnswer: () => void) {
    this.#request = `GET / HTTP/1.1\r\nhost: ${address}\r\n\r\n`;
    this.#socket = createConnection({ host: address, port });
    this.#socket.setNoDelay(true);
    // The answers are short: one arrival is one answer.
    this.#socket.on('data', () => {
      this.answers++;
      onAnswer();
    });
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => {
      this.#isOver = true;
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  ask(): void {
    if (!this.#isOver) this.#socket.write(this.#request);
  }
}

function keep(target: ProbeTarget, count: number): void {
  const print = (line: Line): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
  let isOpen = false;
  const connections: Connection[] = [];
  const tellOpen = (): void => {
    if (isOpen || connections.some(({ answers }) => answers === 0)) return;
    isOpen = true;
    print({ kind: 'open' });
  };
  for (let index = 0; index < count; index++) connections.push(new Connection(target, tellOpen));
  const timer = setInterval(() => {
    for (const connection of connections) connection.ask();
  }, target.interval);
  process.once('SIGTERM', () => {
    const before = connections.map(({ answers }) => answers);
    setTimeout(() => {
      clearInterval(timer);
      const broken = connections.filter(
        ({ isOver, answers }, index) => isOver || answers === (before[index] ?? 0),
      );
      print({ kind: 'end', broken: broken.length });
      process.exit(0);
    }, LAST_ANSWER);
  });
}

if (import.meta.main) {
  const [address = '', port = '', interval = '', count = ''] = process.argv.slice(2);
  keep({ address, port: Number(port), interval: Number(interval) as ProbeTarget['interval'] }, Number(count));
}
