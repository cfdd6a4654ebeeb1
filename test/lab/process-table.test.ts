// The lab's programs: started as themselves, logged, told of when they end, and gone with whoever started them.

import assert from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import type { ProcessExit, ProcessTable } from '../../lab/process-table.ts';
import { waitFor } from '../../lab/wait.ts';
import { milliseconds } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { DEADLINE, networkFor, processesFor } from './bed.ts';

const needs = requirement('lab');

const shell = (target: string, script: string) => ({ target, argv: ['sh', '-c', script] });
const never = new Promise<never>(() => undefined);

/** A script that has set its trap says so in its log. */
const logSays = (processes: ProcessTable, target: string, text: string): Promise<true> => {
  const said = () => readFileSync(processes.logFileOf(target), 'utf8').includes(text) || undefined;
  return waitFor(`${target} to say "${text}"`, said, DEADLINE) as Promise<true>;
};

test('the pid is the program’s own, in its namespace', needs, async (t) => {
  const network = await networkFor(t, 1);
  const processes = processesFor(t, network);
  const { pid } = await processes.start({
    target: 'agent/node1',
    netns: `fl-${network.name}-node1`,
    argv: ['sleep', '600'],
  });
  const isSleep = () => readFileSync(`/proc/${pid}/comm`, 'latin1') === 'sleep\n';
  await waitFor('the program to be itself', isSleep, DEADLINE);
  assert.notEqual(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync('/proc/self/ns/net'));
});

test('both outputs and the environment reach the log named after the target', needs, async (t) => {
  const network = await networkFor(t, 1);
  const processes = processesFor(t, network);
  await processes.start({ ...shell('controller/0', 'echo out $WHO; echo err >&2'), env: { WHO: 'lab' } });
  assert.equal((await processes.exited('controller/0')).code, 0);
  assert.equal(readFileSync(`${network.logsDir}/controller-0.log`, 'utf8'), 'out lab\nerr\n');
});

test(
  'start waits for readiness, and fails with the log’s end if the program ends before',
  needs,
  async (t) => {
    const processes = processesFor(t, await networkFor(t, 1));
    await processes.start({
      ...shell('good', 'echo ready; exec sleep 600'),
      readyWhen: () => logSays(processes, 'good', 'ready'),
    });
    assert.match(readFileSync(processes.logFileOf('good'), 'utf8'), /ready/);
    const failing = processes.start({ ...shell('bad', 'echo no such flag; exit 3'), readyWhen: () => never });
    await assert.rejects(failing, /start "bad": it ended with code 3 before it was ready:\nno such flag/);
  },
);

test('readiness that is awaited is given up when the program ends', needs, async (t) => {
  const processes = processesFor(t, await networkFor(t, 1));
  let given: AbortSignal | undefined;
  const readyWhen = (signal: AbortSignal): Promise<never> => {
    given = signal;
    return never;
  };
  await assert.rejects(processes.start({ ...shell('bad', 'exit 1'), readyWhen }), /before it was ready/);
  assert.equal(given?.aborted, true);
});

test('a program that does not exist fails readiness and a target can not run twice', needs, async (t) => {
  const processes = processesFor(t, await networkFor(t, 1));
  const missing = processes.start({ target: 'etcd', argv: ['/no/such/etcd'], readyWhen: () => never });
  await assert.rejects(missing, /no\/such\/etcd/);
  await processes.start({ target: 'agent/node1', argv: ['sleep', '600'] });
  await assert.rejects(processes.start({ target: 'agent/node1', argv: ['true'] }), /running already/);
  await assert.rejects(processes.start({ target: '../etc', argv: ['true'] }), /want a target such as/);
});

test('every end is told, and whether the lab had asked for it', needs, async (t) => {
  const processes = processesFor(t, await networkFor(t, 1));
  const exits: ProcessExit[] = [];
  processes.onExit((exit) => exits.push(exit));
  await processes.start(shell('crashing', 'exit 5'));
  await processes.exited('crashing');
  await processes.start({ target: 'stopped', argv: ['sleep', '600'] });
  await processes.stop('stopped');
  const told = exits.map(({ target, code, signal, wasAsked }) => ({ target, code, signal, wasAsked }));
  assert.deepEqual(told, [
    { target: 'crashing', code: 5, signal: null, wasAsked: false },
    { target: 'stopped', code: null, signal: 'SIGTERM', wasAsked: true },
  ]);
});

test('restart runs the same program as a new process, and the log goes on', needs, async (t) => {
  const processes = processesFor(t, await networkFor(t, 1));
  const script = 'echo life; exec sleep 600';
  const first = await processes.start({
    ...shell('kcm', script),
    readyWhen: () => logSays(processes, 'kcm', 'life\n'),
  });
  const second = await processes.restart('kcm');
  assert.notEqual(second.pid, first.pid);
  assert.equal(first.exit?.wasAsked, true);
  await logSays(processes, 'kcm', 'life\nlife\n');
  assert.deepEqual(
    processes.list().map(({ target, state }) => ({ target, state })),
    [{ target: 'kcm', state: 'Running' }],
  );
});

test(
  'a program that ignores SIGTERM is killed after its grace, a stalled one is woken to end in order',
  needs,
  async (t) => {
    const processes = processesFor(t, await networkFor(t, 1));
    const trapping = (action: string): string =>
      `trap '${action}' TERM; echo trapped; while :; do sleep 0.05; done`;
    for (const [target, action] of [
      ['deaf', ''],
      ['stalled', 'exit 4'],
    ] as const) {
      const readyWhen = () => logSays(processes, target, 'trapped');
      await processes.start({ ...shell(target, trapping(action)), readyWhen });
    }
    processes.signal('stalled', 'SIGSTOP');
    await processes.stopAll(milliseconds(1000));
    const ends = processes.list().map(({ target, exit }) => `${target} ${exit?.signal ?? exit?.code}`);
    assert.deepEqual(ends, ['deaf SIGKILL', 'stalled 4']);
  },
);
