// What both programs construct in the same way: log, connection to the API, watches that report what goes wrong.

import type { KubeObject, ListWatch, ResourceKind, WatchProblem } from '../kube/api.ts';
import { hasCode } from '../kube/api-error.ts';
import { type Connection, createConnection } from '../kube/connection.ts';
import { type Credentials, CredentialsError } from '../kube/credentials.ts';
import { createListWatch } from '../kube/list-watch.ts';
import { identityOf } from '../kube/object-store.ts';
import type { ApiOutage } from '../observe/api-outage.ts';
import { createLog, type Log } from '../observe/log.ts';
import type { Duration } from '../time/duration.ts';
import { ConfigurationError } from './exit.ts';
import type { CommonFlags } from './flags.ts';
import { VERSION } from './version.ts';

export const residentMemory = (): number => process.memoryUsage.rss();

export function openLog({ logLevel, logFormat }: CommonFlags, component: string): Promise<Log> {
  const isTerminal = process.stdout.isTTY === true;
  return createLog({
    level: logLevel,
    isPretty: logFormat === 'pretty' || (logFormat === 'auto' && isTerminal),
    hasColor: isTerminal && process.env.NO_COLOR === undefined,
    component,
  });
}

/** Who speaks to the API; the audit log then tells replicas and nodes apart. */
export interface Speaker {
  readonly component: string;
  readonly instance: string;
}

/** Connects to nothing yet; throws ConfigurationError when the credentials can not be read. */
export async function openConnection(
  { component, instance }: Speaker,
  read: () => Credentials | Promise<Credentials>,
): Promise<Connection> {
  try {
    return createConnection(await read(), { userAgent: `fairlead-${component}/${VERSION} (${instance})` });
  } catch (error) {
    if (error instanceof CredentialsError) throw new ConfigurationError(error.message, { cause: error });
    throw error;
  }
}

export interface WatchScope {
  readonly namespace?: string;
  readonly labelSelector?: string;
}

/** The label of the Leases that agents keep. */
export const AGENT_LEASES = 'app.kubernetes.io/component=agent';

export interface WatcherOptions {
  readonly connection: Connection;
  readonly random: () => number;
  readonly log: Log;
  readonly outage: ApiOutage;
  /** The longest pause before a watch that failed is tried again. */
  readonly retryLimit?: Duration;
  /** A kind that the program can not do without, and that it has never seen completely, could not be read. */
  readonly onStartFailed: (kind: string, error: Error) => void;
}

/** Makes watches that report what goes wrong. */
export class Watcher {
  readonly #options: WatcherOptions;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  watch(kind: ResourceKind, scope: WatchScope = {}): ListWatch<KubeObject> {
    const { connection, random, retryLimit } = this.#options;
    const limits = retryLimit === undefined ? {} : { retryLimit };
    const onProblem = (problem: WatchProblem): void => this.#report(problem, watch);
    const watch: ListWatch<KubeObject> = createListWatch(connection, kind, {
      ...scope,
      ...limits,
      random,
      onProblem,
      // Both programs keep values of their own: thousands of objects as they came would only be there twice.
      keep: identityOf,
    });
    watch.onState((state) => {
      if (state === 'Synced') this.#options.outage.succeeded(kind.kind);
    });
    return watch;
  }

  #report({ kind, error, retryInMs }: WatchProblem, watch: ListWatch<KubeObject>): void {
    const { log, outage, onStartFailed } = this.#options;
    if (retryInMs === 0) return log.error('watch handler failed', { kind, error });
    // Nothing is lost: the server has only forgotten where the watch was.
    const isForgotten = hasCode(error, 'Gone') && watch.state() === 'Synced';
    if (isForgotten) log.debug('watch starts anew', { kind, error });
    else outage.failed(kind, error, retryInMs);
    // Later it means that the API is lost (ELECTION.md section 10), and what is known goes on being served.
    if (watch.state() === 'Syncing') onStartFailed(kind, error);
  }
}
