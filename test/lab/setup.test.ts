// lab/setup: what it says where it cannot install, with package tools that stand in for a machine's.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ExecResult, exec } from '../../lab/exec.ts';
import { requirement } from '../requirements.ts';

const SETUP = readFileSync(new URL('../../lab/setup', import.meta.url), 'utf8');

/** A PATH with nothing but these scripts, and apt-get that must not be called. */
function machineWith(t: TestContext, installed: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-setup-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const answer = installed.map((name) => `installed=${name} `).join('');
  for (const [name, script] of [
    ['dpkg-query', `printf '%s' '${answer}'`],
    ['apt-get', 'echo APT CALLED'],
  ] as const) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  chmodSync(directory, 0o755);
  return directory;
}

const setup = (path: string, ...args: readonly string[]): Promise<ExecResult> =>
  exec(['/bin/bash', '-s', '--', ...args], { input: SETUP, env: { PATH: path } });

const allNames = async (): Promise<readonly string[]> => {
  const { stderr } = await setup('/nowhere', '--list');
  return stderr
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[0] ?? '');
};

test('the list names each package with its reason', async () => {
  const { code, stderr } = await setup('/nowhere', '--list');
  assert.equal(code, 0);
  for (const line of stderr.trimEnd().split('\n')) assert.match(line, /^ {2}[a-z0-9-]+ +\S.{10,}$/);
  assert.ok((await allNames()).includes('iproute2'));
});

test('without apt the list is printed and the exit code is 3', async () => {
  const { code, stderr } = await setup('/nowhere');
  assert.equal(code, 3);
  for (const name of await allNames()) assert.ok(stderr.includes(`  ${name} `), name);
});

test('nothing is said or done when all is there', async (t) => {
  const result = await setup(machineWith(t, await allNames()));
  assert.deepEqual(result, { code: 0, stdout: '', stderr: '' });
});

test('the other arping is named, not removed', async (t) => {
  const others = (await allNames()).filter((name) => name !== 'iputils-arping');
  const { code, stdout, stderr } = await setup(machineWith(t, [...others, 'arping']));
  assert.equal(code, 3);
  assert.match(stderr, /conflicts with iputils-arping: apt-get remove arping/);
  assert.doesNotMatch(stdout + stderr, /APT CALLED/);
});

test('who is not root is told what to install', requirement('root', 'program:setpriv'), async (t) => {
  const path = machineWith(
    t,
    (await allNames()).filter((name) => name !== 'tcpdump'),
  );
  const argv = ['/usr/bin/setpriv', '--reuid=65534', '--clear-groups', '/bin/bash', '-s'];
  const { code, stdout, stderr } = await exec(argv, { input: SETUP, env: { PATH: path } });
  assert.equal(code, 3);
  assert.match(stderr, /sudo apt-get install --no-install-recommends tcpdump\n {2}tcpdump +captures/);
  assert.doesNotMatch(stdout, /APT CALLED/);
});

test('an unknown argument is a usage error', async () => {
  assert.equal((await setup('/nowhere', '--help')).code, 2);
});
