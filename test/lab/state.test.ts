// Who has which lab: a living one is refused, a dead one is cleaned, a recycled pid is not taken for its old owner.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readlinkSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { namespacePath } from '../../lab/netns.ts';
import { createNetwork } from '../../lab/network.ts';
import { isRunning, type ProcessId, processIdOf } from '../../lab/processes.ts';
import { claimLab, listLabs, stateDirOf } from '../../lab/state.ts';
import { waitFor } from '../../lab/wait.ts';
import { requirement } from '../requirements.ts';
import { DEADLINE, labName, namespaces } from './bed.ts';

const needs = requirement('lab');
const program = fileURLToPath(new URL('./doomed-lab.ts', import.meta.url));

interface DoomedLab {
  readonly name: string;
  readonly supervisor: ChildProcess;
  readonly children: readonly ProcessId[];
  readonly straggler: ProcessId;
}

function identify(pid: number): ProcessId {
  const id = processIdOf(pid);
  assert.ok(id !== undefined, `process ${pid} runs`);
  return id;
}

async function doomedLab(t: TestContext): Promise<DoomedLab> {
  const name = labName();
  const supervisor = spawn(process.execPath, [program, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => supervisor.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: supervisor.stdout }), 'line')) as [string];
  const said = JSON.parse(line) as { children: number[]; straggler: number; netns: string };
  const inNetns = `net:[${statSync(namespacePath(said.netns)).ino}]`;
  const isInside = () => readlinkSync(`/proc/${said.straggler}/ns/net`) === inNetns;
  await waitFor('the straggler to enter its namespace', isInside, DEADLINE);
  return { name, supervisor, children: said.children.map(identify), straggler: identify(said.straggler) };
}

const find = (name: string) => listLabs().find((lab) => lab.name === name);

test('a living lab is refused, and stays', needs, async (t) => {
  const { name, supervisor, children } = await doomedLab(t);
  await assert.rejects(
    claimLab(name),
    new RegExp(`claim lab "${name}": it is running \\(pid ${supervisor.pid}\\)`),
  );
  assert.deepEqual(find(name), { name, stateDir: stateDirOf(name), isAlive: true, pid: supervisor.pid });
  assert.ok(children.every(isRunning));
  const dead = once(supervisor, 'exit');
  supervisor.kill('SIGKILL');
  await dead;
  await (await claimLab(name)).release();
});

test(
  'the programs of a lab die with it, however it dies, and the next claim removes the rest',
  needs,
  async (t) => {
    const { name, supervisor, children, straggler } = await doomedLab(t);
    const dead = once(supervisor, 'exit');
    supervisor.kill('SIGKILL');
    await dead;
    await waitFor('the programs to die with their lab', () => !children.some(isRunning), DEADLINE);
    assert.equal(isRunning(straggler), true);
    assert.equal(find(name)?.isAlive, false);
    assert.ok((await namespaces()).includes(`fl-${name}-node1`));
    const claim = await claimLab(name);
    assert.equal(isRunning(straggler), false);
    assert.deepEqual(
      (await namespaces()).filter((netns) => netns.startsWith(`fl-${name}-`)),
      [],
    );
    assert.equal(find(name)?.pid, process.pid);
    await claim.release();
    assert.equal(find(name), undefined);
  },
);

test('a new network can be made over a dead lab of the same name', needs, async (t) => {
  const { name, supervisor } = await doomedLab(t);
  const dead = once(supervisor, 'exit');
  supervisor.kill('SIGKILL');
  await dead;
  const network = await createNetwork({ name, nodes: 2 });
  t.after(() => network.down());
  assert.ok((await namespaces()).includes(`fl-${name}-node2`));
});

test('a pid that another process has by now is not the dead lab’s', needs, async () => {
  const name = labName();
  mkdirSync(stateDirOf(name), { recursive: true });
  writeFileSync(join(stateDirOf(name), 'supervisor.pid'), `${process.ppid} 1\n`);
  assert.equal(find(name)?.isAlive, false);
  await (await claimLab(name)).release();
});

test('a claim of any name cleans dead labs that began long ago, and leaves kept logs', needs, async () => {
  const [forgotten, kept] = [labName(), labName()];
  mkdirSync(stateDirOf(forgotten), { recursive: true });
  mkdirSync(join(stateDirOf(kept), 'logs'), { recursive: true });
  const pidFile = join(stateDirOf(forgotten), 'supervisor.pid');
  writeFileSync(pidFile, `${process.ppid} 1\n`);
  utimesSync(pidFile, 0, 0);
  const claim = await claimLab(labName());
  assert.equal(find(forgotten), undefined);
  assert.equal(find(kept)?.pid, undefined);
  assert.equal(existsSync(join(stateDirOf(kept), 'logs')), true);
  await claim.release();
  await (await claimLab(kept)).release();
});

test('a claim is the same claim again in this process, and release may keep the logs', needs, async () => {
  const name = labName();
  const claim = await claimLab(name);
  writeFileSync(join(claim.logsDir, 'etcd.log'), 'a line\n');
  const again = await claimLab(name);
  assert.equal(existsSync(join(again.logsDir, 'etcd.log')), true);
  await again.release({ keepLogs: true });
  assert.equal(existsSync(join(claim.logsDir, 'etcd.log')), true);
  assert.equal(find(name)?.isAlive, false);
  await (await claimLab(name)).release();
  assert.equal(existsSync(claim.stateDir), false);
});

test(
  'claims of one name at the same time give it to this process once and break nothing',
  needs,
  async () => {
    const name = labName();
    const claims = await Promise.all(Array.from({ length: 5 }, () => claimLab(name)));
    assert.equal(find(name)?.pid, process.pid);
    await Promise.all(claims.map((claim) => claim.release()));
    assert.equal(find(name), undefined);
  },
);

test('names that could not be namespaces are refused', needs, async () => {
  for (const name of ['', '-a', 'a/b', '..', 'A', 'x'.repeat(21)])
    await assert.rejects(claimLab(name), /want a name of/);
});
