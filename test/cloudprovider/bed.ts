// A controller on the fake cluster, with nodes, agents that do what agents do, and watchdogs over what must never be.

import assert from 'node:assert/strict';
import { Controller } from '../../src/cloudprovider/controller.ts';
import {
  type ControllerOptions,
  type ControllerWatches,
  DEFAULT_OPTIONS,
} from '../../src/cloudprovider/deps.ts';
import type { KubeObject, ObjectChange, ResourceKind } from '../../src/kube/api.ts';
import {
  ADDRESS_POOL,
  ANNOUNCER,
  ENDPOINT_SLICE,
  LEASE,
  NAMESPACE as NAMESPACE_KIND,
  NODE,
  SERVICE,
  VIRTUAL_IP,
} from '../../src/kube/kinds.ts';
import { translate } from '../../src/kube/translate.ts';
import { OWN_FINALIZER, UPSTREAM_FINALIZER } from '../../src/plan/service-class.ts';
import type { ServiceView } from '../../src/plan/views.ts';
import { formatProblems } from '../../src/resource/parsed.ts';
import { parseVirtualIP, type VirtualIP, WITHDRAW_FINALIZER } from '../../src/resource/virtual-ip.ts';
import { seconds } from '../../src/time/duration.ts';
import { FakeCluster } from '../fake/fake-cluster.ts';
import { FakeKubeApi, fail } from '../fake/fake-kube-api.ts';
import { FakeListWatch } from '../fake/fake-list-watch.ts';
import { FakeEvents, FakeLog } from '../fake/fake-reports.ts';
import { VirtualTime } from '../fake/virtual-time.ts';
import { WatchedQueue } from '../fake/watched-queue.ts';

export const NAMESPACE = 'fairlead-system';
const LEASE_MS = 15_000;
/** Far more than any test needs to come to rest. */
const MOST_ROUNDS = 1000;

export interface Running {
  readonly controller: Controller;
  readonly api: FakeKubeApi;
  readonly queue: WatchedQueue;
  readonly watches: { readonly [K in keyof ControllerWatches]: FakeListWatch };
  readonly events: string[];
  /** Reasons, one for each refusal that was counted. */
  readonly refused: readonly string[];
  readonly log: FakeLog;
}

export class Bed {
  readonly cluster = new FakeCluster();
  readonly time = new VirtualTime();
  /** What must never happen and did. */
  readonly violations: string[] = [];
  /** Nodes whose agents have stopped. */
  readonly silent = new Set<string>();
  readonly #everyone: Running[] = [];
  #renewals = 0;

