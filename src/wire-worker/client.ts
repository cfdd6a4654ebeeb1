// The main thread's handle on the wire worker: starts the thread, passes messages, and ends it even while it is
// blocked in poll(2), where Node alone can not reach it.

import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { Waker } from '../host/host.ts';
import type { Duration } from '../time/duration.ts';
import type { HeartbeatTimes } from './election-times.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { createPulseBuffer, Pulse } from './pulse.ts';

/** What the thread is given at its start. */
export interface WireWorkerData {
  readonly node: string;
  /** Descriptor of the waker that tells it of messages. */
  readonly wakerFd: number;
  readonly pulse: SharedArrayBuffer;
  readonly hangTimeoutMs: number;
  readonly heartbeat: HeartbeatTimes;
}

export interface WireWorkerOptions {
  /** Name of this node. */
  readonly node: string;
  /** A main thread that has not moved for this long hands its addresses over. */
  readonly hangTimeout: Duration;
  readonly heartbeat: HeartbeatTimes;
  /** Made for this worker, which closes it when the thread has ended. */
  readonly waker: Waker;
  /**
   * Has `handler` called when the process ends in whatever way. process.exit() waits for all threads, and for ever for
   * one that is blocked in poll, so the worker must be told.
   */
  readonly atExit: (handler: () => void) => void;
}

export interface WireWorker {
  send(message: ToWorker): void;
  onMessage(handler: (message: FromWorker) => void): void;
  /** Called once when the thread has ended: with an error unless `stop` was asked for. */
  onExit(handler: (error?: Error) => void): void;
  /** The thread has not moved for a long time, although this one has. */
  isStuck(): boolean;
  /** Ends the thread; rejects if it had to be terminated by force, or could not be within a second. */
  stop(): Promise<void>;
}

/** A blocked thread ends within milliseconds of being woken; one that does not is stuck. */
const STOP_TIMEOUT_MS = 900;

/** Few young objects live long here; a small young generation keeps collections, and so the pauses, short. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 };

/** How often the main thread shows that it moves. */
const BEAT_INTERVAL_MS = 100;

/** Beats of ours without one of the worker's, which wakes up four times a second, until it counts as stuck: 10 s. */
const STUCK_BEATS = 100;

export function startWireWorker({
  node,
  hangTimeout,
  heartbeat,
  waker,
  atExit,
}: WireWorkerOptions): WireWorker {
  const pulse = createPulseBuffer();
  const workerData: WireWorkerData = {
    node,
    wakerFd: waker.fd,
    pulse,
    hangTimeoutMs: hangTimeout,
    heartbeat,
  };
  const thread = startThread({ name: 'wire-worker', workerData, resourceLimits: RESOURCE_LIMITS });
  const worker = new WireThread(thread, waker, new Pulse(pulse));
  atExit(() => worker.send({ kind: 'stop' }));
  return worker;
}

/** From source the thread starts at entry.ts; the bundle has a file of its own for it, beside the main one. */
function startThread(options: WorkerOptions): Worker {
  return import.meta.url.endsWith('.ts')
    ? new Worker(new URL('./entry.ts', import.meta.url), options)
    : new Worker(new URL('./wire-worker.js', import.meta.url), options);
}

class WireThread implements WireWorker {
  readonly #thread: Worker;
  readonly #waker: Waker;
  readonly #exited = Promise.withResolvers<void>();
  #error: Error | undefined;
  #stopping: Promise<void> | undefined;
  #hasExited = false;
  #workerBeat = 0;
  #beatsWithout = 0;

  constructor(thread: Worker, waker: Waker, pulse: Pulse) {
    this.#thread = thread;
    this.#waker = waker;
    const beats = setInterval(() => this.#beat(pulse), BEAT_INTERVAL_MS).unref();
    thread.on('error', (error: Error) => {
      this.#error = error;
    });
    thread.once('exit', () => {
      this.#hasExited = true;
      clearInterval(beats);
      waker.close();
      this.#exited.resolve();
    });
  }

  /** Counts its own beats and not time, so that a process that was stopped suspects nobody. */
  #beat(pulse: Pulse): void {
    pulse.beatMain();
    const beat = pulse.worker();
    this.#beatsWithout = beat === this.#workerBeat ? this.#beatsWithout + 1 : 0;
    this.#workerBeat = beat;
  }

  isStuck(): boolean {
    return this.#beatsWithout >= STUCK_BEATS;
  }

  send(message: ToWorker): void {
    if (this.#hasExited) return;
    this.#thread.postMessage(message);
    this.#waker.wake();
  }

  onMessage(handler: (message: FromWorker) => void): void {
    this.#thread.on('message', handler);
  }

  onExit(handler: (error?: Error) => void): void {
    void this.#exited.promise.then(() => {
      const isExpected = this.#stopping !== undefined && this.#error === undefined;
      if (isExpected) handler();
      else handler(this.#error ?? new Error('wire worker ended: not asked to stop'));
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.send({ kind: 'stop' });
    const timer = Promise.withResolvers<'Late'>();
    const timeout = setTimeout(() => timer.resolve('Late'), STOP_TIMEOUT_MS);
    const outcome = await Promise.race([this.#exited.promise, timer.promise]);
    clearTimeout(timeout);
    if (outcome !== 'Late') return;
    // Not awaited: it can not reach a thread that is stuck in a system call.
    void this.#thread.terminate();
    throw new Error(`stop wire worker: still running after ${STOP_TIMEOUT_MS} ms, terminated`);
  }
}
