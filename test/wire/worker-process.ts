// A program for the tests: a main thread with a wire worker, in the namespace it was started in. Commands come as
// lines of JSON on stdin, what the worker says goes out as lines of JSON on stdout. Arguments: how the waker is broken on
// purpose (`sound` for not at all), and the name of the node.

import { createInterface } from 'node:readline';
import type { Waker } from '../../src/host/host.ts';
import { createWaker } from '../../src/host/linux/event-waker.ts';
import { seconds } from '../../src/time/duration.ts';
import { startWireWorker } from '../../src/wire-worker/client.ts';
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
  /** Whether the thread hangs: answered with a line. */
  | { readonly kind: 'ask' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'exit'; readonly code: number }
  /** An exception that nobody catches. */
  | { readonly kind: 'throw' };

export type Line =
  | FromWorker
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

const worker = startWireWorker({
  node: process.argv[3] ?? 'node1',
  hangTimeout: seconds(2),
  waker: wakerFor(process.argv[2]),
  atExit: (handler) => process.on('exit', handler),
});
worker.onMessage(tell);
worker.onExit((error) => tell({ kind: 'exited', error: error?.message }));

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
