// A file that is replaced as a whole: whoever reads it finds what was written last, also after a power cut.

import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StateStore } from '../host.ts';

/** Only root reads it: it holds the heartbeat keys. */
const MODE = 0o600;

export function openStateFile(path: string): StateStore {
  return { read: () => read(path), write: (text) => write(path, text) };
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function write(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(fresh, 'w', MODE);
  try {
    await file.writeFile(text);
    // Without it the name could be there before what it names.
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
}
