// Two counters in memory that both threads see: each raises its own while it runs, and reads the other's. So the wire
// worker notices a main thread that hangs, and the main thread a worker that does, without a message passing.

const MAIN = 0;
const WORKER = 1;

/** What `Pulse` lies in; it crosses the thread boundary in workerData. */
export const createPulseBuffer = (): SharedArrayBuffer => new SharedArrayBuffer(8);

export class Pulse {
  readonly #counts: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#counts = new Int32Array(buffer);
  }

  beatMain(): void {
    Atomics.add(this.#counts, MAIN, 1);
  }

  beatWorker(): void {
    Atomics.add(this.#counts, WORKER, 1);
  }

  /** Wraps around; only whether it changed means something. */
  main(): number {
    return Atomics.load(this.#counts, MAIN);
  }

  worker(): number {
    return Atomics.load(this.#counts, WORKER);
  }
}
