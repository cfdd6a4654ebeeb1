// A file that is replaced as a whole: whoever reads it finds what was written last, also after a power cut.
//
// With the callbacks of node:fs, because node:fs/promises loads the line editor (decision 0009).

import { close, fdatasync, mkdir, open, readFile, rename, writeFile } from 'node:fs';
import { dirname } from 'node:path';
import type { StateStore } from '../host.ts';

/** Only root reads it: it holds the heartbeat keys. */
const MODE = 0o600;

export function openStateFile(path: string): StateStore {
  return { read: () => read(path), write: (text) => write(path, text) };
}

/** Calls a function that takes a callback last. */
function call<T>(begin: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  begin((error, value) => {
    if (error === null || error === undefined) resolve(value as T);
    else reject(error);
  });
  return promise;
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await call<string>((done) => readFile(path, 'utf8', done));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function write(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`;
  await call((done) => mkdir(dirname(path), { recursive: true, mode: 0o700 }, done));
  const file = await call<number>((done) => open(fresh, 'w', MODE, done));
  try {
    await call((done) => writeFile(file, text, done));
    // Without it the name could be there before what it names.
    await call((done) => fdatasync(file, done));
  } finally {
    await call((done) => close(file, done));
  }
  await call((done) => rename(fresh, path, done));
}
