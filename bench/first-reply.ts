// A UDP prober for the moment at which an address begins to answer: one datagram each millisecond, each a new flow. (A node that sees a flow before kube-proxy's rules are there remembers it as not translated, for as long as
// it goes on: with one socket the first datagrams would spoil all that follow. A new client is a new flow.)
//
// Usage, inside the client's namespace: node bench/first-reply.ts ADDRESS PORT. Prints JSON lines; ends on SIGTERM.

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface FirstReplyProber {
  /** When the first answer came, in milliseconds of the clock that all processes share; undefined before. */
  receivedAt(): number | undefined;
  stop(): Promise<void>;
}

type Line = { readonly kind: 'started' } | { readonly kind: 'reply'; readonly receivedAt: number };

/** Starts a prober inside `netns`; resolves when its first datagram is sent. */
export async function startFirstReplyProber(
  netns: string,
  target: { readonly address: string; readonly port: number },
): Promise<FirstReplyProber> {
  const argv = [fileURLToPath(import.meta.url), target.address, String(target.port)];
  const child = spawn('ip', ['netns', 'exec', netns, process.execPath, ...argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const started = Promise.withResolvers<void>();
  let receivedAt: number | undefined;
  child.on('exit', (code) =>
    started.reject(new Error(`probe ${target.address}: the prober ended with ${code}`)),
  );
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    if (line.kind === 'started') started.resolve();
    else receivedAt ??= line.receivedAt;
  });
  await started.promise;
  return {
    receivedAt: () => receivedAt,
    stop: async () => {
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      await closed;
    },
  };
}

/** Milliseconds of the clock that all processes of a machine share. */
export const sharedNow = (): number => Number(process.hrtime.bigint()) / 1e6;

const INTERVAL_MS = 1;

/**
 * Sockets are opened beforehand and used in turn, because opening one costs more than sending: a round takes longer than
 * any answer that is measured, so a flow is never seen twice before there are answers.
 */
const FLOWS = 1500;

function probe(address: string, port: number): void {
  const print = (line: Line): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
  let isAnswered = false;
  const flows = Array.from({ length: FLOWS }, () => createSocket('udp4'));
  for (const socket of flows) {
    socket.on('message', () => {
      const receivedAt = sharedNow();
      if (!isAnswered) print({ kind: 'reply', receivedAt });
      isAnswered = true;
    });
    // Host unreachable, port unreachable: what not being reachable looks like.
    socket.on('error', () => undefined);
  }
  let sent = 0;
  const timer = setInterval(() => {
    if (isAnswered) clearInterval(timer);
    else flows[sent++ % FLOWS]?.send('probe', port, address, () => undefined);
    if (sent === 1) print({ kind: 'started' });
  }, INTERVAL_MS);
  process.once('SIGTERM', () => process.exit(0));
}

if (import.meta.main) {
  const [address = '', port = ''] = process.argv.slice(2);
  probe(address, Number(port));
}
