// Loaded by a bench before a program (node --import): its main thread stands still for the first part of each period, for
// as long as the file FAIRLEAD_LAB_STUTTER_FILE exists; it holds both in milliseconds, `200 400`. Each time adds a byte
// to the file of that name with `.PID` after it, so that whoever wanted it can see that it was so.

import { appendFileSync, readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const LOOK_MS = 1000;

if (isMainThread) {
  const file = process.env.FAIRLEAD_LAB_STUTTER_FILE ?? '';
  const never = new Int32Array(new SharedArrayBuffer(4));
  const turn = (): void => {
    const [still, period] = wanted(file);
    if (still !== undefined) {
      Atomics.wait(never, 0, 0, still);
      appendFileSync(`${file}.${process.pid}`, '.');
    }
    setTimeout(turn, still === undefined || period === undefined ? LOOK_MS : period - still).unref();
  };
  setTimeout(turn, LOOK_MS).unref();
}

/** Nothing while there is no such file. */
function wanted(file: string): readonly number[] {
  try {
    return readFileSync(file, 'latin1').trim().split(' ').map(Number);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
