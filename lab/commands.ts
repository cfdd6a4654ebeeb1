// What the commands of lab/main.ts do with a lab that a supervisor keeps running: start it, ask it, run programs in
// its namespaces, stop it.

import { type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callControl, controlSocketOf } from './control-socket.ts';
import type { LabDescription } from './description.ts';
import { claimLab, listLabs } from './state.ts';
import type { SupervisorMessage, SupervisorOptions, SupervisorRequest } from './supervisor.ts';
import { ensureTools } from './tools.ts';

const SUPERVISOR = fileURLToPath(new URL('./supervisor.ts', import.meta.url));
const SETUP = fileURLToPath(new URL('./setup', import.meta.url));

/** Installs what the lab needs of Debian packages; what it says goes to standard error. Returns its exit code. */
export const runSetup = (): Promise<number> => runProgram([SETUP], 'errors only');

/** Starts a supervisor that stays behind, and waits until its lab is ready. */
export async function startLab(
  options: SupervisorOptions,
  onProgress: (line: string) => void,
): Promise<LabDescription> {
  // Its standard error goes to a file: with ours, whoever waits for our output to end would wait for the lab's end.
  const directory = await mkdtemp(join(tmpdir(), 'fairlead-lab-'));
  const errorFile = join(directory, 'stderr');
  try {
    return await superviseApart(options, { errorFile, onProgress });
  } catch (error) {
    const said = (await readFile(errorFile, 'utf8')).trim();
    throw new Error([(error as Error).message, ...(said === '' ? [] : [said])].join('\n'), { cause: error });
  } finally {
    await rm(directory, { recursive: true });
  }
}

interface Reporting {
  readonly errorFile: string;
  readonly onProgress: (line: string) => void;
}

async function superviseApart(options: SupervisorOptions, reporting: Reporting): Promise<LabDescription> {
  const errors = await open(reporting.errorFile, 'w');
  const stdio: StdioOptions = ['ignore', 'ignore', errors.fd, 'ipc'];
  const child = spawn(process.execPath, [SUPERVISOR, JSON.stringify(options)], { detached: true, stdio });
  await errors.close();
  const { promise, resolve, reject } = Promise.withResolvers<LabDescription>();
  child.on('error', reject);
  child.on('exit', (code) =>
    reject(new Error(`start lab "${options.name}": its supervisor ended with ${code}`)),
  );
  child.on('message', (message: SupervisorMessage) => {
    if (message.kind === 'progress') reporting.onProgress(message.line);
    else if (message.kind === 'ready') resolve(message.description);
    else reject(new Error(message.message));
  });
  // The supervisor is in a session of its own and does not hear Ctrl-C: it is told to give up, and then tells us.
  const giveUp = (): void => void child.kill('SIGTERM');
  process.on('SIGINT', giveUp);
  const description = await promise.finally(() => process.off('SIGINT', giveUp));
  child.unref();
  if (child.connected) child.disconnect();
  return description;
}

/** Asks the supervisor of a running lab. */
export function askLab(name: string, request: SupervisorRequest): Promise<unknown> {
  const lab = listLabs().find((candidate) => candidate.name === name);
  if (lab === undefined)
    throw new Error(`find lab "${name}": it is not running; start it with: npm run lab -- up --name ${name}`);
  return callControl(controlSocketOf(lab.stateDir), request);
}

export const describeRunning = async (name: string): Promise<LabDescription> =>
  (await askLab(name, { command: 'describe' })) as LabDescription;

/** Stops a running lab, or cleans up what a dead one left; false if there was none. */
export async function stopLab(name: string): Promise<boolean> {
  const lab = listLabs().find((candidate) => candidate.name === name);
  if (lab === undefined) return false;
  if (lab.isAlive) await askLab(name, { command: 'down' });
  else await (await claimLab(name)).release();
  return true;
}

/** Runs a program with our own input and output; resolves with its exit code, as a shell would give it. */
export async function runProgram(
  argv: readonly string[],
  output: 'all' | 'errors only' = 'all',
): Promise<number> {
  const [program = '', ...rest] = argv;
  const child = spawn(program, rest, { stdio: ['inherit', output === 'all' ? 'inherit' : 2, 'inherit'] });
  // Ctrl-C reaches the program too, as it is in our process group: its end is ours.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  process.off('SIGINT', ignore);
  return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
}

const inNetns = (netns: string): readonly string[] => ['ip', 'netns', 'exec', netns];

/** Runs a program on a machine of the lab: a node, `client`, `router` or `controlPlane`. */
export async function execOn(name: string, machine: string, argv: readonly string[]): Promise<number> {
  const lab = await describeRunning(name);
  const places = new Map(lab.nodes.map((node) => [node.name, node.netns]));
  for (const place of ['client', 'router', 'controlPlane'] as const) places.set(place, lab[place].netns);
  const netns = places.get(machine);
  if (netns === undefined)
    throw new Error(`run on "${machine}": want one of ${Array.from(places.keys()).join(', ')}`);
  return runProgram([...inNetns(netns), ...argv]);
}

/** Runs kubectl as the administrator, in the control plane's namespace. */
export async function kubectl(name: string, argv: readonly string[]): Promise<number> {
  const [lab, tools] = await Promise.all([describeRunning(name), ensureTools()]);
  return runProgram([
    ...inNetns(lab.controlPlane.netns),
    tools.kubectl,
    '--kubeconfig',
    lab.kubeconfig,
    ...argv,
  ]);
}

/** Runs curl as the client. */
export const curl = (name: string, argv: readonly string[]): Promise<number> =>
  execOn(name, 'client', ['curl', ...argv]);

/** Prints a program's log; with `follow`, goes on until interrupted. */
export async function showLog(name: string, target: string, follow: boolean): Promise<number> {
  const lab = await describeRunning(name);
  const path = join(lab.logs, `${target.replaceAll('/', '-')}.log`);
  if (!existsSync(path))
    throw new Error(
      `show log of "${target}": there is no "${path}"; want agent/node1, controller/0, apiserver, etcd, …`,
    );
  return runProgram(['tail', '-n', '+1', ...(follow ? ['-f'] : []), path]);
}
