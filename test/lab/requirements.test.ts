// Requirements of tests: skipped with a reason, or failed where all must run.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ensureKubeBinaries, findGo, whyNoKubeBinaries } from '../../lab/kube-binaries.ts';
import { requirement } from '../requirements.ts';

function setVariable(t: TestContext, name: string, value: string | undefined): void {
  const before = process.env[name];
  const set = (to: string | undefined): void => {
    if (to === undefined) delete process.env[name];
    else process.env[name] = to;
  };
  t.after(() => set(before));
  set(value);
}

test('a need that is met skips nothing', () => {
  assert.deepEqual(requirement('program:sh'), { skip: false });
});

test('a need that is not met skips with each reason once', (t) => {
  setVariable(t, 'FAIRLEAD_LAB', undefined);
  const { skip } = requirement(
    'program:sh',
    'program:no-such-tool',
    'program:no-such-tool',
    'program:nor-this',
  );
  assert.equal(
    skip,
    'needs the program no-such-tool (lab/setup installs it); needs the program nor-this (lab/setup installs it)',
  );
});

test('where the lab is required a need that is not met fails', (t) => {
  setVariable(t, 'FAIRLEAD_LAB', 'required');
  assert.throws(() => requirement('program:no-such-tool'), /FAIRLEAD_LAB=required, but .*no-such-tool/);
});

test('KUBEBUILDER_ASSETS that lack a program are refused by its name', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'fairlead-assets-'));
  t.after(() => rmSync(dir, { recursive: true }));
  setVariable(t, 'KUBEBUILDER_ASSETS', dir);
  const reason = `KUBEBUILDER_ASSETS=${dir} lacks kube-apiserver, kube-controller-manager, kube-proxy`;
  assert.deepEqual(await ensureKubeBinaries(), { kind: 'missing', reason });
  assert.equal(whyNoKubeBinaries(), reason);
});

test('without Go, or with one too old, one line says what to install', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'fairlead-go-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const goThatSays = (version: string): string => {
    const program = join(dir, version);
    writeFileSync(program, `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
    return program;
  };
  const reasonOf = (...programs: string[]): string => {
    const go = findGo(programs);
    return go.kind === 'missing' ? go.reason : `found ${go.program}`;
  };
  assert.match(reasonOf(join(dir, 'none')), /^install Go 1\.26 or newer from \S+, .* KUBEBUILDER_ASSETS .*$/);
  assert.match(reasonOf(goThatSays('go1.19.8')), /^install Go .* \(here is go1\.19\.8\), .*$/);
  for (const version of ['go1.26.0', 'go1.27rc1', 'go2.0']) {
    assert.equal(
      reasonOf(join(dir, 'none'), goThatSays('go1.25.9'), goThatSays(version)),
      `found ${join(dir, version)}`,
    );
  }
});
