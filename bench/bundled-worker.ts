// The bundled wire worker under the main thread of a bench's own program, which stands for an agent's.

import { Worker } from 'node:worker_threads';
import { WireState } from '../src/agent/wire-state.ts';
import { createWaker } from '../src/host/linux/event-waker.ts';
import type { WireWorkerData } from '../src/wire-worker/client.ts';
import { DEFAULT_HEARTBEAT } from '../src/wire-worker/election-times.ts';
import type { FromWorker, ToWorker } from '../src/wire-worker/messages.ts';
import { createPulseBuffer, Pulse } from '../src/wire-worker/pulse.ts';

export interface BundledWorker {
  readonly send: (message: ToWorker) => void;
  /** What it holds, by what it told last. */
  readonly wire: WireState;
}

/**
 * As src/wire-worker/client.ts starts it; from here that would start the sources instead of the bundle. Each claim is
 * answered as if it had been recorded; `take` sees every message, after that.
 */
export function startBundledWorker(node: string, take: (message: FromWorker) => void): BundledWorker {
  const waker = createWaker();
  const pulse = createPulseBuffer();
  const workerData: WireWorkerData = {
    node,
    wakerFd: waker.fd,
    pulse,
    hangTimeoutMs: 2000,
    heartbeat: DEFAULT_HEARTBEAT,
  };
  const worker = new Worker(new URL('../dist/wire-worker.js', import.meta.url), {
    name: 'wire-worker',
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 },
  });
  const wire = new WireState();
  const send = (message: ToWorker): void => {
    worker.postMessage(message);
    waker.wake();
  };
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'claim') send({ kind: 'recorded', uid: message.uid, epoch: message.epoch });
    if (message.kind === 'held') wire.setHeld(message);
    take(message);
  });
  const main = new Pulse(pulse);
  setInterval(() => main.beatMain(), 100);
  return { send, wire };
}
