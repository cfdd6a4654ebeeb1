// The lab's cache: an entry is complete or absent, and made once.

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cachePath, ensureCached } from '../../lab/cache.ts';

function pathFor(t: TestContext): string {
  const base = mkdtempSync(join(tmpdir(), 'fairlead-cache-'));
  t.after(() => rmSync(base, { recursive: true }));
  return join(base, 'tools', '1.0');
}

test('what several ask for at the same time is made once', async (t) => {
  const path = pathFor(t);
  let made = 0;
  let waited = 0;
  const make = async (directory: string): Promise<void> => {
    made++;
    writeFileSync(join(directory, 'tool'), 'binary');
  };
  const entry = { path, make, onWait: () => waited++ };
  assert.deepEqual(await Promise.all([ensureCached(entry), ensureCached(entry), ensureCached(entry)]), [
    path,
    path,
    path,
  ]);
  assert.deepEqual({ made, waited }, { made: 1, waited: 2 });
  assert.equal(readFileSync(join(path, 'tool'), 'utf8'), 'binary');
});

test('a failure leaves no entry and the next attempt starts afresh', async (t) => {
  const path = pathFor(t);
  const fail = async (directory: string): Promise<void> => {
    writeFileSync(join(directory, 'half'), '');
    throw new Error('disk full');
  };
  await assert.rejects(ensureCached({ path, make: fail }), /disk full/);
  assert.equal(existsSync(path), false);
  await ensureCached({ path, make: async (directory) => writeFileSync(join(directory, 'whole'), '') });
  assert.deepEqual(readdirSync(path), ['whole']);
});

test('what a process that died left half made is thrown away', async (t) => {
  const path = pathFor(t);
  const parent = join(path, '..');
  mkdirSync(join(parent, '.making-0.9'), { recursive: true });
  await ensureCached({ path, make: async () => undefined });
  assert.deepEqual(readdirSync(parent).sort(), ['.lock', '1.0']);
});

test('the cache is under XDG_CACHE_HOME', (t) => {
  const before = process.env.XDG_CACHE_HOME;
  t.after(() => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
  });
  process.env.XDG_CACHE_HOME = '/cache';
  assert.equal(cachePath('kube', 'v1'), '/cache/fairlead/kube/v1');
  process.env.XDG_CACHE_HOME = '';
  assert.match(cachePath('kube'), /\/\.cache\/fairlead\/kube$/);
});
