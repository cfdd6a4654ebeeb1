// The wire worker's composition root: the second thread starts here, constructs the real host and runs the loop until
// it is told to stop. It writes nothing to stdout and never returns to Node's event loop in between.

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { createWireHost } from '../host/linux/wire-host.ts';
import { milliseconds } from '../time/duration.ts';
import type { WireWorkerData } from './client.ts';
import { WireLoop } from './loop.ts';
import { MainWatch } from './main-watch.ts';
import { Pulse } from './pulse.ts';

const port = parentPort;
if (port === null) throw new Error('start wire worker: on the main thread, want a Worker');
const { node, wakerFd, pulse, hangTimeoutMs, heartbeat }: WireWorkerData = workerData;

const loop = new WireLoop({
  host: createWireHost(),
  node,
  wakerFd,
  // The port's own events need the event loop, which stands still while the thread waits in poll.
  receive: () => receiveMessageOnPort(port)?.message,
  post: (message) => port.postMessage(message),
  heartbeat,
  mainWatch: new MainWatch(new Pulse(pulse), milliseconds(hangTimeoutMs)),
});
try {
  loop.run();
} finally {
  loop.close();
}
