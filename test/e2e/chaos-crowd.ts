// Services that come, change and go at random, for the chaos test: what each should be is known at every moment, and
// what the cluster says is compared with that as a whole.

import { LabApiError } from '../../lab/kube-client.ts';
import { SERVICE, VIRTUAL_IP } from '../../src/kube/kinds.ts';
import { minutes } from '../../src/time/duration.ts';
import { type Bed, type ServiceObject, type VirtualIPObject, WEB } from './bed.ts';

/** Far longer than any of the faults lasts. */
const PATIENCE = minutes(2);
const OUR_FINALIZER = 'fairlead.io/load-balancer';

/** What a Service should be: not there, without an address of ours, or with one and these ports. */
type Wanted = 'absent' | 'internal' | readonly number[];

interface PlannedVirtualIP extends VirtualIPObject {
  readonly spec: VirtualIPObject['spec'] & {
    readonly services?: readonly {
      readonly uid: string;
      readonly ports: readonly { readonly port: number }[];
    }[];
  };
}

interface Port {
  readonly port: number;
}

const portsOf = (ports: readonly number[]) =>
  ports.map((port) => ({ name: `p${port}`, port, targetPort: 'http' }));
const EXTERNAL = { type: 'LoadBalancer', loadBalancerClass: 'fairlead.io/lb' };
const INTERNAL = { type: 'ClusterIP', loadBalancerClass: null };

export class ChaosCrowd {
  readonly #bed: Bed;
  readonly #random: () => number;
  readonly #wanted: Map<string, Wanted>;
  /** How often each kind of change was made. */
  readonly changes = new Map<string, number>();

  /** `random`: at least 0, below 1. */
  constructor(bed: Bed, names: readonly string[], random: () => number) {
    this.#bed = bed;
    this.#random = random;
    this.#wanted = new Map(names.map((name) => [name, 'absent']));
  }

  /** Creates all of them, then changes one after the other until the signal; `workers` names at a time. */
  async churn(workers: number, signal: AbortSignal): Promise<void> {
    const names = [...this.#wanted.keys()];
    const work = async (_: unknown, worker: number): Promise<void> => {
      const own = names.filter((_name, index) => index % workers === worker);
      for (const name of own) await this.#change(name);
      while (!signal.aborted) await this.#change(this.#draw(own));
    };
    await Promise.all(Array.from({ length: workers }, work));
  }

  /** Names of those that should have an address. */
  served(): readonly string[] {
    return [...this.#wanted].filter(([, wanted]) => typeof wanted === 'object').map(([name]) => name);
  }

  /** Deletes all of them. */
  async disperse(): Promise<void> {
    await Promise.all([...this.#wanted].map(([name, wanted]) => wanted !== 'absent' && this.#remove(name)));
  }

  /** Everything in which the cluster is not what it should be; empty when all is well. */
  async differences(): Promise<readonly string[]> {
    const services = await this.#bed.lab.api.list<ServiceObject>(SERVICE, { namespace: WEB });
    const virtualIPs = await this.#bed.lab.api.list<PlannedVirtualIP>(VIRTUAL_IP);
    const byName = new Map(services.map((service) => [service.metadata.name, service]));
    const found = [...this.#wanted].flatMap(([name, wanted]) =>
      differencesOf(name, wanted, { service: byName.get(name), virtualIPs }),
    );
    const uids = new Set(services.map(({ metadata }) => metadata.uid));
    const leaked = virtualIPs.filter(({ spec }) => !(spec.services ?? []).some(({ uid }) => uids.has(uid)));
    return [
      ...found,
      ...leaked.map(({ metadata }) => `VirtualIP ${metadata.name} is for no Service`),
      ...doubles(services),
    ];
  }

  /** Addresses that two Services have now, whatever else is on its way. */
  async doubles(): Promise<readonly string[]> {
    return doubles(await this.#bed.lab.api.list<ServiceObject>(SERVICE, { namespace: WEB }));
  }

  async #change(name: string): Promise<void> {
    const present = this.#wanted.get(name);
    if (present === 'absent') return this.#create(name);
    const kind = this.#draw(
      typeof present === 'object' ? ['edit', 'internal', 'delete', 'replace'] : ['external', 'delete'],
    );
    this.#count(kind);
    if (kind === 'edit') return this.#edit(name, this.#drawPorts());
    if (kind === 'internal') return this.#edit(name, 'internal');
    if (kind === 'external') return this.#edit(name, this.#drawPorts());
    await this.#remove(name);
    if (kind === 'replace') await this.#create(name);
  }

  /** The former one of the name may still be on its way out. */
  async #create(name: string): Promise<void> {
    const ports = this.#drawPorts();
    const attempt = async (): Promise<boolean> => {
      try {
        await this.#bed.create({ name, spec: { ports: portsOf(ports) } });
        return true;
      } catch (error) {
        if (!isCode(error, 'AlreadyExists')) throw error;
        // Ours, if an attempt was heard whose answer was lost.
        const { metadata } = await this.#bed.service(name);
        return metadata.deletionTimestamp === undefined;
      }
    };
    this.#count('create');
    await this.#bed.lab.waitFor(`service ${name} to be created`, attempt, PATIENCE);
    this.#wanted.set(name, ports);
  }

  async #edit(name: string, wanted: Exclude<Wanted, 'absent'>): Promise<void> {
    const spec = wanted === 'internal' ? INTERNAL : { ...EXTERNAL, ports: portsOf(wanted) };
    await this.#persist(`edit ${name}`, () =>
      this.#bed.lab.api.patch(SERVICE, { namespace: WEB, name }, { type: 'merge', body: { spec } }),
    );
    this.#wanted.set(name, wanted);
  }