  constructor() {
    this.onChange(VIRTUAL_IP, (change) => this.#watchVirtualIP(change));
    this.onChange(SERVICE, (change) => this.#watchService(change));
  }

  node(name: string, subnet: string | null = '10.77.0.11/24', labels: Record<string, string> = {}): void {
    this.cluster.create(NODE, undefined, { metadata: { name, labels }, spec: {} });
    this.lease(name);
    if (subnet !== null) this.announcer(name, [subnet]);
  }

  announcer(name: string, addresses: readonly string[], state: 'Up' | 'Down' = 'Up'): void {
    if (!this.cluster.objects(ANNOUNCER).has(name))
      this.cluster.create(ANNOUNCER, undefined, { metadata: { name } });
    const links = [{ name: 'eth0', index: 2, mac: '02:00:00:00:00:0b', state, mtu: 1500, addresses }];
    this.#patchStatus('announcers', name, { links });
  }

  /** The default gateways that a node's agent reports on eth0. */
  gateways(node: string, ...gateways: readonly string[]): void {
    this.#patchStatus('announcers', node, { segments: [{ link: 'eth0', gateways }] });
  }

  /** Where the API server says that it is: in the EndpointSlice of its own Service. */
  apiServer(...addresses: readonly string[]): void {
    const ref = { namespace: 'default', name: 'kubernetes' };
    const endpoints = addresses.map((address) => ({ addresses: [address] }));
    if (this.cluster.objects(ENDPOINT_SLICE).has('default/kubernetes'))
      this.cluster.patch(ENDPOINT_SLICE, ref, { patch: { type: 'merge', body: { endpoints } } });
    else this.cluster.create(ENDPOINT_SLICE, 'default', { metadata: { name: 'kubernetes' }, endpoints });
  }

  /** Creates or renews the Lease of a node's agent. */
  lease(node: string, holder: string = node): void {
    const name = `fairlead-agent-${node}`;
    this.#renewals += 1;
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: LEASE_MS / 1000,
      renewTime: this.#renewTime(),
    };
    if (!this.cluster.objects(LEASE).has(`${NAMESPACE}/${name}`)) {
      this.cluster.create(LEASE, NAMESPACE, { metadata: { name }, spec });
      return;
    }
    this.cluster.patch(LEASE, { namespace: NAMESPACE, name }, { patch: { type: 'merge', body: { spec } } });
  }

  pool(name: string, ...addresses: string[]): void {
    this.poolWith(name, { addresses });
  }

  poolWith(name: string, spec: object): void {
    if (!this.cluster.objects(ADDRESS_POOL).has(name)) {
      this.cluster.create(ADDRESS_POOL, undefined, { metadata: { name }, spec });
    } else this.cluster.patch(ADDRESS_POOL, { name }, { patch: { type: 'merge', body: { spec } } });
  }

  namespace(name: string, labels: Record<string, string> = {}): void {
    this.cluster.create(NAMESPACE_KIND, undefined, { metadata: { name, labels } });
  }

  createService(name: string, spec: object = {}, metadata: object = {}): void {
    const common = { type: 'LoadBalancer', loadBalancerClass: 'fairlead.io/lb', ipFamilies: ['IPv4'] };
    const ports = [{ protocol: 'TCP', port: 80 }];
    const policy = { ipFamilyPolicy: 'SingleStack' };
    this.cluster.create(SERVICE, 'web', {
      metadata: { name, ...metadata },
      spec: { ...common, ...policy, ports, ...spec },
    });
  }

  changeService(name: string, spec: object): void {
    this.editService(name, { spec });
  }

  /** What anybody may do to a Service: a merge patch, of its status as well. */
  editService(name: string, body: { metadata?: object; spec?: object; status?: object }): void {
    const ref = { namespace: 'web', name };
    const patch = { type: 'merge', body } as const;
    this.cluster.patch(SERVICE, ref, { patch });
    if (body.status !== undefined) this.cluster.patch(SERVICE, ref, { patch, subresource: 'status' });
  }

  /** null takes one away. */
  annotate(name: string, annotations: Readonly<Record<string, string | null>>): void {
    this.editService(name, { metadata: { annotations } });
  }

  deleteService(name: string): void {
    this.cluster.remove(SERVICE, { namespace: 'web', name });
  }

  hasService(name: string): boolean {
    return this.cluster.objects(SERVICE).has(`web/${name}`);
  }

  service(name: string): ServiceView {
    return translate.service(this.cluster.get(SERVICE, { namespace: 'web', name }));
  }

  virtualIPs(): readonly VirtualIP[] {
    return [...this.cluster.objects(VIRTUAL_IP).values()].map(read);
  }

  /** `10.77.0.50 web/shop n1,n2` for each. */
  plan(): readonly string[] {
    return this.virtualIPs().map(({ name, services, candidates }) => {
      const owners = services.map((ref) => `${ref.namespace}/${ref.name}`).join();
      return `${name} ${owners} ${[...candidates].sort().join()}`;
    });
  }

  async start(changes: Partial<ControllerOptions> = {}): Promise<Running> {
    const running = this.construct(changes);
    await running.controller.start();
    return running;
  }

  /** A node's agent records itself as holder, whether a controller sees it or not. */
  claim(name: string, holder: string, conditions: readonly object[] = []): void {
    this.#patchStatus('virtualips', name, { holder, epoch: 1, phase: 'Announced', conditions });
  }

  /** As a node does that is no candidate, and knows it, when all candidates are dead. */
  claimAsLastResort(name: string, holder: string): void {
    const observedGeneration = this.cluster.objects(VIRTUAL_IP).get(name)?.metadata.generation;
    this.#patchStatus('virtualips', name, { holder, epoch: 7, phase: 'Announced', observedGeneration });
  }

  /** A controller that has not been started yet. */
  construct(changes: Partial<ControllerOptions> = {}): Running {
    const watch = (kind: typeof SERVICE) => new FakeListWatch(this.cluster, kind);
    const isApiServer = ({ metadata }: KubeObject): boolean => metadata.namespace === 'default';
    const nodes = { nodes: watch(NODE), leases: watch(LEASE), announcers: watch(ANNOUNCER) };
    const watches = {
      services: watch(SERVICE),
      namespaces: watch(NAMESPACE_KIND),
      ...nodes,
      pools: watch(ADDRESS_POOL),
      virtualIPs: watch(VIRTUAL_IP),
      endpointSlices: watch(ENDPOINT_SLICE),
      apiServers: new FakeListWatch(this.cluster, ENDPOINT_SLICE, isApiServer),
    };
    const api = new FakeKubeApi(this.cluster);
    const queue = new WatchedQueue(this.time);
    const events = new FakeEvents();
    const log = new FakeLog();
    const refused: string[] = [];
    const metrics = {
      reconciled: () => {},
      allocations: () => {},
      refused: (reason: string) => refused.push(reason),
    };
    const clocks = { clock: this.time, wallClock: this.time };
    const controller = new Controller(
      { api, translate, watches, queue, events, log, metrics, ...clocks },
      { ...DEFAULT_OPTIONS, ...changes },
    );
    const running = { controller, api, queue, watches, events: events.events, refused, log };
    this.#everyone.push(running);
    return running;
  }

  /** Like SIGKILL: it sees and reaches nothing any more. */
  kill(running: Running): void {
    for (const watch of Object.values(running.watches)) watch.stop();
    running.api.before = () => fail();
    running.api.after = () => fail();
  }

  /** Lets controllers and agents work until neither has anything left to do. */
  async settle(): Promise<void> {
    let rounds = 0;
    for (let version = -1; version !== this.cluster.writes.length; ) {
      if (++rounds > MOST_ROUNDS) throw new Error('controllers undo what others do, without end');
      version = this.cluster.writes.length;
      for (const { queue } of this.#everyone) await queue.idle();
      this.#agents();
      for (const { queue } of this.#everyone) await queue.idle();
    }
  }

  /** Moves the clock on in small steps, renewing the Leases of agents that run. */
  async pass(milliseconds: number): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 1000) {
      await this.time.advance(seconds(1));
      for (const key of this.cluster.objects(LEASE).keys()) {
        const node = key.replace(`${NAMESPACE}/fairlead-agent-`, '');
        if (!this.silent.has(node)) this.lease(node);
      }
      await this.settle();
    }
  }

  assertSound(): void {
    assert.deepEqual(this.violations, []);
    for (const { log } of this.#everyone)
      assert.deepEqual(
        log.lines.filter(({ level }) => level === 'error'),
        [],
      );
    const shares = this.virtualIPs().flatMap(({ services, family }) =>
      services.map(({ namespace, name, uid }) => ({
        key: `${namespace}/${name}`,
        share: `${uid} ${family}`,
      })),
    );
    const single = shares.filter(({ key }) => !this.#wantsMany(key)).map(({ share }) => share);
    assert.equal(new Set(single).size, single.length, 'two VirtualIPs of a family for one Service');
  }

  /** By its own wish, or while others take the place of what it has. */
  #wantsMany(key: string): boolean {
    const annotations = this.cluster.objects(SERVICE).get(key)?.metadata.annotations ?? {};
    return ['count', 'renumber', 'replaced-addresses'].some((name) => `fairlead.io/${name}` in annotations);
  }

  /** As living agents do: claims what nobody holds that lives and is a candidate, lets go of what is being deleted. */
  #agents(): void {
    for (const virtualIP of this.virtualIPs()) {
      const { name, isDeleting, record, finalizers } = virtualIP;
      const holder = this.#heirOf(virtualIP);
      if (holder === undefined || this.silent.has(holder)) continue;
      if (isDeleting && record.holder === holder && finalizers.includes(WITHDRAW_FINALIZER)) {
        const body = { metadata: { finalizers: [] } };
        this.cluster.patch(VIRTUAL_IP, { name }, { patch: { type: 'merge', body } });
        this.cluster.writes.push(`agent releases ${name}`);
      } else if (!isDeleting && record.holder !== holder) {
        this.#patchStatus('virtualips', name, { holder, epoch: record.epoch + 1, phase: 'Announced' });
        this.cluster.writes.push(`agent claims ${name}`);
      }
    }
  }

  #heirOf({ isDeleting, candidates, record, isLastResort }: VirtualIP): string | undefined {
    const { holder } = record;
    const living = candidates.filter((node) => !this.silent.has(node));
    const isHeld =
      holder !== undefined && (isDeleting || isLastResort === true || candidates.includes(holder));
    return isHeld ? holder : (living[0] ?? holder);
  }

