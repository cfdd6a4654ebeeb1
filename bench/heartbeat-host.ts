// A program for the benches of heartbeats: a main thread as the agent's, with the bundled wire worker, which exchanges
// heartbeats and holds its part of the addresses that all nodes want.
//
// Usage, inside a namespace with one link: node bench/heartbeat-host.ts NODE NODES COUNT, where NODES are all that want
// addresses, with commas between. Prints `ready`; each line on stdin is answered with a line of JSON (HostReport).

import { createInterface } from 'node:readline';
import { keepSmall } from '../src/bin/memory.ts';
import type { HeartbeatTotals } from '../src/wire-worker/heartbeat-counters.ts';
import type { FromWorker } from '../src/wire-worker/messages.ts';
import { startBundledWorker } from './bundled-worker.ts';
import { settingsOf } from './heartbeat-keys.ts';
import { sharedAddresses } from './heartbeat-segment.ts';

export interface HostReport {
  /** What is held now, each as `UID EPOCH`. */
  readonly held: readonly string[];
  /** What was said last of each peer. */
  readonly peers: Readonly<Record<string, string>>;
  /** All that was ever said of peers, and how often. */
  readonly said: Readonly<Record<string, number>>;
  readonly totals: HeartbeatTotals;
}

keepSmall();
const [node = '', nodes = '', count = ''] = process.argv.slice(2);
const all = nodes.split(',').filter((name) => name !== '');
const { send, wire } = startBundledWorker(node, take);
createInterface({ input: process.stdin }).on('line', () => send({ kind: 'count' }));

const peers = new Map<string, string>();
const said = new Map<string, number>();

function take(message: FromWorker): void {
  switch (message.kind) {
    case 'ready':
      send({ kind: 'liveness', alive: all });
      send({ kind: 'heartbeats', settings: settingsOf(node) });
      send({ kind: 'want', isWhole: true, addresses: sharedAddresses(all, Number(count)), dropped: [] });
      console.log('ready');
      return;
    case 'log':
      if (/\bpeer\b/.test(message.message)) hear(`${message.values.node}`, message.message);
      else console.error(node, message.message, JSON.stringify(message.values));
      return;
    case 'counters':
      report(message.counters.heartbeats);
  }
}

function hear(peer: string, news: string): void {
  peers.set(peer, news);
  said.set(news, (said.get(news) ?? 0) + 1);
}

function report(totals: HeartbeatTotals): void {
  const held = Array.from(wire.allHeld(), ({ uid, epoch }) => `${uid} ${epoch}`);
  const told = { held, peers: Object.fromEntries(peers), said: Object.fromEntries(said), totals };
  console.log(JSON.stringify(told satisfies HostReport));
}
