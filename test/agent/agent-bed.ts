// An agent among fakes: cluster, wire worker, Lease, work queue, time. Tests say what the worker and the API do, and
// look at what was written and sent.

import { Agent } from '../../src/agent/agent.ts';
import type { AgentWorker, OwnLease } from '../../src/agent/agent-deps.ts';
import { LeaseLiveness } from '../../src/election/lease-liveness.ts';
import type { StateStore } from '../../src/host/host.ts';
import { digests } from '../../src/host/linux/digests.ts';
import { LEASE, NAMESPACE, NODE, SECRET, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { translateNode } from '../../src/kube/translate.ts';
import { AgentMetrics } from '../../src/observe/agent-metrics.ts';
import { isExcluded } from '../../src/plan/node-predicates.ts';
import { HEARTBEAT_SECRET, heartbeatSecretData } from '../../src/resource/heartbeat-secret.ts';
import { milliseconds, seconds } from '../../src/time/duration.ts';
import type { FromWorker, HeldAddress, LinkReport, ToWorker } from '../../src/wire-worker/messages.ts';
import { FakeCluster } from '../fake/fake-cluster.ts';
import { FakeKubeApi } from '../fake/fake-kube-api.ts';
import { FakeListWatch } from '../fake/fake-list-watch.ts';
import { FakeLog } from '../fake/fake-reports.ts';
import { settle, VirtualTime } from '../fake/virtual-time.ts';
import { WatchedQueue } from '../fake/watched-queue.ts';

export const NAME = '10.77.0.50';
export const UID = 'uid-50';

/** What a worker says that holds the address no more. */
export const GONE: FromWorker = { kind: 'held', isWhole: false, changed: [], gone: [UID] };

export class FakeWorker implements AgentWorker {
  readonly sent: ToWorker[] = [];
  isStopped = false;
  hangs = false;
  #held: ReadonlySet<string> = new Set();
  #message: (message: FromWorker) => void = () => {};
  #exit: (error?: Error) => void = () => {};

  send(message: ToWorker): void {
    this.sent.push(message);
  }
  onMessage(handler: (message: FromWorker) => void): void {
    this.#message = handler;
  }
  onExit(handler: (error?: Error) => void): void {
    this.#exit = handler;
  }
  stop(): Promise<void> {
    this.isStopped = true;
    return Promise.resolve();
  }
  isStuck(): boolean {
    return this.hangs;
  }
  /** The thread dies by itself. */
  die(error: Error): void {
    this.#exit(error);
  }
  say(...messages: readonly FromWorker[]): void {
    for (const message of messages) this.#message(message);
  }
  /** The worker answers for these and nothing else. */
  held(...held: readonly HeldAddress[]): void {
    const uids = new Set(held.map(({ uid }) => uid));
    const gone = [...this.#held].filter((uid) => !uids.has(uid));
    this.#held = uids;
    this.say({ kind: 'held', isWhole: false, changed: held, gone });
  }
  /** The worker answers for an address and wants it recorded. */
  claims(epoch: number, { uid = UID, name = NAME, isLinked = true } = {}): void {
    const link = isLinked ? 'eth0' : undefined;
    this.say({ kind: 'claim', uid, name, epoch, previous: epoch - 1, link });
    this.held({ uid, name, epoch, link });
  }
  last<K extends ToWorker['kind']>(kind: K): Extract<ToWorker, { kind: K }> | undefined {
    return this.sent.findLast((each): each is Extract<ToWorker, { kind: K }> => each.kind === kind);
  }
  count(kind: ToWorker['kind']): number {
    return this.sent.filter((each) => each.kind === kind).length;
  }
}

export class FakeLease implements OwnLease {
  state: 'New' | 'Started' | 'Released' | 'Stopped' = 'New';
  releases = 0;
  renewals = 0;
  failures = 0;
  start(): void {
    this.state = 'Started';
  }
  renew(): void {
    this.renewals++;
  }
  release(): Promise<void> {
    this.releases++;
    if (this.failures-- > 0) return Promise.reject(Object.assign(new Error('down'), { code: 'Unreachable' }));
    this.state = 'Released';
    return Promise.resolve();
  }
  stop(): void {
    this.state = 'Stopped';
  }
}

export const ETH0: LinkReport = {
  index: 2,
  name: 'eth0',
  mac: '02:00:00:00:00:0b',
  state: 'Up',
  mtu: 1500,
  addresses: ['10.77.0.11/24'],
  gateways: ['10.77.0.1'],
};

interface VirtualIPChanges {
  readonly name?: string;
  readonly uid?: string;
  readonly candidates?: readonly string[];
  readonly status?: object;
  readonly deletionTimestamp?: string;
}

export function virtualIP({ name = NAME, uid = UID, ...changes }: VirtualIPChanges = {}): object {
  const { candidates = ['node1', 'node2'], status = { epoch: 0 }, deletionTimestamp } = changes;
  const deletion = deletionTimestamp === undefined ? {} : { deletionTimestamp };
  const finalizers = ['example.com/other', 'fairlead.io/withdraw'];
  const creationTimestamp = '2026-12-01T10:00:00Z';
  return {
    apiVersion: 'fairlead.io/v1alpha1',
    kind: 'VirtualIP',
    metadata: { name, uid, generation: 2, creationTimestamp, finalizers, ...deletion },
    spec: {
      address: name,
      family: 'IPv4',
      pool: 'default',
      services: [{ namespace: 'web', name: 'shop', uid: 'uid-s', ports: [{ protocol: 'TCP', port: 80 }] }],
      candidates,
      advertisements: [{ name: 'default', l2: { interfaces: [], ping: true, bind: false } }],
    },
    status,
  };
}

/** An agent on node1. */
export class AgentBed {
  readonly time = new VirtualTime();
  readonly cluster = new FakeCluster();
  readonly api = new FakeKubeApi(this.cluster);
  readonly worker = new FakeWorker();
  readonly lease = new FakeLease();
  readonly log = new FakeLog();
  readonly metrics = new AgentMetrics({ version: '0.0.0-test', residentMemory: () => 1 });
  readonly fatal: Error[] = [];
  /** What kube-proxy's health check answers. */
  proxyStatus = 200;
  readonly virtualIPs = new FakeListWatch(this.cluster, VIRTUAL_IP);
  readonly leases = new FakeListWatch(this.cluster, LEASE);
  readonly agent: Agent;

  /** Without a store nothing is kept for the next start. */
  constructor(store?: StateStore) {
    this.agent = new Agent(
      {
        api: this.api,
        virtualIPs: this.virtualIPs,
        leases: this.leases,
        queue: new WatchedQueue(this.time, seconds(1)),
        lease: this.lease,
        liveness: new LeaseLiveness(),
        worker: this.worker,
        clock: this.time,
        wallClock: this.time,
        digests,
        timers: this.time,
        random: () => 0.5,
        log: this.log,
        metrics: this.metrics,
        proxyStatus: () => Promise.resolve(this.proxyStatus),
        isExcluded: (node) => isExcluded(translateNode(node)),
        ...(store && { store }),
      },
      {
        node: 'node1',
        version: '0.0.0-test',
        namespace: 'fairlead-system',
        heartbeat: { intervalMs: 100, multiplier: 3 },
        session: '9f3c0a11d2e47b60',
        proxyHealth: 'Auto',
        lease: { duration: seconds(15), renewInterval: seconds(7) },
        onFatal: (error) => this.fatal.push(error),
      },
    );
    for (const watch of [this.virtualIPs, this.leases]) watch.delaySync();
    this.cluster.put(NODE, { metadata: { name: 'node1', uid: 'uid-node1' } });
    this.cluster.put(NAMESPACE, { metadata: { name: 'kube-system', uid: 'uid-cluster' } });
    this.putKey();
  }

  putKey(): void {
    const secret = { name: HEARTBEAT_SECRET, namespace: 'fairlead-system', uid: 'uid-secret' };
    this.cluster.put(SECRET, { metadata: secret, data: heartbeatSecretData(new Uint8Array(32).fill(7)) });
  }

  /** Starts with everything synced, node1 and `others` alive, eth0 up. */
  async start({ others = ['node2'] }: { readonly others?: readonly string[] } = {}): Promise<void> {
    for (const node of ['node1', ...others]) this.renew(node);
    this.agent.start();
    this.leases.completeSync();
    this.virtualIPs.completeSync();
    this.worker.say({ kind: 'ready' }, { kind: 'links', links: [ETH0] });
    await this.pass(1);
  }

  renew(node: string, holder = node): void {
    const metadata = {
      name: `fairlead-agent-${node}`,
      namespace: 'fairlead-system',
      uid: `uid-lease-${node}`,
    };
    const spec = { holderIdentity: holder, renewTime: this.time.timestamp(), leaseDurationSeconds: 15 };
    this.cluster.put(LEASE, { metadata, spec });
  }

  /** Lets milliseconds of virtual time pass. */
  async pass(count: number): Promise<void> {
    await this.time.advance(milliseconds(count));
    await settle();
  }

  status(name = NAME): Record<string, unknown> {
    return (this.cluster.stored(VIRTUAL_IP, { name })?.status ?? {}) as Record<string, unknown>;
  }

  writes(plural = 'virtualips'): number {
    return this.api.requests.filter((each) => each.verb === 'patch' && each.plural === plural).length;
  }
}
