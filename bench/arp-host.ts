// A program for the bench `arp`: a main thread as the agent's, with the bundled wire worker, which holds a range of
// addresses. After the line `busy` on stdin the main thread is blocked 50 ms in every 100, until `idle`.
//
// Usage, inside a namespace with one link: node bench/arp-host.ts FIRST_ADDRESS COUNT. Prints `ready` when all are held.

import { createInterface } from 'node:readline';
import { keepSmall } from '../src/bin/memory.ts';
import { formatAddress, parseAddress } from '../src/net/address.ts';
import type { FromWorker, WantedAddress } from '../src/wire-worker/messages.ts';
import { startBundledWorker } from './bundled-worker.ts';

const NODE = 'bench';
const BLOCKED_MS = 50;
const PERIOD_MS = 100;

keepSmall();
const [first = '', count = ''] = process.argv.slice(2);
const { send, wire } = startBundledWorker(NODE, take);
createInterface({ input: process.stdin }).on('line', obey);

let isReady = false;

function take(message: FromWorker): void {
  switch (message.kind) {
    case 'ready':
      send({ kind: 'liveness', alive: [NODE] });
      send({ kind: 'want', isWhole: true, addresses: wanted(), dropped: [] });
      return;
    case 'held':
      if (isReady || linked() < Number(count)) return;
      isReady = true;
      console.log('ready');
  }
}

const linked = (): number => [...wire.allHeld()].filter(({ link }) => link !== undefined).length;

function wanted(): readonly WantedAddress[] {
  const base = parseAddress(first);
  if (base === undefined) throw new Error(`hold addresses from "${first}": want an address`);
  return Array.from({ length: Number(count) }, (_, i) => ({
    uid: `uid-${i}`,
    name: `vip-${i}`,
    address: formatAddress({ ...base, value: base.value + BigInt(i) }),
    createdAt: 0,
    candidates: [NODE],
    record: { holder: undefined, epoch: 0 },
    interfaces: [],
  }));
}

let load: NodeJS.Timeout | undefined;

function obey(line: string): void {
  clearInterval(load);
  if (line === 'busy') load = setInterval(block, PERIOD_MS);
  console.log(line);
}

const TEXT = JSON.stringify(
  Array.from({ length: 500 }, (_, i) => ({ name: `shop-${i}`, uid: `uid-${i}`, i })),
);

/** What blocks an agent for long: a large document, and the garbage that it leaves. */
function block(): void {
  const end = performance.now() + BLOCKED_MS;
  while (performance.now() < end) JSON.parse(TEXT);
}
