// The composition root of `fairlead agent`: constructs the connection, the wire worker and the agent, and runs them
// until a signal. Loads nothing of the Kubernetes client.

import { Agent } from '../agent/agent.ts';
import type { AgentDeps } from '../agent/agent-deps.ts';
import { leaseName } from '../agent/liveness-feed.ts';
import { LeaseLiveness } from '../election/lease-liveness.ts';
import { createBootClock } from '../host/linux/boot-clock.ts';
import { hasCapability } from '../host/linux/capabilities.ts';
import { digests } from '../host/linux/digests.ts';
import { createWaker } from '../host/linux/event-waker.ts';
import { httpStatus } from '../host/linux/http-status.ts';
import { createRandom } from '../host/linux/random.ts';
import { openStateFile } from '../host/linux/state-file.ts';
import { createWallClock } from '../host/linux/wall-clock.ts';
import type { Connection } from '../kube/connection.ts';
import { type Credentials, inClusterCredentials } from '../kube/credentials.ts';
import { LEASE, VIRTUAL_IP } from '../kube/kinds.ts';
import { keepLease, type LeaseKeeper } from '../kube/lease.ts';
import { processTime } from '../kube/time.ts';
import { translateNode } from '../kube/translate.ts';
import { createWorkQueue } from '../kube/work-queue.ts';
import { AgentMetrics } from '../observe/agent-metrics.ts';
import { ApiOutage } from '../observe/api-outage.ts';
import { HealthServer } from '../observe/health.ts';
import type { Log } from '../observe/log.ts';
import { isExcluded } from '../plan/node-predicates.ts';
import { milliseconds, seconds } from '../time/duration.ts';
import type { RetrySchedule } from '../time/retry-schedule.ts';
import { startWireWorker } from '../wire-worker/client.ts';
import { AGENT_LEASES, openConnection, openLog, residentMemory, Watcher } from './cluster.ts';
import { ConfigurationError } from './exit.ts';
import { Failure } from './failure.ts';
import type { AgentFlags } from './flags.ts';
import { Patience } from './patience.ts';
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

/** Where kube-proxy serves its health check, its own default (healthzBindAddress). */
const PROXY_HEALTHZ = 'http://127.0.0.1:10256/healthz';
const PROXY_TIMEOUT = seconds(1);

/** In what is told of an outage. */
const OWN_LEASE = 'own Lease';

/**
 * A node that comes back from a network that was cut answers for what it held until its watch shows who has taken over:
 * the pause before the next attempt is time in which two answer. Its Lease is tried as often anyway.
 */
const WATCH_RETRY_LIMIT = seconds(5);

/** Runs until a signal and resolves when everything is handed over and stopped; rejects when it can not go on. */
export async function runAgent(flags: AgentFlags): Promise<void> {
  requireCapabilities();
  const log = await openLog(flags, 'agent');
  const connection = await openConnection({ component: 'agent', instance: flags.nodeName }, () =>
    credentialsOf(flags),
  );
  const failure = new Failure(log);
  const metrics = new AgentMetrics({ version: VERSION, residentMemory });
  const outage = new ApiOutage({ log, time: processTime });
  const patience = createPatience(failure, () => agent.heldCount() === 0);
  const deps = createDeps(flags, { connection, log, metrics, failure, outage, patience });
  const { nodeName: node, leaseDuration: duration, leaseRenewInterval: renewInterval } = flags;
  const agent: Agent = new Agent(deps, {
    node,
    version: VERSION,
    session: Buffer.from(createRandom().bytes(8)).toString('hex'),
    namespace: flags.namespace,
    heartbeat: { intervalMs: flags.heartbeatInterval, multiplier: flags.heartbeatMultiplier },
    proxyHealth: flags.proxyHealth,
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
  outage.stop();
  await Promise.all([health.close(), connection.close()]);
}

/** Without it every link would be found and none could be used. */
function requireCapabilities(): void {
  if (hasCapability('NET_RAW')) return;
  throw new ConfigurationError(
    'open packet sockets: this process lacks the capability NET_RAW: want it in securityContext.capabilities.add, or root',
  );
}

/** Without plugins: those need the Kubernetes client. */
async function credentialsOf({ kubeconfig }: AgentFlags): Promise<Credentials> {
  if (kubeconfig === undefined) return inClusterCredentials(process.env);
  const { kubeconfigCredentials } = await import('../kube/kubeconfig-credentials.ts');
  return kubeconfigCredentials(kubeconfig);
}

/** An agent that was started anew holds what it held before as soon as it sees the VirtualIPs: then it stays. */
function createPatience(failure: Failure, holdsNothing: () => boolean): Patience {
  const clock = createBootClock();
  return new Patience({
    now: () => clock.now(),
    mayEnd: holdsNothing,
    onOver: (error) => failure.refused(error),
  });
}

interface Parts {
  readonly connection: Connection;
  readonly log: Log;
  readonly metrics: AgentMetrics;
  readonly failure: Failure;
  readonly outage: ApiOutage;
  readonly patience: Patience;
}

function createDeps(flags: AgentFlags, parts: Parts): AgentDeps {
  const { connection, log, outage, patience } = parts;
  const random = createRandom().fraction;
  const retryLimit = WATCH_RETRY_LIMIT;
  const onStartFailed = (kind: string, error: Error): void => patience.failed(kind, error);
  const watcher = new Watcher({ connection, random, log, outage, retryLimit, onStartFailed });
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
      heartbeat: {
        interval: flags.heartbeatInterval,
        multiplier: flags.heartbeatMultiplier,
        startupGrace: flags.startupGrace,
      },
      waker: createWaker(),
      atExit: (handler) => process.on('exit', handler),
    }),
    clock: createBootClock(),
    wallClock: createWallClock(),
    digests,
    timers: processTime,
    random,
    log,
    metrics: parts.metrics,
    proxyStatus: () => httpStatus(PROXY_HEALTHZ, PROXY_TIMEOUT),
    isExcluded: (node) => isExcluded(translateNode(node)),
    ...(flags.stateFile !== '' && { store: openStateFile(flags.stateFile) }),
  };
}

function createLease(flags: AgentFlags, { connection, outage }: Parts): LeaseKeeper {
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
    onRenewed: () => outage.succeeded(OWN_LEASE),
    onFailed: (error) => outage.failed(OWN_LEASE, error),
  });
}
