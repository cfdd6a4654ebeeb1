// The bench `restart`: a controller that starts where thousands of Services have their addresses already. It must be
// ready soon after the API server has answered its lists, and must have nothing to write.

import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntry, Lab } from '../lab/cluster.ts';
import { getIn } from '../lab/http-client.ts';
import { PORTS } from '../lab/installation.ts';
import { milliseconds, minutes, seconds } from '../src/time/duration.ts';
import { AuditLog, isOf, isOfLease, isWrite } from './audit-log.ts';
import type { Bench, BenchCase, Measurement, Outcome, RunOptions } from './bench.ts';
import { createCrowdLab, summon } from './crowd.ts';

const COUNT = 5000;
const CONTROLLER = 'controller/0';
/** How often readiness is asked for. */
const ASKING = milliseconds(10);
/** Writes of our programs are counted for so long after the controller was ready. */
const WATCHED = seconds(15);
const PATIENCE = minutes(2);

const CASES: readonly BenchCase[] = [
  {
    name: 'ready',
    shows: "from the API server's answer to the last of its first lists until /readyz says so",
  },
  {
    name: 'writes',
    shows: `of controller and agents from its start until ${WATCHED / 1000} s after it was ready, but for Leases and Announcers`,
  },
];

/** With another number of Services, for trying out, its cases have other names: their figures are no figures of ours. */
export function restartBench(count: number): Bench {
  const suffix = count === COUNT ? '' : `-of-${count}`;
  return {
    name: 'restart',
    shows: `the controller starts again with ${count} Services that have their addresses`,
    cases: CASES.map(({ name, shows }) => ({ name: name + suffix, shows })),
    runs: 3,
    withCount: restartBench,
    run: (options) => run(options, { count, suffix }),
  };
}

export const restart = restartBench(COUNT);

interface Size {
  readonly count: number;
  readonly suffix: string;
}

async function run(options: RunOptions, { count, suffix }: Size): Promise<Outcome> {
  const lab = await createCrowdLab(options);
  try {
    await summon(lab, count, options);
    const restarts: Restart[] = [];
    for (let index = 1; index <= options.runs; index++) restarts.push(await restartOnce(lab, index, options));
    const measurements: readonly Measurement[] = [
      { case: 'ready', subject: 'fairlead', unit: 's', samples: restarts.map(({ ready }) => ready) },
      {
        case: 'writes',
        subject: 'fairlead',
        unit: 'requests',
        samples: restarts.map(({ writes }) => writes),
      },
    ];
    const named = measurements.map((measurement) => ({ ...measurement, case: measurement.case + suffix }));
    return {
      apiserver: { kind: 'kube-apiserver', version: lab.apiserverVersion },
      measurements: named.filter((measurement) => options.cases.includes(measurement.case)),
    };
  } finally {
    await lab.down();
  }
}

interface Restart {
  readonly ready: number;
  readonly writes: number;
}

async function restartOnce(lab: Lab, index: number, options: RunOptions): Promise<Restart> {
  const { signal, onProgress } = options;
  await lab.processes.stop(CONTROLLER);
  await sleep(seconds(1), undefined, { signal });
  const log = new AuditLog(lab.auditLog);
  const startedAt = Date.now();
  const readyAt = await startAgain(lab, signal);
  await sleep(WATCHED, undefined, { signal });
  const entries = log.read().filter((entry) => isOf(entry));
  const listedAt = lastListed(entries, readyAt);
  const writes = entries.filter((entry) => isWrite(entry) && !isByTheClock(entry));
  const [ready, all] = [listedAt, startedAt].map((since) => (readyAt - since) / 1000);
  onProgress(
    `run ${index} of ${options.runs}: ready ${ready?.toFixed(2)} s after the lists, ${all?.toFixed(2)} s after its start; ` +
      `${writes.length} writes ${writes.slice(0, 3).map(({ verb, requestURI }) => `${verb} ${requestURI}`)}`,
  );
  return { ready: ready ?? Number.NaN, writes: writes.length };
}

/** Leases, and the Announcers that agents confirm once a minute. */
const isByTheClock = (entry: AuditEntry): boolean =>
  isOfLease(entry) || entry.objectRef?.resource === 'announcers';

/** Wall time of the first 200 of /readyz. */
async function startAgain({ processes, network }: Lab, signal: AbortSignal): Promise<number> {
  const host = network.controlPlane;
  const before = processes.get(CONTROLLER);
  if (before === undefined) throw new Error(`start ${CONTROLLER} again: the lab never started it`);
  const url = `http://${host.ip}:${PORTS.controller}/readyz`;
  const isReady = async (): Promise<boolean> => (await getIn(host.netns, url)).status === 200;
  let readyAt = Number.NaN;
  const readyWhen = async (died: AbortSignal): Promise<void> => {
    const stop = AbortSignal.any([signal, died, AbortSignal.timeout(PATIENCE)]);
    // It does not listen yet, and then it is not ready yet.
    while (!(await isReady().catch(() => false))) await sleep(ASKING, undefined, { signal: stop });
    readyAt = Date.now();
  };
  await processes.start({ target: CONTROLLER, netns: host.netns, argv: before.argv, readyWhen });
  return readyAt;
}

/** Wall time of the API server's last answer to a list of the controller before it was ready. */
function lastListed(entries: readonly AuditEntry[], readyAt: number): number {
  const lists = entries.filter((entry) => entry.verb === 'list' && isOf(entry, 'controller'));
  const answered = lists
    .map(({ stageTimestamp }) => Date.parse(stageTimestamp))
    .filter((at) => at <= readyAt);
  if (answered.length === 0)
    throw new Error(`${lists.length} lists of the controller, none of them before it was ready: want some`);
  return Math.max(...answered);
}
