// Two network namespaces joined by a veth pair, made for one test and removed after it: a node and a client on one
// segment with no link to anything else.

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { inNamespace } from '../../lab/netns.ts';
import type { LinkSocket } from '../../src/host/host.ts';
import { openArpSocket } from '../../src/host/linux/packet-socket.ts';

export const NODE_MAC = '02:00:00:00:00:0b';
export const CLIENT_MAC = '02:00:00:00:00:c1';

/** Why these tests can not run here; undefined if they can. With FAIRLEAD_LAB=required that is an error. */
export const SKIP: string | false = unavailable();

function unavailable(): string | false {
  const missing = ['ip', 'tc', 'arping'].filter((program) => !isInstalled(program));
  const reasons = [
    ...(process.getuid?.() === 0 ? [] : ['needs root for network namespaces']),
    ...(missing.length > 0 ? [`needs the programs ${missing.join(', ')} (lab/setup installs them)`] : []),
  ];
  if (reasons.length === 0) return false;
  if (process.env.FAIRLEAD_LAB === 'required') throw new Error(`test/wire ${reasons.join(', ')}`);
  return reasons.join(', ');
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs a program to its end and returns its output; throws when it fails. */
export function run(...argv: readonly string[]): string {
  const [program = '', ...rest] = argv;
  const { status, stdout, stderr, error } = spawnSync(program, rest, { encoding: 'utf8', timeout: 20_000 });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${argv.join(' ')}: status ${status}: ${stderr}${stdout}`);
  return stdout;
}

/** Runs commands of ip(8) in one process, thousands in a second. */
export function runBatch(netns: string, lines: readonly string[]): void {
  const input = `${lines.join('\n')}\n`;
  const { status, stderr } = spawnSync('ip', ['-n', netns, '-batch', '-'], { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip -batch: status ${status}: ${stderr}`);
}

let count = 0;

export class Bed {
  readonly node: string;
  readonly client: string;

  constructor(test: TestContext) {
    const name = `fltest-${process.pid}-${++count}`;
    this.node = `${name}-n`;
    this.client = `${name}-c`;
    test.after(() => {
      for (const netns of [this.node, this.client]) spawnSync('ip', ['netns', 'del', netns]);
    });
    for (const netns of [this.node, this.client]) run('ip', 'netns', 'add', netns);
    this.connect();
    run('ip', '-n', this.client, 'addr', 'add', '10.77.255.254/16', 'dev', 'eth0');
  }

  /** Joins the two: `eth0` on both sides, the node's with an address of the segment. */
  connect(options: { readonly index?: number; readonly mac?: string } = {}): void {
    const { index, mac = NODE_MAC } = options;
    const fixed = index === undefined ? [] : ['index', String(index)];
    const peer = ['peer', 'name', 'eth0', 'address', CLIENT_MAC, 'netns', this.client];
    run('ip', '-n', this.node, 'link', 'add', 'eth0', ...fixed, 'address', mac, 'type', 'veth', ...peer);
    run('ip', '-n', this.node, 'addr', 'add', '10.77.0.11/16', 'dev', 'eth0');
    // Without link-local addresses nothing happens on the link by itself: their duplicate detection would wake a worker.
    for (const netns of [this.client, this.node]) this.link(netns, 'addrgenmode', 'none');
    this.link(this.client, 'up');
    this.link(this.node, 'up');
  }

  /** Sets something of eth0. */
  link(netns: string, ...settings: readonly string[]): void {
    run('ip', '-n', netns, 'link', 'set', 'dev', 'eth0', ...settings);
  }

  /** Lets so little through the node's eth0 that its queue is full after a few frames; `false` undoes that. */
  throttle(isThrottled: boolean): void {
    const qdisc = ['tbf', 'rate', '8kbit', 'burst', '100', 'limit', '200'];
    const change = isThrottled ? ['add', 'dev', 'eth0', 'root', ...qdisc] : ['del', 'dev', 'eth0', 'root'];
    run('tc', '-n', this.node, 'qdisc', ...change);
  }

  /** The index of the node's eth0. */
  index(): number {
    return this.indexIn(this.node);
  }

  indexIn(netns: string): number {
    const [link]: { readonly ifindex: number }[] = JSON.parse(
      run('ip', '-j', '-n', netns, 'link', 'show', 'eth0'),
    );
    if (link === undefined) throw new Error(`find eth0 in ${netns}: none`);
    return link.ifindex;
  }

  /** One of our own sockets on eth0 of a namespace, closed with the test. */
  socket(test: TestContext, netns: string): LinkSocket {
    const link = { index: this.indexIn(netns), name: 'eth0' };
    const socket = inNamespace(netns, () => openArpSocket(link));
    test.after(() => socket.close());
    return socket;
  }

  /** Asks from the client for an address; the MACs that answered within `seconds`, until the first. */
  arping(address: string, seconds = 1): readonly string[] {
    const argv = ['netns', 'exec', this.client, 'arping', '-f', '-w', String(seconds), '-I', 'eth0', address];
    const { stdout, error } = spawnSync('ip', argv, { encoding: 'utf8', timeout: 20_000 });
    if (error !== undefined) throw error;
    return Array.from(stdout.matchAll(/reply from \S+ \[([0-9A-F:]+)\]/gi), ([, mac = '']) =>
      mac.toLowerCase(),
    );
  }

  /** The MAC that the client's kernel has for an address. */
  neighbour(address: string): string | undefined {
    const entries: { readonly lladdr?: string }[] = JSON.parse(
      run('ip', '-j', '-n', this.client, 'neigh', 'show', 'to', address, 'dev', 'eth0'),
    );
    return entries[0]?.lladdr;
  }
}
