// What the agent is made of: the host, the API, the wire worker, and its settings.

import type { LeaseLiveness } from '../election/lease-liveness.ts';
import type { Clock, Digests, StateStore, WallClock } from '../host/host.ts';
import type { KubeApi, KubeObject, ListWatch, WorkQueue } from '../kube/api.ts';
import type { Timers } from '../kube/time.ts';
import type { AgentMetrics } from '../observe/agent-metrics.ts';
import type { Log } from '../observe/log.ts';
import type { Duration } from '../time/duration.ts';
import type { HeartbeatSettings } from '../wire-worker/heartbeat-settings.ts';
import type { FromWorker, ToWorker } from '../wire-worker/messages.ts';
import type { ProxyHealthMode } from './proxy-health.ts';

/** The wire worker as the agent uses it. */
export interface AgentWorker {
  send(message: ToWorker): void;
  onMessage(handler: (message: FromWorker) => void): void;
  /** Called when the thread has ended, with an error unless `stop` was asked for. */
  onExit(handler: (error?: Error) => void): void;
  /** Ends the thread within a second; rejects if that took force. */
  stop(): Promise<void>;
  /** It has not moved for a long time, although the main thread has. */
  isStuck(): boolean;
}

/** This node's own Lease: kept renewed from `start` on. */
export interface OwnLease {
  start(): void;
  /** Renews it now, or makes it anew; does nothing unless it is kept. */
  renew(): void;
  /** Stops renewing and clears the holder; rejects with ApiError if that could not be written, and can be repeated. */
  release(): Promise<void>;
  /** Stops renewing and leaves the Lease as it is. */
  stop(): void;
}

export interface AgentDeps {
  readonly api: KubeApi;
  readonly virtualIPs: ListWatch<KubeObject>;
  /** The Leases of all agents. */
  readonly leases: ListWatch<KubeObject>;
  /** Bounds how many writes are in flight (its workers) and how fast they are repeated. */
  readonly queue: WorkQueue;
  readonly lease: OwnLease;
  readonly liveness: LeaseLiveness;
  readonly worker: AgentWorker;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly digests: Pick<Digests, 'sha256'>;
  readonly timers: Timers;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: AgentMetrics;
  /** Asks kube-proxy's health check on this node; resolves with the HTTP status, rejects without an answer. */
  readonly proxyStatus: () => Promise<number>;
  /** Whether a Node is excluded from load balancers. */
  readonly isExcluded: (node: KubeObject) => boolean;
  /** Keeps what is needed while the API is away; undefined: nothing is kept. */
  readonly store?: StateStore;
}

export interface AgentOptions {
  readonly node: string;
  readonly version: string;
  /** Random hex digits, new at each start. */
  readonly session: string;
  /** Of the heartbeat key. */
  readonly namespace: string;
  readonly heartbeat: Pick<HeartbeatSettings, 'intervalMs' | 'multiplier'>;
  readonly proxyHealth: ProxyHealthMode;
  readonly lease: { readonly duration: Duration; readonly renewInterval: Duration };
  /** The wire worker has ended by itself: nothing is answered any more, and the process has to end. */
  readonly onFatal: (error: Error) => void;
}
