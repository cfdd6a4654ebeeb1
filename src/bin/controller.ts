// The composition root of `fairlead controller`: constructs the connection, the watches and the controller, and runs
// them until a signal.

import { hostname } from 'node:os';
import { Controller } from '../cloudprovider/controller.ts';
import { type ControllerDeps, type ControllerWatches, DEFAULT_OPTIONS } from '../cloudprovider/deps.ts';
import { createBootClock } from '../host/linux/boot-clock.ts';
import { createRandom, type Random } from '../host/linux/random.ts';
import { createWallClock } from '../host/linux/wall-clock.ts';
import type { WorkQueue } from '../kube/api.ts';
import type { Connection } from '../kube/connection.ts';
import { type Credentials, inClusterCredentials } from '../kube/credentials.ts';
import { pluginCredentials } from '../kube/credentials-plugin.ts';
import { createEventRecorder } from '../kube/events.ts';
import { ADDRESS_POOL, ANNOUNCER, LEASE, NODE, SERVICE, VIRTUAL_IP } from '../kube/kinds.ts';
import { translateLease, translateNode, translateService } from '../kube/translate.ts';
import { createWorkQueue } from '../kube/work-queue.ts';
import { HealthServer } from '../observe/health.ts';
import type { Log } from '../observe/log.ts';
import { ControllerMetrics } from '../observe/metrics.ts';
import { milliseconds } from '../time/duration.ts';
import { AGENT_LEASES, openConnection, openLog, residentMemory, Watcher } from './cluster.ts';
import { Failure } from './failure.ts';
import type { ControllerFlags } from './flags.ts';
import { Leadership } from './leadership.ts';
import { terminated } from './termination.ts';
import { VERSION } from './version.ts';

/** Runs until a signal and resolves when everything is stopped; rejects when it can not go on. */
export async function runController(flags: ControllerFlags): Promise<void> {
  const log = await openLog(flags, 'controller');
  const connection = await openConnection('controller', () => credentialsOf(flags));
  const failure = new Failure(log);
  const random = createRandom();
  const queue = createQueue(log, random);
  const queueLength = (): number => queue.length;
  const metrics = new ControllerMetrics({ version: VERSION, residentMemory, queueLength });
  const parts: Parts = { connection, failure, log, metrics, queue, random };
  const options = {
    ...DEFAULT_OPTIONS,
    loadBalancerClasses: flags.loadBalancerClass,
    servesClassless: flags.defaultClass,
  };
  const controller = new Controller(createDeps(flags, parts), options);
  const leadership = new Leadership({
    ...parts,
    controller,
    namespace: flags.namespace,
    port: flags.listen.port,
  });
  const notReady = (): string | undefined => leadership.notReady();
  const health = new HealthServer({ notReady, metrics: () => metrics.page() });
  const port = await health.listen(flags.listen);
  log.info('controller is starting', { version: VERSION, port });
  leadership.start();
  await Promise.race([terminated(log), failure.promise]);
  await leadership.stop();
  await Promise.all([health.close(), connection.close()]);
}

/** A person's kubeconfig may name a plugin; a service account needs none. */
const credentialsOf = ({ kubeconfig }: ControllerFlags): Credentials | Promise<Credentials> =>
  kubeconfig === undefined ? inClusterCredentials(process.env) : pluginCredentials(kubeconfig);

function createQueue(log: Log, random: Random): WorkQueue {
  const onError = (key: string, error: Error): void => log.error('reconcile failed', { key, error });
  return createWorkQueue({ random: random.fraction, onError });
}

interface Parts {
  readonly connection: Connection;
  readonly failure: Failure;
  readonly log: Log;
  readonly metrics: ControllerMetrics;
  readonly queue: WorkQueue;
  readonly random: Random;
}

/** Long enough for what a user waits for, a Service's address, to be written before the events that tell of it. */
const EVENT_DELAY = milliseconds(250);

function createDeps(flags: ControllerFlags, parts: Parts): ControllerDeps {
  const { connection, log, random } = parts;
  const wallClock = createWallClock();
  return {
    api: connection,
    translate: { service: translateService, node: translateNode, lease: translateLease },
    watches: createWatches(flags, parts),
    queue: parts.queue,
    events: createEventRecorder(connection, {
      component: 'fairlead-controller',
      instance: hostname(),
      timestamp: () => wallClock.timestamp(),
      uniqueName: () => Buffer.from(random.bytes(8)).toString('hex'),
      onProblem: (error) => log.warn('event not written', { error }),
      delay: EVENT_DELAY,
    }),
    clock: createBootClock(),
    wallClock,
    log,
    metrics: parts.metrics,
  };
}

function createWatches(flags: ControllerFlags, parts: Parts): ControllerWatches {
  const { connection, failure, log, metrics, random } = parts;
  const watcher = new Watcher({
    connection,
    random: random.fraction,
    log,
    onForbidden: (error) => failure.forbidden(error),
  });
  const watches = {
    services: watcher.watch(SERVICE),
    nodes: watcher.watch(NODE),
    leases: watcher.watch(LEASE, { namespace: flags.namespace, labelSelector: AGENT_LEASES }),
    pools: watcher.watch(ADDRESS_POOL),
    virtualIPs: watcher.watch(VIRTUAL_IP),
    announcers: watcher.watch(ANNOUNCER),
  };
  for (const [name, watch] of Object.entries(watches)) {
    metrics.watchState(name, watch.state());
    watch.onState((state) => metrics.watchState(name, state));
  }
  return watches;
}
