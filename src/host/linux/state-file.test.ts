// The file that is replaced as a whole, on a real file system.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStateFile } from './state-file.ts';

function directory(t: { after: (task: () => void) => void }): string {
  const path = mkdtempSync(join(tmpdir(), 'fairlead-state-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('what was written last is read, and only by root; the folder is made', async (t) => {
  const folder = join(directory(t), 'var', 'lib');
  const file = openStateFile(join(folder, 'state.json'));
  assert.equal(await file.read(), undefined);
  await file.write('first, and longer');
  await file.write('second');
  assert.equal(await file.read(), 'second');
  assert.deepEqual(readdirSync(folder), ['state.json']);
  assert.equal(statSync(join(folder, 'state.json')).mode & 0o777, 0o600);
});

test('what a write that was cut off has left is not read, and is written over', async (t) => {
  const path = join(directory(t), 'state.json');
  const file = openStateFile(path);
  await file.write('whole');
  writeFileSync(`${path}.new`, 'ha');
  assert.equal(await file.read(), 'whole');
  await file.write('again');
  assert.equal(await file.read(), 'again');
});

test('a path that can not be written or read is an error that names it', async (t) => {
  const path = join(directory(t), 'file');
  writeFileSync(path, '');
  await assert.rejects(openStateFile(join(path, 'state.json')).write('x'), /file/);
  await assert.rejects(openStateFile(join(path, 'state.json')).read(), /ENOTDIR.*file/);
});
