// The composition root of `fairlead agent`: constructs the connection, the wire worker and the agent, and runs them
// until a signal. Loads nothing of the Kubernetes client.

import { Agent, type AgentDeps } from '../agent/agent.ts';
import { leaseName } from '../agent/liveness-feed.ts';
import { LeaseLiveness } from '../election/lease-liveness.ts';
import { createBootClock } from '../host/linux/boot-clock.ts';
import { createWaker } from '../host/linux/event-waker.ts';
import { createRandom } from '../host/linux/random.ts';
import { createWallClock } from '../host/linux/wall-clock.ts';
import type { Connection } from '../kube/connection.ts';
import { type Credentials, inClusterCredentials, kubeconfigCredentials } from '../kube/credentials.ts';
import { LEASE, VIRTUAL_IP } from '../kube/kinds.ts';
import { keepLease, type LeaseKeeper } from '../kube/lease.ts';
import { processTime } from '../kube/time.ts';
import { createWorkQueue } from '../kube/work-queue.ts';
import { AgentMetrics } from '../observe/agent-metrics.ts';
import { HealthServer } from '../observe/health.ts';
import type { Log } from '../observe/log.ts';
import { milliseconds, seconds } from '../time/duration.ts';
import type { RetrySchedule } from '../time/retry-schedule.ts';
import { startWireWorker } from '../wire-worker/client.ts';
import { AGENT_LEASES, openConnection, openLog, residentMemory, Watcher } from './cluster.ts';
import { Failure } from './failure.ts';
import type { AgentFlags } from './flags.ts';
import { terminated } from './termination.ts';
import { VERSION } from './version.ts';

/** An unrecorded claim is news that others wait for, so it is tried again much sooner than a Service is. */
const WRITE_RETRIES: RetrySchedule = {
  first: milliseconds(50),
  factor: 2,
  limit: seconds(5),
  jitter: 0.3,
};

const LEASE_RETRY = seconds(1);

/**
 * A node that comes back from a network that was cut answers for what it held until its watch shows who has taken over:
 * the pause before the next attempt is time in which two answer. Its Lease is tried as often anyway.
 */
const WATCH_RETRY_LIMIT = seconds(5);

/** Runs until a signal and resolves when everything is handed over and stopped; rejects when it can not go on. */
export async function runAgent(flags: AgentFlags): Promise<void> {
  const log = await openLog(flags, 'agent');
  const connection = await openConnection('agent', () => credentialsOf(flags));
  const failure = new Failure(log);
  const metrics = new AgentMetrics({ version: VERSION, residentMemory });
  const deps = createDeps(flags, { connection, log, metrics, failure });
  const { nodeName: node, leaseDuration: duration, leaseRenewInterval: renewInterval } = flags;
  const agent = new Agent(deps, {
    node,
    version: VERSION,
    session: Buffer.from(createRandom().bytes(8)).toString('hex'),
    namespace: flags.namespace,
    heartbeat: { intervalMs: flags.heartbeatInterval, multiplier: flags.heartbeatMultiplier },
    lease: { duration, renewInterval },
    onFatal: (error) => failure.died(error),
  });
  const health = new HealthServer({
    notAlive: () => agent.notAlive(),
    notReady: () => agent.notReady(),
    metrics: () => metrics.page(),
  });
  const port = await health.listen(flags.listen);
  log.info('agent started', { version: VERSION, node, port });
  agent.start();
  await Promise.race([terminated(log), failure.promise]);
  await agent.stop();
  await Promise.all([health.close(), connection.close()]);
}

/** Without plugins: those need the Kubernetes client. */
const credentialsOf = ({ kubeconfig }: AgentFlags): Credentials =>
  kubeconfig === undefined ? inClusterCredentials(process.env) : kubeconfigCredentials(kubeconfig);

interface Parts {
  readonly connection: Connection;
  readonly log: Log;
  readonly metrics: AgentMetrics;
  readonly failure: Failure;
}

function createDeps(flags: AgentFlags, parts: Parts): AgentDeps {
  const { connection, log, failure } = parts;
  const random = createRandom().fraction;
  const retryLimit = WATCH_RETRY_LIMIT;
  const onForbidden = (error: Error): void => failure.forbidden(error);
  const watcher = new Watcher({ connection, random, log, retryLimit, onForbidden });
  const onError = (name: string, error: Error): void => log.error('reconcile failed', { name, error });
  return {
    api: connection,
    virtualIPs: watcher.watch(VIRTUAL_IP),
    leases: watcher.watch(LEASE, { namespace: flags.namespace, labelSelector: AGENT_LEASES }),
    queue: createWorkQueue({ backOff: WRITE_RETRIES, random, onError }),
    lease: createLease(flags, parts),
    liveness: new LeaseLiveness(),
    worker: startWireWorker({
      node: flags.nodeName,
      hangTimeout: flags.hangTimeout,
      waker: createWaker(),
      atExit: (handler) => process.on('exit', handler),
    }),
    clock: createBootClock(),
    wallClock: createWallClock(),
    timers: processTime,
    random,
    log,
    metrics: parts.metrics,
  };
}

function createLease(flags: AgentFlags, { connection, log }: Parts): LeaseKeeper {
  const wallClock = createWallClock();
  return keepLease(connection, {
    namespace: flags.namespace,
    name: leaseName(flags.nodeName),
    holder: flags.nodeName,
    labels: { 'app.kubernetes.io/name': 'fairlead', 'app.kubernetes.io/component': 'agent' },
    durationSeconds: flags.leaseDuration / 1000,
    renewIntervalMs: flags.leaseRenewInterval,
    retryIntervalMs: Math.min(LEASE_RETRY, flags.leaseRenewInterval),
    timestamp: () => wallClock.timestamp(),
    ...logRenewals(log),
  });
}

/** It is tried every second, so only the first failure of a row is worth a line. */
function logRenewals(log: Log): { onRenewed: () => void; onFailed: (error: Error) => void } {
  let isFailing = false;
  return {
    onRenewed: () => {
      if (isFailing) log.info('Lease renewed again');
      isFailing = false;
    },
    onFailed: (error) => {
      log[isFailing ? 'debug' : 'warn']('Lease not renewed', { error });
      isFailing = true;
    },
  };
}
