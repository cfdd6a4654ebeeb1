// The lab's command line, as a newcomer uses it: a lab is started, looked at, played with and stopped.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { LabDescription } from '../../lab/description.ts';
import { type ExecResult, exec } from '../../lab/exec.ts';
import { listLabs } from '../../lab/state.ts';
import { waitFor } from '../../lab/wait.ts';
import { seconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NAME = 'e2e-cli';
const DEADLINE = seconds(300);

const lab = (...argv: readonly string[]): Promise<ExecResult> =>
  exec([process.execPath, 'lab/main.ts', ...argv], { cwd: ROOT, timeout: DEADLINE });

async function succeed(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await lab(...argv);
  assert.equal(code, 0, stderr);
  return stdout;
}

const describeNow = async (): Promise<LabDescription> =>
  JSON.parse(await succeed('status', '--name', NAME, '--json')) as LabDescription;

describe('the command line of the lab', requirement('cluster'), () => {
  let description: LabDescription;
  after(() => lab('down', '--name', NAME));

  test('up --json prints where everything is, and nothing else', async () => {
    description = JSON.parse(
      await succeed('up', '--name', NAME, '--nodes', '2', '--default-class', '--json'),
    ) as LabDescription;
    assert.deepEqual(Object.keys(description).sort(), [
      'agents',
      'client',
      'controlPlane',
      'controllers',
      'kubeconfig',
      'logs',
      'name',
      'nodes',
      'router',
    ]);
    assert.deepEqual(description.nodes[0], {
      name: 'node1',
      netns: `fl-${NAME}-node1`,
      ip: '10.77.0.11',
      ip6: 'fd77:0:0:1::b',
      mac: '02:00:00:00:00:0b',
    });
    assert.deepEqual(description.client, {
      netns: `fl-${NAME}-client`,
      ip: '10.77.0.100',
      ip6: 'fd77:0:0:1::64',
    });
    assert.deepEqual(Object.keys(description.router).sort(), ['ip', 'ip6', 'netns']);
    assert.deepEqual(description.controlPlane, { netns: `fl-${NAME}-cp`, ip: '10.77.0.10' });
    assert.deepEqual(
      description.agents.map((agent) => agent.target),
      ['agent/node1', 'agent/node2'],
    );
    assert.deepEqual(
      description.controllers.map((controller) => controller.target),
      ['controller/0'],
    );
    assert.ok(existsSync(description.kubeconfig));
  });

  test('a second lab of the same name is refused in one line', async () => {
    const { code, stderr } = await lab('up', '--name', NAME);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^lab: .*"${NAME}": it is running`, 'm'));
    assert.doesNotMatch(stderr, /^ {4}at /m);
  });

  test('up --default-class serves a Service without a class', async () => {
    const plain = ['service', 'loadbalancer', 'plain', '--tcp=80:8080'];
    await succeed('kubectl', '--name', NAME, 'create', ...plain);
    await succeed('kubectl', '--name', NAME, 'apply', '-f', 'lab/examples/shop.yaml');
    const condition = '--for=jsonpath={.status.loadBalancer.ingress[0].ipMode}=VIP';
    await succeed('kubectl', '--name', NAME, 'wait', 'service/plain', condition, '--timeout=60s');
  });

  test('kubectl applies the example and the client gets its answer with curl', async () => {
    await succeed('kubectl', '--name', NAME, 'apply', '-f', 'lab/examples/shop.yaml');
    const jsonpath = '-ojsonpath={.status.loadBalancer.ingress[0].ip}';
    const address = await waitFor(
      'an address',
      async () => {
        const ip = await succeed('kubectl', '--name', NAME, '-n', 'web', 'get', 'service', 'shop', jsonpath);
        return ip === '' ? undefined : ip;
      },
      DEADLINE,
    );
    const answer = await waitFor(
      'an answer',
      async () => {
        const { code, stdout } = await lab('curl', '--name', NAME, '-sS', '-m', '5', `http://${address}/`);
        return code === 0 ? stdout : undefined;
      },
      DEADLINE,
    );
    assert.match((JSON.parse(answer) as { pod: string }).pod, /^shop-[12]$/);
  });

  test("exit codes and output of what it runs are the program's own", async () => {
    const { code, stdout, stderr } = await lab(
      'exec',
      '--name',
      NAME,
      'node2',
      'sh',
      '-c',
      'hostname -I; echo lost >&2; exit 7',
    );
    assert.equal(code, 7);
    assert.match(stdout, /10\.77\.0\.12/);
    assert.equal(stderr, 'lost\n');
    assert.equal(
      (await lab('curl', '--name', NAME, '-sS', 'http://10.77.0.13:1/', '-m', '1')).code > 0,
      true,
    );
  });

  test('fault kills and starts a program; status and logs show it', async () => {
    await succeed('fault', '--name', NAME, 'kill', 'agent/node1');
    const dead = (await describeNow()).agents.find((agent) => agent.target === 'agent/node1');
    assert.equal(dead?.state, 'Exited');
    await succeed('fault', '--name', NAME, 'start', 'agent/node1');
    const risen = (await describeNow()).agents.find((agent) => agent.target === 'agent/node1');
    assert.equal(risen?.state, 'Running');
    assert.notEqual(risen?.pid, dead?.pid);
    assert.match(await succeed('logs', '--name', NAME, 'agent/node1'), /"msg":/);
  });

  test('fault takes a second machine, and a heal undoes it', async () => {
    const ping = (): Promise<ExecResult> =>
      lab('exec', '--name', NAME, 'client', 'ping', '-c1', '-W1', '10.77.0.11');
    await succeed('fault', '--name', NAME, 'oneway', 'node1', 'client');
    assert.equal((await ping()).code, 1);
    await succeed('fault', '--name', NAME, 'heal-oneway', 'node1', 'client');
    assert.equal((await ping()).code, 0);
  });

  test('an unknown fault or target is one clear line', async () => {
    const unknownFault = await lab('fault', '--name', NAME, 'explode', 'node1');
    assert.equal(unknownFault.code, 1);
    assert.match(unknownFault.stderr, /^lab: .*explode.*\n$/);
    const unknownTarget = await lab('fault', '--name', NAME, 'kill', 'agent/node9');
    assert.equal(unknownTarget.code, 1);
    assert.match(unknownTarget.stderr, /^lab: .*agent\/node9.*agent\/node1.*\n$/);
  });

  test('a lab whose supervisor was killed is known as dead, and down clears it away', async () => {
    const { pid } = listLabs().find((candidate) => candidate.name === NAME) ?? {};
    assert.ok(pid);
    process.kill(pid, 'SIGKILL');
    const isDead = (): boolean => listLabs().some(({ name, isAlive }) => name === NAME && !isAlive);
    await waitFor('the lab to be known as dead', isDead, seconds(30));
    await succeed('down', '--name', NAME);
    await nothingIsLeft();
    // Whoever took the orphans in reads their ends when it comes to it.
    const programs = [...description.agents, ...description.controllers];
    const areGone = (): boolean => !programs.some(({ pid: program }) => existsSync(`/proc/${program}`));
    await waitFor('the programs to be gone', areGone, seconds(30));
  });

  test('down stops a living lab', async () => {
    await succeed('up', '--name', NAME, '--nodes', '1');
    await succeed('down', '--name', NAME);
    await nothingIsLeft();
    assert.match(await succeed('down', '--name', NAME), /there is no lab/);
  });

  test('up that is interrupted leaves nothing', async () => {
    const child = spawn(process.execPath, ['lab/main.ts', 'up', '--name', NAME], { cwd: ROOT });
    const exited = once(child, 'exit');
    for await (const line of createInterface({ input: child.stderr })) {
      if (line.includes('kube-apiserver, kube-controller-manager')) child.kill('SIGINT');
    }
    assert.deepEqual(await exited, [1, null]);
    await nothingIsLeft();
  });
});

async function nothingIsLeft(): Promise<void> {
  assert.equal(existsSync(`/run/fairlead-lab/${NAME}`), false);
  const { stdout } = await exec(['ip', 'netns', 'list']);
  assert.doesNotMatch(stdout, new RegExp(`fl-${NAME}-`));
}
