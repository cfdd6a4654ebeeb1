// Loaded by the lab before a program (node --import): on SIGUSR2 the main thread stands still for as long as the file
// FAIRLEAD_LAB_HANG_FILE exists.

import { existsSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const LOOK_MS = 20;

if (isMainThread) {
  const file = process.env.FAIRLEAD_LAB_HANG_FILE;
  const never = new Int32Array(new SharedArrayBuffer(4));
  process.on('SIGUSR2', () => {
    while (file !== undefined && existsSync(file)) Atomics.wait(never, 0, 0, LOOK_MS);
  });
}
