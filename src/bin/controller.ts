// The composition root of `fairlead controller`: constructs the connection, the watches and the controller, and runs
// them until a signal.

import { hostname } from 'node:os';
import { Controller } from '../cloudprovider/controller.ts';
import { type ControllerDeps, type ControllerWatches, DEFAULT_OPTIONS } from '../cloudprovider/deps.ts';
import { createBootClock } from '../host/linux/boot-clock.ts';
import { createRandom, type Random } from '../host/linux/random.ts';
import { createWallClock } from '../host/linux/wall-clock.ts';
import type { EventRecorder, KubeApi, WorkQueue } from '../kube/api.ts';
import type { Connection } from '../kube/connection.ts';
import { type Credentials, inClusterCredentials } from '../kube/credentials.ts';
import { createEventRecorder } from '../kube/events.ts';
import { fenced } from '../kube/fence.ts';
import {
  ADDRESS_POOL,
  ANNOUNCER,
  ENDPOINT_SLICE,
  LEASE,
  NAMESPACE,
  NODE,
  SERVICE,
  VIRTUAL_IP,
} from '../kube/kinds.ts';
import { LEADER_ELECTION_TIMES, leaderWriteLimit } from '../kube/leader-election.ts';
import { processTime } from '../kube/time.ts';
import { translate } from '../kube/translate.ts';
import { createWorkQueue } from '../kube/work-queue.ts';
import { ApiOutage } from '../observe/api-outage.ts';
import { HealthServer } from '../observe/health.ts';
import type { Log } from '../observe/log.ts';
import { ControllerMetrics } from '../observe/metrics.ts';
import { milliseconds, seconds } from '../time/duration.ts';
import { AGENT_LEASES, openConnection, openLog, residentMemory, Watcher } from './cluster.ts';
import { Failure } from './failure.ts';
import type { ControllerFlags } from './flags.ts';
import { Leadership, replicaName } from './leadership.ts';
import { Patience } from './patience.ts';
import { terminated } from './termination.ts';
import { VERSION } from './version.ts';

/** Runs until a signal and resolves when everything is stopped; rejects when it can not go on. */
export async function runController(flags: ControllerFlags): Promise<void> {
  const log = await openLog(flags, 'controller');
  const speaker = { component: 'controller', instance: replicaName(flags.listen.port) };
  const connection = await openConnection(speaker, () => credentialsOf(flags));
  const failure = new Failure(log);
  const random = createRandom();
  const queue = createQueue(log, random);
  const queueLength = (): number => queue.length;
  const metrics = new ControllerMetrics({ version: VERSION, residentMemory, queueLength });
  const outage = new ApiOutage({ log, time: processTime });
  const clock = createBootClock();
  const patience = new Patience({
    now: () => clock.now(),
    mayEnd: () => true,
    onOver: (error) => failure.refused(error),
  });
  const parts: Parts = { connection, failure, patience, log, metrics, outage, queue, random };
  const options = {
    ...DEFAULT_OPTIONS,
    loadBalancerClasses: flags.loadBalancerClass,
    servesClassless: flags.defaultClass,
    rebalance: flags.rebalance,
    replacementOverlap: flags.replacementOverlap,
  };
  const api = fenced(connection.within(leaderWriteLimit(LEADER_ELECTION_TIMES)), () => leadership.mayAct());
  const controller = new Controller(
    { ...createDeps(flags, parts), api, events: createEvents(api, parts) },
    options,
  );
  const leadership: Leadership = new Leadership({
    ...parts,
    controller,
    namespace: flags.namespace,
    port: flags.listen.port,
  });
  const notReady = (): string | undefined => leadership.notReady();
  const health = new HealthServer({ notAlive: () => undefined, notReady, metrics: () => metrics.page() });
  const port = await health.listen(flags.listen);
  log.info('controller is starting', { version: VERSION, port });
  leadership.start();
  await Promise.race([terminated(log), failure.promise]);
  await leadership.stop();
  outage.stop();
  await Promise.all([health.close(), connection.close()]);
}

/** A person's kubeconfig may name a plugin; a service account needs none. */
async function credentialsOf({ kubeconfig }: ControllerFlags): Promise<Credentials> {
  if (kubeconfig === undefined) return inClusterCredentials(process.env);
  const { pluginCredentials } = await import('../kube/credentials-plugin.ts');
  return pluginCredentials(kubeconfig);
}

function createQueue(log: Log, random: Random): WorkQueue {
  const onError = (key: string, error: Error): void => log.error('reconcile failed', { key, error });
  return createWorkQueue({ random: random.fraction, onError });
}

interface Parts {
  readonly connection: Connection;
  readonly failure: Failure;
  readonly patience: Patience;
  readonly log: Log;
  readonly metrics: ControllerMetrics;
  readonly outage: ApiOutage;
  readonly queue: WorkQueue;
  readonly random: Random;
}

/** Long enough for what a user waits for, a Service's address, to be written before the events that tell of it. */
const EVENT_DELAY = milliseconds(250);

function createEvents(api: KubeApi, { log, random }: Parts): EventRecorder {
  const wallClock = createWallClock();
  return createEventRecorder(api, {
    component: 'fairlead-controller',
    instance: hostname(),
    timestamp: () => wallClock.timestamp(),
    uniqueName: () => Buffer.from(random.bytes(8)).toString('hex'),
    onProblem: (error) => log.warn('event not written', { error }),
    delay: EVENT_DELAY,
  });
}

function createDeps(flags: ControllerFlags, parts: Parts): Omit<ControllerDeps, 'api' | 'events'> {
  return {
    translate,
    watches: createWatches(flags, parts),
    queue: parts.queue,
    clock: createBootClock(),
    wallClock: createWallClock(),
    log: parts.log,
    metrics: parts.metrics,
  };
}

/** A headless Service is none of type LoadBalancer. */
const SLICES_OF_SERVICES = 'kubernetes.io/service-name,!service.kubernetes.io/headless';

/** What was missing, an API or a permission, is often there again within seconds. */
const WATCH_RETRY_LIMIT = seconds(5);

/** Where the API server itself is to be found (kubernetes.io/docs, "the kubernetes Service"). */
const API_SERVER = { namespace: 'default', labelSelector: 'kubernetes.io/service-name=kubernetes' };

function createWatches(flags: ControllerFlags, parts: Parts): ControllerWatches {
  const { connection, patience, log, metrics, outage, random } = parts;
  const watcher = new Watcher({
    connection,
    random: random.fraction,
    log,
    outage,
    retryLimit: WATCH_RETRY_LIMIT,
    onStartFailed: (kind, error) => patience.failed(kind, error),
  });
  const watches = {
    services: watcher.watch(SERVICE),
    namespaces: watcher.watch(NAMESPACE),
    nodes: watcher.watch(NODE),
    leases: watcher.watch(LEASE, { namespace: flags.namespace, labelSelector: AGENT_LEASES }),
    pools: watcher.watch(ADDRESS_POOL),
    virtualIPs: watcher.watch(VIRTUAL_IP),
    announcers: watcher.watch(ANNOUNCER),
    endpointSlices: watcher.watch(ENDPOINT_SLICE, { labelSelector: SLICES_OF_SERVICES }),
    apiServers: watcher.watch(ENDPOINT_SLICE, API_SERVER),
  };
  for (const [name, watch] of Object.entries(watches)) {
    metrics.watchState(name, watch.state());
    watch.onState((state) => metrics.watchState(name, state));
  }
  return watches;
}
