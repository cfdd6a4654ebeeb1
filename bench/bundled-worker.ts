// The bundled wire worker under the main thread of a bench's own program, which stands for an agent's.

import { Worker } from 'node:worker_threads';
import { createWaker } from '../src/host/linux/event-waker.ts';
import type { WireWorkerData } from '../src/wire-worker/client.ts';
import { DEFAULT_HEARTBEAT } from '../src/wire-worker/election-times.ts';
import type { FromWorker, ToWorker } from '../src/wire-worker/messages.ts';
import { createPulseBuffer, Pulse } from '../src/wire-worker/pulse.ts';

/** As src/wire-worker/client.ts starts it; from here that would start the sources instead of the bundle. */
export function startBundledWorker(
  node: string,
  take: (message: FromWorker) => void,
): (message: ToWorker) => void {
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
  worker.on('message', take);
  const main = new Pulse(pulse);
  setInterval(() => main.beatMain(), 100);
  return (message) => {
    worker.postMessage(message);
    waker.wake();
  };
}
