// Many Services are created, edited and deleted while both controllers, every agent, the API server and etcd are killed
// with SIGKILL in turn: at the end each Service is reached at an address of its own, and nothing else is left.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { SYSTEM_NAMESPACE } from '../../lab/installation.ts';
import { LabApiError } from '../../lab/kube-client.ts';
import { poolManifest } from '../../lab/pool-manifest.ts';
import type { LabProcess } from '../../lab/process-table.ts';
import { leaseName } from '../../src/agent/liveness-feed.ts';
import type { KubeObject, ResourceKind } from '../../src/kube/api.ts';
import { ADDRESS_POOL, ANNOUNCER, LEASE, SERVICE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { minutes } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { type Bed, type ServiceObject, SOON, useBed, type VirtualIPObject, WEB } from './bed.ts';

const SERVICES = 100;
/** Of these many addresses. */
const POOL = { first: 110, last: 229 };
const prefix = '10.77.0.';
const OUR_FINALIZER = 'fairlead.io/load-balancer';
interface PoolObject extends KubeObject {
  readonly status?: { readonly ipv4?: { readonly allocated?: string } };
}

/** While nothing of it works: elections, Leases and back-offs, and two shared cores. */
const IN_THE_END = minutes(3);

const NAMES = Array.from({ length: SERVICES }, (_, i) => `many-${i + 1}`);

/** What becomes of a Service after it was created, by its place in the row. */
const FATES = [
  'stays',
  'gets-port',
  'becomes-internal',
  'goes-and-returns',
  'is-deleted',
  'is-replaced',
] as const;
type Fate = (typeof FATES)[number];

const fateOf = (name: string): Fate => FATES[NAMES.indexOf(name) % FATES.length] ?? 'stays';

const namesOf = (...fates: readonly Fate[]): readonly string[] =>
  NAMES.filter((name) => fates.includes(fateOf(name)));

/** Those that want an address of ours at the end. */
const SERVED = namesOf('stays', 'gets-port', 'goes-and-returns', 'is-replaced');

/**
 * Killed in this order, one a round, and started again: at once what nothing can be written without; when the round's
 * Services were created; or when one of them is served, which takes the other controller to lead.
 */
const KILLS = [
  { target: 'controller/0', until: 'served' },
  { target: 'agent/node1', until: 'created' },
  { target: 'apiserver', until: 'dead' },
  { target: 'agent/node2', until: 'created' },
  { target: 'controller/1', until: 'served' },
  { target: 'etcd', until: 'dead' },
  { target: 'agent/node3', until: 'created' },
  { target: 'controller/0', until: 'created' },
] as const;
const PER_ROUND = Math.ceil(SERVICES / KILLS.length);

const PORTS = [
  { name: 'http', port: 80, targetPort: 'http' },
  { name: 'udp', protocol: 'UDP', port: 7, targetPort: 'udp' },
];
const EXTRA_PORT = { name: 'extra', port: 81, targetPort: 'http' };
const INTERNAL = { type: 'ClusterIP', loadBalancerClass: null };
const EXTERNAL = { type: 'LoadBalancer', loadBalancerClass: 'fairlead.io/lb' };

/** Writes that are repeated until they are done, whatever is dead meanwhile. */
class Crowd {
  readonly #bed: Bed;

  constructor(bed: Bed) {
    this.#bed = bed;
  }

  create(name: string): Promise<void> {
    return this.#persist(`create ${name}`, 'AlreadyExists', () => this.#bed.create({ name }));
  }

  /** All that happens to it after its creation. */
  async meetFate(name: string): Promise<void> {
    const fate = fateOf(name);
    if (fate === 'gets-port') await this.#edit(name, { ports: [...PORTS, EXTRA_PORT] });
    if (fate === 'becomes-internal' || fate === 'goes-and-returns') await this.#edit(name, INTERNAL);
    if (fate === 'goes-and-returns') await this.#edit(name, EXTERNAL);
    if (fate === 'is-deleted' || fate === 'is-replaced') await this.removeAndWait(name);
    if (fate === 'is-replaced') await this.create(name);
  }

  /** Resolves when our finalizer is gone and so is the Service. */
  async removeAndWait(name: string): Promise<void> {
    await this.#persist(`remove ${name}`, 'NotFound', () => this.#bed.remove(name));
    const isGone = (): Promise<boolean> =>
      this.#bed.service(name).then(
        () => false,
        (error: unknown) => error instanceof LabApiError && error.code === 'NotFound',
      );
    await this.#bed.lab.waitFor(`service ${name} to be gone`, isGone, IN_THE_END);
  }

  #edit(name: string, spec: unknown): Promise<void> {
    const patch = { type: 'merge', body: { spec } } as const;
    return this.#persist(`edit ${name}`, undefined, () =>
      this.#bed.lab.api.patch(SERVICE, { namespace: WEB, name }, patch),
    );
  }

  /** An attempt that broke off may have been heard: what is done already is done. */
  async #persist(what: string, done: string | undefined, write: () => Promise<unknown>): Promise<void> {
    const attempt = async (): Promise<true> => {
      await write().catch((error: unknown) => {
        if (!(error instanceof LabApiError && error.code === done)) throw error;
      });
      return true;
    };
    await this.#bed.lab.waitFor(what, attempt, IN_THE_END);
  }
}

