// Loaded by a test before a program (node --import): its worker threads stand still in the middle of their loop for as
// long as the file FAIRLEAD_LAB_HANG_FILE exists. A wire worker counts its turns in shared memory, and there it is caught.

import { existsSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const LOOK_MS = 20;

if (!isMainThread) {
  const file = process.env.FAIRLEAD_LAB_HANG_FILE;
  const never = new Int32Array(new SharedArrayBuffer(4));
  const { load } = Atomics;
  Object.defineProperty(Atomics, 'load', {
    value: (counts: Int32Array, index: number): number => {
      while (file !== undefined && existsSync(file)) Atomics.wait(never, 0, 0, LOOK_MS);
      return load(counts, index);
    },
  });
}
