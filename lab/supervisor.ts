// The process behind `lab up`: it owns a lab until `lab down`. While it starts it tells its parent over IPC how far
// it is; afterwards it answers requests on a unix socket in the lab's state directory.
//
// Usage: node lab/supervisor.ts OPTIONS-AS-JSON, spawned with an IPC channel.

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLab, type Lab, type LabOptions } from './cluster.ts';
import { controlSocketOf, serveControl } from './control-socket.ts';
import { DEMO_WORKLOAD } from './demo.ts';
import { describeLab, type LabDescription } from './description.ts';

export type SupervisorOptions = Pick<
  LabOptions,
  'name' | 'nodes' | 'controllers' | 'kubeProxy' | 'defaultClass'
>;

export type SupervisorMessage =
  | { readonly kind: 'progress'; readonly line: string }
  | { readonly kind: 'ready'; readonly description: LabDescription }
  | { readonly kind: 'failed'; readonly message: string };

export type SupervisorRequest =
  | { readonly command: 'describe' }
  | {
      readonly command: 'fault';
      readonly fault: string;
      readonly target: string;
      readonly operand?: string;
    }
  | { readonly command: 'down' };

/** Resolves when the message has left, or can not any more: `disconnect` tells that the parent is gone. */
function tell(message: SupervisorMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

async function supervise(options: SupervisorOptions, signal: AbortSignal): Promise<Lab> {
  const lab = await createLab({
    ...options,
    hangable: true,
    signal,
    onProgress: (line) => void tell({ kind: 'progress', line }),
  });
  const log = keepLog(lab);
  try {
    await lab.runWorkload(DEMO_WORKLOAD);
    await serveRequests(lab);
  } catch (error) {
    await lab.down();
    throw error;
  }
  process.on('uncaughtException', (error) => {
    log(`uncaught: ${error.stack ?? error.message}`);
    void lab.down().finally(() => process.exit(1));
  });
  return lab;
}

/** Programs that end without being asked to are noted beside their logs. */
function keepLog(lab: Lab): (line: string) => void {
  const path = join(lab.network.logsDir, 'supervisor.log');
  const log = (line: string): void => appendFileSync(path, `${new Date().toISOString()} ${line}\n`);
  lab.processes.onExit((exit) => {
    if (!exit.wasAsked)
      log(`${exit.target} (pid ${exit.pid}) ended with ${exit.signal ?? `code ${exit.code}`}`);
  });
  return log;
}

async function serveRequests(lab: Lab): Promise<void> {
  const server = await serveControl(controlSocketOf(lab.network.stateDir), async (request) => {
    const asked = request as SupervisorRequest;
    if (asked.command === 'describe') return describeLab(lab);
    if (asked.command === 'fault') return inject(lab, asked);
    await lab.down();
    server.close(() => process.exit(0));
    return undefined;
  });
}

async function inject(lab: Lab, request: Extract<SupervisorRequest, { command: 'fault' }>): Promise<unknown> {
  const { fault, target } = await lab.faults.inject(request.fault, request.target, request.operand);
  return { fault, target };
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? '') as SupervisorOptions;
  const stop = new AbortController();
  const abort = (): void => stop.abort(new Error('start lab: given up'));
  // A parent that goes away before we are ready has given up (Ctrl-C): what was made so far must go too.
  process.once('disconnect', abort);
  if (!process.connected) abort();
  for (const signal of STOP_SIGNALS) process.once(signal, abort);
  const lab = await supervise(options, stop.signal);
  process.off('disconnect', abort);
  for (const signal of STOP_SIGNALS) {
    process.off(signal, abort);
    process.once(signal, () => void lab.down().finally(() => process.exit(0)));
  }
  await tell({ kind: 'ready', description: describeLab(lab) });
  if (process.connected) process.disconnect();
}

if (import.meta.main) {
  await main().catch(async (error: unknown) => {
    await tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  });
}