/** In each round something dies, Services are created, and those of the round before meet their fates. */
async function createEditAndDelete(bed: Bed): Promise<void> {
  const crowd = new Crowd(bed);
  const fates: Promise<unknown>[] = [];
  const { faults } = bed.lab;
  for (const [round, { target, until }] of KILLS.entries()) {
    const names = namesOfRound(round);
    await faults.kill(target);
    const created = handled(Promise.all(names.map((name) => crowd.create(name))));
    fates.push(handled(Promise.all(namesOfRound(round - 1).map((name) => crowd.meetFate(name)))));
    if (until === 'dead') await startAgain(bed, target);
    await created;
    if (until === 'created') await startAgain(bed, target);
    // The next one dies when this one's work has begun to be done.
    await bed.addressOf(names[0] ?? '', IN_THE_END);
    if (until === 'served') await startAgain(bed, target);
  }
  await Promise.all([...fates, ...namesOfRound(KILLS.length - 1).map((name) => crowd.meetFate(name))]);
}

/** Where it does not come up at once, it is started again as often as it takes: `keepRunning`. */
async function startAgain({ lab }: Bed, target: string): Promise<void> {
  const isRunning = (): boolean => lab.processes.get(target)?.state === 'Running';
  await lab.faults.start(target).catch(() => lab.waitFor(`${target} to run`, isRunning, IN_THE_END));
}

const namesOfRound = (round: number): readonly string[] =>
  round < 0 ? [] : NAMES.slice(round * PER_ROUND, (round + 1) * PER_ROUND);

/** It is awaited later than it may fail. */
function handled<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

const ingressOf = (service: ServiceObject): readonly string[] =>
  (service.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '');

