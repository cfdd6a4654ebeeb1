// A program for the tests: a main thread with a wire worker, in the namespace it was started in. Commands come as
// lines of JSON on stdin, what the worker says goes out as lines of JSON on stdout. Arguments: how the waker is broken on
// purpose (`sound` for not at all), the name of the node, and how many heartbeats of its own it may miss before it doubts what
// it holds.

import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Worker } from 'node:worker_threads';
import type { Waker } from '../../src/host/host.ts';
import { createWaker } from '../../src/host/linux/event-waker.ts';
import { seconds } from '../../src/time/duration.ts';
import { startWireWorker } from '../../src/wire-worker/client.ts';
import { DEFAULT_HEARTBEAT } from '../../src/wire-worker/election-times.ts';
import type { HeartbeatSettings } from '../../src/wire-worker/heartbeat-settings.ts';
import type { FromWorker, ToWorker } from '../../src/wire-worker/messages.ts';

export type Command =
  | { readonly kind: 'send'; readonly message: ToWorker }
  /** Exchanges heartbeats with one key, of the id 1. */
  | {
      readonly kind: 'heartbeats';
      readonly settings: Omit<HeartbeatSettings, 'keys'>;
      readonly secret: readonly number[];
    }
  /** Blocks the main thread: no event, no timer, no message. */
  | { readonly kind: 'block'; readonly milliseconds: number }
  /** Collects garbage in both threads and says what is left. */
  | { readonly kind: 'weigh' }
  /** Whether the thread hangs: answered with a line. */
  | { readonly kind: 'ask' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'exit'; readonly code: number }
  /** An exception that nobody catches. */
  | { readonly kind: 'throw' };

/** Bytes in use after a collection, and how many descriptors are open. */
export interface Weight {
  readonly mainHeap: number;
  readonly workerHeap: number;
  /** Outside the heaps: buffers, and what native code allocated. */
  readonly workerExternal: number;
  readonly mainExternal: number;
  readonly resident: number;
  readonly descriptors: number;
}

export type Line =
  | FromWorker
  | ({ readonly kind: 'weight' } & Weight)
  | { readonly kind: 'blocking' }
  | { readonly kind: 'stuck'; readonly isStuck: boolean }
  | { readonly kind: 'stopped'; readonly error: string | undefined }
  | { readonly kind: 'exited'; readonly error: string | undefined };

// Written at once and synchronously, because a blocked or exiting main thread writes nothing later.
const tell = (line: Line): void => console.log(JSON.stringify(line));

/** How the waker is broken on purpose: `deaf` wakes nobody, `closed` is a descriptor that is not open. */
function wakerFor(fault: string | undefined): Waker {
  const waker = createWaker();
  if (fault === 'deaf') return { ...waker, wake: () => {} };
  if (fault === 'closed') return { fd: 9999, wake: () => {}, drain: () => {}, close: () => waker.close() };
  return waker;
}

let thread: Worker | undefined;
process.on('worker', (started) => {
  thread = started;
});

const worker = startWireWorker({
  node: process.argv[3] ?? 'node1',
  hangTimeout: seconds(2),
  heartbeat: { ...DEFAULT_HEARTBEAT, ...(process.argv[4] && { multiplier: Number(process.argv[4]) }) },
  waker: wakerFor(process.argv[2]),
  atExit: (handler) => process.on('exit', handler),
});
worker.onMessage(tell);
worker.onExit((error) => tell({ kind: 'exited', error: error?.message }));

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

async function weigh(): Promise<Weight> {
  if (thread === undefined) throw new Error('weigh: no thread');
  // Twice, because the first collection only finds whose finalizers are to run.
  for (let i = 0; i < 2; i++) {
    collect();
    await new Promise(setImmediate);
  }
  const { heapUsed: mainHeap, external: mainExternal, rss: resident } = process.memoryUsage();
  const descriptors = readdirSync('/proc/self/fd').length;
  // A snapshot begins with a full collection, and there is no other way to have one on that thread. The thread takes
  // such requests between two lines of JavaScript, so it has to be woken for each.
  const pending = thread.getHeapSnapshot();
  worker.send({ kind: 'count' });
  for await (const _ of await pending);
  const measured = thread.getHeapStatistics();
  worker.send({ kind: 'count' });
  const { used_heap_size: workerHeap, external_memory: workerExternal } = await measured;
  return { mainHeap, workerHeap, workerExternal, mainExternal, resident, descriptors };
}

function obey(command: Command): void {
  switch (command.kind) {
    case 'send':
      return worker.send(command.message);
    case 'heartbeats': {
      const keys = [{ id: 1, secret: Uint8Array.from(command.secret) }];
      return worker.send({ kind: 'heartbeats', settings: { ...command.settings, keys } });
    }
    case 'block':
      tell({ kind: 'blocking' });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, command.milliseconds);
      return;
    case 'weigh':
      void weigh().then((weight) => tell({ kind: 'weight', ...weight }));
      return;
    case 'ask':
      return tell({ kind: 'stuck', isStuck: worker.isStuck() });
    case 'stop':
      worker.stop().then(
        () => tell({ kind: 'stopped', error: undefined }),
        (error: Error) => tell({ kind: 'stopped', error: error.message }),
      );
      return;
    case 'exit':
      return process.exit(command.code);
    case 'throw':
      throw new Error('asked to fail');
  }
}

createInterface({ input: process.stdin }).on('line', (line) => obey(JSON.parse(line) as Command));