  #patchStatus(plural: 'virtualips' | 'announcers', name: string, status: object): void {
    const kind = plural === 'virtualips' ? VIRTUAL_IP : ANNOUNCER;
    this.cluster.patch(kind, { name }, { patch: { type: 'merge', body: { status } }, subresource: 'status' });
  }

  /** Sees every change, whatever controllers see. */
  onChange(kind: ResourceKind, handler: (change: ObjectChange<KubeObject>) => void): void {
    const watch = new FakeListWatch(this.cluster, kind);
    watch.onChange(handler);
    watch.start();
  }

  #watchVirtualIP(change: ObjectChange<KubeObject>): void {
    if (change.kind !== 'added') return;
    for (const { namespace, name, uid } of read(change.object).services) {
      const service = this.cluster.objects(SERVICE).get(`${namespace}/${name}`);
      if (service?.metadata.uid !== uid) continue;
      if (!hasFinalizer(service))
        this.violations.push(`${change.object.metadata.name} exists before the finalizer of ${name}`);
    }
  }

  #watchService(change: ObjectChange<KubeObject>): void {
    const before = change.kind === 'added' ? undefined : change.before;
    if (before === undefined || !hasFinalizer(before)) return;
    if (change.kind !== 'deleted' && hasFinalizer(change.object)) return;
    const left = this.virtualIPs().filter(({ services }) =>
      services.some(({ uid }) => uid === before.metadata.uid),
    );
    for (const { name } of left)
      this.violations.push(`finalizer of ${before.metadata.name} removed while ${name} is there`);
  }

  #renewTime(): string {
    return `${this.time.timestamp().slice(0, -8)}.${String(this.#renewals).padStart(6, '0')}Z`;
  }
}

const hasFinalizer = ({ metadata }: KubeObject): boolean =>
  (metadata.finalizers ?? []).some((name) => name === OWN_FINALIZER || name === UPSTREAM_FINALIZER);

function read(object: KubeObject): VirtualIP {
  const parsed = parseVirtualIP(object);
  if (parsed.kind === 'problems') assert.fail(formatProblems(parsed.problems));
  return parsed.value;
}

/** A bed with two nodes and the pool `default`: ten addresses, unless others are given. */
export function bedOf(...pool: string[]): Bed {
  const bed = new Bed();
  for (const name of ['n1', 'n2']) bed.node(name);
  bed.pool('default', ...(pool.length > 0 ? pool : ['10.77.0.50-10.77.0.59']));
  return bed;
}