describe('many Services', requirement('cluster'), () => {
  const bed = useBed({ name: 'e2e-many', nodes: 3, controllers: 2, kubeProxy: { minSyncPeriod: '0s' } });
  let addresses: readonly string[] = [];
  let freshDescriptors = 0;

  const programs = (): readonly LabProcess[] =>
    bed()
      .lab.processes.list()
      .filter(({ target }) => /^(agent|controller)\//.test(target));

  const mostDescriptors = (): number =>
    Math.max(...programs().map(({ pid }) => readdirSync(`/proc/${pid}/fd`).length));

  const namesOfAll = async (kind: ResourceKind, namespace?: string): Promise<readonly string[]> => {
    const objects = await bed().lab.api.list<KubeObject>(kind, namespace === undefined ? {} : { namespace });
    return objects.map(({ metadata }) => metadata.name).sort();
  };

  let ended: readonly string[] = [];

  before(() => {
    ended = bed().keepRunning();
  });

  test('every Service ends reachable at its own address', async (t) => {
    await bed().lab.apply(poolManifest('large', [`${prefix}${POOL.first}-${prefix}${POOL.last}`]));
    freshDescriptors = mostDescriptors();
    const began = performance.now();
    await createEditAndDelete(bed());
    t.diagnostic(`all was done after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    addresses = await Promise.all(SERVED.map((name) => bed().addressOf(name, IN_THE_END)));
    assert.equal(
      new Set(addresses).size,
      SERVED.length,
      `an address was given twice: ${addresses.join(' ')}`,
    );
    for (const address of addresses) await bed().answerAt(address, IN_THE_END);
    for (const name of namesOf('gets-port'))
      await bed().answerAt(`${addresses[SERVED.indexOf(name)]}:81`, IN_THE_END);
    t.diagnostic(`all answer after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  });

  test('each address is held by one living node, and no other is', async () => {
    const isSettled = async (): Promise<boolean> =>
      (await bed().lab.api.list<VirtualIPObject>(VIRTUAL_IP)).length === SERVED.length;
    await bed().lab.waitFor(`${SERVED.length} VirtualIPs`, isSettled, IN_THE_END);
    const virtualIPs = await bed().lab.api.list<VirtualIPObject>(VIRTUAL_IP);
    assert.deepEqual(virtualIPs.map(({ spec }) => spec.address).sort(), [...addresses].sort());
    const check = async (name: string): Promise<void> => {
      const { holder } = await bed().holding(name);
      assert.deepEqual(await bed().answerers(name), [bed().macOf(holder)], name);
    };
    await Promise.all(virtualIPs.map(({ metadata }) => check(metadata.name)));
  });

  test('what is not ours any more bears no trace of us', async () => {
    const services = await bed().lab.api.list<ServiceObject>(SERVICE, { namespace: WEB });
    const names = services.map(({ metadata }) => metadata.name).filter((name) => NAMES.includes(name));
    const left = namesOf('is-deleted');
    assert.deepEqual(names.sort(), NAMES.filter((name) => !left.includes(name)).sort());
    const isClean = async (name: string): Promise<boolean> => {
      const service = await bed().service(name);
      return !service.metadata.finalizers?.includes(OUR_FINALIZER) && ingressOf(service).length === 0;
    };
    const wait = (name: string): Promise<true> =>
      bed().lab.waitFor(`${name} to be let go`, async () => await isClean(name), IN_THE_END);
    await Promise.all(namesOf('becomes-internal').map(wait));
  });

  test('every Service is deleted completely', async () => {
    const crowd = new Crowd(bed());
    await Promise.all(NAMES.map((name) => crowd.removeAndWait(name)));
    assert.deepEqual(await bed().lab.api.list(VIRTUAL_IP), []);
    const all = Array.from({ length: POOL.last - POOL.first + 1 }, (_, i) => `${prefix}${POOL.first + i}`);
    const answerers = await Promise.all(all.map((address) => bed().answerers(address)));
    assert.deepEqual(answerers.flat(), []);
  });

  test('nothing is left behind, neither in the API nor in the programs', async (t) => {
    const nodes = bed().lab.network.nodes.map(({ name }) => name);
    const leases = ['fairlead-controller', ...nodes.map(leaseName)];
    assert.deepEqual(await namesOfAll(LEASE, SYSTEM_NAMESPACE), leases.sort());
    assert.deepEqual(await namesOfAll(ANNOUNCER), nodes);
    const services = await bed().lab.api.list<ServiceObject>(SERVICE);
    assert.deepEqual(
      services.flatMap(({ metadata }) => metadata.finalizers ?? []),
      [],
    );
    const isEmpty = async (): Promise<boolean> => {
      const { status } = await bed().lab.api.get<PoolObject>(ADDRESS_POOL, { name: 'large' });
      return status?.ipv4?.allocated === '0';
    };
    await bed().lab.waitFor('the pool to be empty', isEmpty, SOON);
    // Connections to the API stay for the next requests; one for every Service would not be among them.
    const isSame = (): boolean => mostDescriptors() <= freshDescriptors + SERVICES / 4;
    await bed().lab.waitFor('descriptors to be closed', isSame, SOON);
    t.diagnostic(`descriptors of a program: ${freshDescriptors} fresh, ${mostDescriptors()} now`);
    t.diagnostic(`ended by themselves and were started again: ${ended.join(', ') || 'none'}`);
  });
});