  async #remove(name: string): Promise<void> {
    await this.#persist(`remove ${name}`, () =>
      this.#bed.remove(name).catch((error: unknown) => {
        if (!isCode(error, 'NotFound')) throw error;
      }),
    );
    this.#wanted.set(name, 'absent');
  }

  async #persist(what: string, write: () => Promise<unknown>): Promise<void> {
    const attempt = async (): Promise<true> => {
      await write();
      return true;
    };
    await this.#bed.lab.waitFor(what, attempt, PATIENCE);
  }

  #drawPorts(): readonly number[] {
    const first = 1000 + Math.floor(this.#random() * 50_000);
    return this.#random() < 0.5 ? [first] : [first, first + 1];
  }

  #draw<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new Error('draw from nothing: want at least one item');
    return item;
  }

  #count(kind: string): void {
    this.changes.set(kind, (this.changes.get(kind) ?? 0) + 1);
  }
}

interface Found {
  readonly service: ServiceObject | undefined;
  readonly virtualIPs: readonly PlannedVirtualIP[];
}

function differencesOf(name: string, wanted: Wanted, { service, virtualIPs }: Found): readonly string[] {
  if (wanted === 'absent') return service === undefined ? [] : [`${name} is still there`];
  if (service === undefined) return [`${name} is not there`];
  const { uid, finalizers = [], deletionTimestamp } = service.metadata;
  if (deletionTimestamp !== undefined) return [`${name} is being deleted`];
  const own = virtualIPs.filter(({ spec }) => (spec.services ?? []).some((ref) => ref.uid === uid));
  const hasFinalizer = finalizers.includes(OUR_FINALIZER);
  const ingress = ingressOf(service);
  if (wanted === 'internal')
    return hasFinalizer || ingress.length > 0 || own.length > 0 ? [`${name} bears traces of us`] : [];
  const [virtualIP, ...more] = own;
  if (virtualIP === undefined || more.length > 0) return [`${name} has ${own.length} VirtualIPs`];
  const problems = [
    ...(hasFinalizer ? [] : ['has no finalizer']),
    ...(ingress.join() === virtualIP.spec.address
      ? []
      : [`has ${ingress.join()}, not ${virtualIP.spec.address}`]),
    ...(samePorts(virtualIP, wanted) ? [] : ['has other ports than its VirtualIP']),
    ...(virtualIP.status?.holder ? [] : ['is held by nobody']),
    ...(isAnnounced(service) ? [] : ['is not said to be announced']),
  ];
  return problems.map((problem) => `${name} ${problem}`);
}

const samePorts = ({ spec }: PlannedVirtualIP, wanted: readonly number[]): boolean =>
  (spec.services?.[0]?.ports ?? []).map(({ port }: Port) => port).join() === wanted.join();

const isAnnounced = ({ status }: ServiceObject): boolean =>
  (status?.conditions ?? []).some((one) => one.type === 'fairlead.io/Announced' && one.status === 'True');

const ingressOf = ({ status }: ServiceObject): readonly string[] =>
  (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '');

function doubles(services: readonly ServiceObject[]): readonly string[] {
  const owners = Map.groupBy(
    services.flatMap((service) => ingressOf(service).map((ip) => ({ ip, name: service.metadata.name }))),
    ({ ip }) => ip,
  );
  return [...owners]
    .filter(([, some]) => some.length > 1)
    .map(([ip, some]) => `${ip} is the address of ${some.map(({ name }) => name).join(' and ')}`);
}

const isCode = (error: unknown, code: string): boolean => error instanceof LabApiError && error.code === code;
