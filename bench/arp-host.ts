// A program for the bench `arp`: a main thread as the agent's, with the bundled wire worker, which holds a range of
// addresses. After the line `busy` on stdin the main thread is blocked 50 ms in every 100, until `idle`.
//
// Usage, inside a namespace with one link: node bench/arp-host.ts FIRST_ADDRESS COUNT. Prints `ready` when all are held.

import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { WireState } from '../src/agent/wire-state.ts';
import { keepSmall } from '../src/bin/memory.ts';
import { createWaker } from '../src/host/linux/event-waker.ts';
import { formatAddress, parseAddress } from '../src/net/address.ts';
import type { WireWorkerData } from '../src/wire-worker/client.ts';
import { DEFAULT_HEARTBEAT } from '../src/wire-worker/election-times.ts';
import type { FromWorker, ToWorker, WantedAddress } from '../src/wire-worker/messages.ts';
import { createPulseBuffer, Pulse } from '../src/wire-worker/pulse.ts';

const NODE = 'bench';
const BLOCKED_MS = 50;
const PERIOD_MS = 100;

keepSmall();
const [first = '', count = ''] = process.argv.slice(2);
const waker = createWaker();
const pulse = createPulseBuffer();
const workerData: WireWorkerData = {
  node: NODE,
  wakerFd: waker.fd,
  pulse,
  hangTimeoutMs: 2000,
  heartbeat: DEFAULT_HEARTBEAT,
};
// As src/wire-worker/client.ts starts it; from here that would start the sources instead of the bundle.
const worker = new Worker(new URL('../dist/wire-worker.js', import.meta.url), {
  name: 'wire-worker',
  workerData,
  resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 },
});
worker.on('message', take);
const main = new Pulse(pulse);
setInterval(() => main.beatMain(), 100);
createInterface({ input: process.stdin }).on('line', obey);

function send(message: ToWorker): void {
  worker.postMessage(message);
  waker.wake();
}

const wire = new WireState();
let isReady = false;

function take(message: FromWorker): void {
  switch (message.kind) {
    case 'ready':
      send({ kind: 'liveness', alive: [NODE] });
      send({ kind: 'want', isWhole: true, addresses: wanted(), dropped: [] });
      return;
    case 'claim':
      send({ kind: 'recorded', uid: message.uid, epoch: message.epoch });
      return;
    case 'held':
      wire.setHeld(message);
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
