// A TCP prober at the lab's client: a process of its own inside the client's namespace that opens one connection per
// interval, each only to see it established, and prints how each went.
//
// Usage: node lab/tcp-prober.ts ADDRESS PORT INTERVAL-MS; prints JSON lines, ends after SIGTERM.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Duration, milliseconds } from '../src/time/duration.ts';
import type { ProbeTarget } from './prober.ts';

/** One attempt; times are of process.hrtime, which all processes of a machine share. */
export interface ConnectAttempt {
  readonly begunAt: Duration;
  /** When it was established; absent if it was not in time, or refused. */
  readonly connectedAt?: Duration;
}

export interface TcpProber {
  /** Those that are decided, in the order of their decisions. */
  readonly attempts: readonly ConnectAttempt[];
  /** Ends the probing and waits for the attempts under way. */
  stop(): Promise<readonly ConnectAttempt[]>;
}

/** Below the second after which a lost SYN is sent again (RFC 6298): one that is lost makes a lost attempt. */
export const CONNECT_LIMIT = milliseconds(900);

/** Starts a prober inside `netns`; resolves when its first attempt is decided. */
export async function startTcpProber(netns: string, target: ProbeTarget): Promise<TcpProber> {
  const argv = [fileURLToPath(import.meta.url), target.address, String(target.port), String(target.interval)];
  const child = spawn('ip', ['netns', 'exec', netns, process.execPath, ...argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const attempts: ConnectAttempt[] = [];
  const started = Promise.withResolvers<void>();
  child.on('exit', (code) =>
    started.reject(new Error(`connect to "${target.address}": the prober ended with ${code}`)),
  );
  createInterface({ input: child.stdout }).on('line', (line) => {
    attempts.push(JSON.parse(line) as ConnectAttempt);
    started.resolve();
  });
  await started.promise;
  return {
    attempts,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return attempts;
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      await closed;
      return attempts;
    },
  };
}

const now = (): Duration => milliseconds(Number(process.hrtime.bigint()) / 1e6);

const print = (attempt: ConnectAttempt): boolean => process.stdout.write(`${JSON.stringify(attempt)}\n`);

function attempt({ address, port }: Pick<ProbeTarget, 'address' | 'port'>): void {
  const begunAt = now();
  const socket = createConnection({ host: address, port });
  let isDecided = false;
  const decide = (connectedAt?: Duration): void => {
    if (isDecided) return;
    isDecided = true;
    clearTimeout(timer);
    print({ begunAt, ...(connectedAt === undefined ? {} : { connectedAt }) });
    // No TIME_WAIT: the client's ports must last.
    socket.resetAndDestroy();
  };
  const timer = setTimeout(decide, CONNECT_LIMIT);
  socket.on('connect', () => decide(now()));
  // Refused, reset, unreachable: what is counted.
  socket.on('error', () => decide());
}

if (import.meta.main) {
  const [address = '', port = '', interval = ''] = process.argv.slice(2);
  const timer = setInterval(() => attempt({ address, port: Number(port) }), Number(interval));
  process.once('SIGTERM', () => clearInterval(timer));
}
