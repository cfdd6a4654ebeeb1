// A lock between processes on this machine: an exclusive flock on a file, which the kernel gives back when its holder
// ends, however it ends.

import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock } from './syscalls.ts';

const RETRY_MS = 10;

/** Runs `action` while no other holder of the file's lock runs; `onWait` is called once if there is one now. */
export async function withLock<T>(path: string, action: () => Promise<T>, onWait?: () => void): Promise<T> {
  const fd = openSync(path, 'a');
  try {
    if (!tryLock(fd)) {
      onWait?.();
      while (!tryLock(fd)) await sleep(RETRY_MS);
    }
    return await action();
  } finally {
    closeSync(fd);
  }
}
