// A UDP prober at the lab's client: a process of its own inside the client's namespace that sends one numbered
// datagram per interval and address and prints each answer, so that gaps in service are seen from outside.
//
// Usage: node lab/prober.ts ADDRESS[,ADDRESS]… PORT INTERVAL-MS; prints JSON lines, the sent count last, after SIGTERM.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Duration, milliseconds } from '../src/time/duration.ts';

export interface ProbeTarget {
  readonly address: string;
  readonly port: number;
  readonly interval: Duration;
  /** Further addresses, each probed as often. */
  readonly others?: readonly string[];
}

/** One answered datagram; times are of process.hrtime, which all processes of a machine share. */
export interface ProbeReply {
  readonly address: string;
  readonly sequence: number;
  readonly pod: string;
  readonly node: string;
  readonly sentAt: Duration;
  readonly receivedAt: Duration;
}

export interface ProbeReport {
  readonly sent: number;
  readonly replies: readonly ProbeReply[];
}

export interface Prober {
  readonly replies: readonly ProbeReply[];
  /** Ends the probing and waits for the answers under way; may be called again. */
  stop(): Promise<ProbeReport>;
}

/** The longest time between two answers; Infinity without any. */
export function longestGap(report: ProbeReport): Duration {
  const times = report.replies.map((reply) => reply.receivedAt);
  const gaps = times.slice(1).map((time, i) => time - (times[i] ?? time));
  return milliseconds(times.length === 0 ? Number.POSITIVE_INFINITY : Math.max(0, ...gaps));
}

/** Starts a prober inside `netns`; resolves when its process has sent its first datagram. */
export async function startProber(netns: string, target: ProbeTarget): Promise<Prober> {
  const program = fileURLToPath(import.meta.url);
  const addresses = [target.address, ...(target.others ?? [])].join();
  const argv = [program, addresses, String(target.port), String(target.interval)];
  const child = spawn('ip', ['netns', 'exec', netns, process.execPath, ...argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const replies: ProbeReply[] = [];
  const started = Promise.withResolvers<void>();
  let sent = 0;
  child.on('exit', (code) =>
    started.reject(new Error(`probe "${target.address}": the prober ended with ${code}`)),
  );
  createInterface({ input: child.stdout }).on('line', (line) => {
    const record = JSON.parse(line) as ProbeReply | { readonly sent: number };
    if ('sent' in record) sent = record.sent;
    else replies.push(record);
    started.resolve();
  });
  await started.promise;
  return { replies, stop: () => stop(child, () => ({ sent, replies })) };
}

async function stop(
  child: ChildProcessByStdio<null, Readable, null>,
  report: () => ProbeReport,
): Promise<ProbeReport> {
  if (child.exitCode !== null || child.signalCode !== null) return report();
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  await closed;
  return report();
}

const now = (): Duration => milliseconds(Number(process.hrtime.bigint()) / 1e6);

const print = (record: unknown): boolean => process.stdout.write(`${JSON.stringify(record)}\n`);

/** How long answers to the last datagrams are awaited. */
const GRACE = milliseconds(200);

function probe(target: ProbeTarget): void {
  const socket = createSocket(isIPv6(target.address) ? 'udp6' : 'udp4');
  const addresses = [target.address, ...(target.others ?? [])];
  const sentAt: Duration[] = [];
  socket.on('message', (payload) => {
    const receivedAt = now();
    const { sequence, pod, node } = JSON.parse(payload.toString()) as ProbeReply;
    const address = addresses[sequence % addresses.length];
    print({ address, sequence, pod, node, sentAt: sentAt[sequence], receivedAt });
  });
  // Host unreachable, port unreachable: the outage that is being measured.
  socket.on('error', () => undefined);
  const send = (address: string): void => {
    socket.send(String(sentAt.length), target.port, address, () => undefined);
    if (sentAt.push(now()) === 1) print({ sent: 0 });
  };
  const timer = setInterval(() => addresses.forEach(send), target.interval);
  process.once('SIGTERM', () => {
    clearInterval(timer);
    setTimeout(() => {
      print({ sent: sentAt.length });
      socket.close();
    }, GRACE);
  });
}

if (import.meta.main) {
  const [addresses = '', port = '', interval = ''] = process.argv.slice(2);
  const [address = '', ...others] = addresses.split(',');
  probe({ address, others, port: Number(port), interval: milliseconds(Number(interval)) });
}
