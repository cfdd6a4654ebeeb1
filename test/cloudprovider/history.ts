// One history of a cluster in memory: what users do, what happens to controllers, and who holds what. The properties that
// are asked of it are in histories.test.ts.

import { ApiError } from '../../src/kube/api-error.ts';
import { ADDRESS_POOL, SERVICE } from '../../src/kube/kinds.ts';
import type { ServiceView } from '../../src/plan/views.ts';
import { seconds } from '../../src/time/duration.ts';
import { fail } from '../fake/fake-kube-api.ts';
import { Bed, type Running } from './bed.ts';
import { watchPublished } from './published.ts';

export const SERVICES = 6;
export const POOLS = ['a', 'b'] as const;
export const RANGES: readonly string[] = [
  '10.77.0.50-10.77.0.51',
  '10.77.0.51-10.77.0.54',
  '10.77.0.53',
  // No node can announce it.
  '10.78.0.1-10.78.0.2',
  'fd77::1-fd77::3',
  'fd77::3-fd77::9',
];
export const EXCLUDABLE: readonly string[] = ['10.77.0.51', '10.77.0.53-10.77.0.54', 'fd77::2-fd77::3'];
export const GATEWAYS: readonly string[] = ['10.77.0.52', 'fd77::1'];
/** What a controller that lags may have missed. */
export const LAGGING = ['services', 'virtualIPs', 'pools', 'nodes', 'announcers'] as const;

export interface Ask {
  readonly families: readonly ('IPv4' | 'IPv6')[];
  readonly policy: 'PreferDualStack' | 'RequireDualStack';
  readonly key: string;
  readonly port: number;
}

export interface PoolEdit {
  readonly kind: 'pool';
  readonly pool: (typeof POOLS)[number];
  /** None: the pool is deleted. */
  readonly ranges: readonly string[];
  readonly exclude: readonly string[];
  readonly disabled: boolean;
}

type Edit =
  | { readonly kind: 'create' | 'change'; readonly service: number; readonly ask: Ask }
  | { readonly kind: 'delete'; readonly service: number }
  /** The wish for another address comes or is taken back. */
  | { readonly kind: 'renumber'; readonly service: number; readonly wish: 'now' | null }
  /** Whoever has the lowest address goes. */
  | { readonly kind: 'free' }
  | { readonly kind: 'gateways'; readonly gateways: readonly string[] }
  | PoolEdit;

/** What happens to controllers. */
type Fault =
  /** All are killed, and another one starts. */
  | { readonly kind: 'kill' }
  /** One more acts, and all see everything. */
  | { readonly kind: 'second' }
  /** Another one leads; those before do not know it, miss what happens, and go on for so many writes until they are fenced. */
  | Stale
  /** Whoever does not lead any more writes nothing from now on. */
  | { readonly kind: 'fence' }
  /** What a stale one has missed it sees after all, before it is fenced. */
  | { readonly kind: 'catch-up' }
  | { readonly kind: 'refuse'; readonly after: number; readonly code: 'Conflict' | 'Unreachable' };

interface Stale {
  readonly kind: 'stale';
  readonly misses: readonly (typeof LAGGING)[number][];
  readonly writes: number;
}

export type Step = Edit | Fault;

/** Several of them are over when a history rests. */
const OVERLAP = seconds(2);

const FAULTS: ReadonlySet<string> = new Set(['kill', 'second', 'stale', 'fence', 'catch-up', 'refuse']);
export const isFault = ({ kind }: Step): boolean => FAULTS.has(kind);

const specOf = ({ families, policy, port }: Ask) => ({
  ipFamilies: families,
  ipFamilyPolicy: families.length > 1 ? policy : 'SingleStack',
  ports: [{ protocol: 'TCP', port }],
});

export class History {
  readonly bed = new Bed();
  /** What must never be and was: an address in the status of two Services at once that do not share it. */
  readonly violations: string[] = [];
  /** What was published and was not the Service's own, or given up for nothing. */
  readonly lost: readonly string[];
  /** Whoever does not lead any more may have undone something in this round. */
  #isStale = false;
  /** Addresses of pools that are a gateway's now. */
  gateways: readonly string[] = [];
  readonly #leading: Running[] = [];
  readonly #stale: Running[] = [];

  constructor() {
    this.lost = watchPublished(this.bed, () => !this.#isStale);
  }

  async begin(): Promise<void> {
    for (const name of ['n1', 'n2']) this.bed.node(name);
    this.bed.pool('a', '10.77.0.50-10.77.0.52', 'fd77::1-fd77::2');
    this.bed.onChange(SERVICE, () => this.#lookForDoubles());
    await this.#start();
  }

  async apply(step: Step): Promise<void> {
    switch (step.kind) {
      case 'kill':
        for (const running of [...this.#leading.splice(0), ...this.#stale.splice(0)]) this.bed.kill(running);
        return this.#start();
      case 'second':
        return this.#start();
      case 'stale':
        return this.#supersede(step);
      case 'fence':
        return this.#fence();
      case 'catch-up':
        for (const { watches } of this.#stale) for (const name of LAGGING) watches[name].release();
        return;
      case 'refuse':
        return this.#refuse(step);
      default:
        return this.#edit(step);
    }
  }

  /** Nobody acts any more who does not lead; everything that is held by a retry is tried again, and who waits is served. */
  async rest(): Promise<void> {
    await this.bed.settle();
    for (const { api } of this.#leading) api.recover();
    // One that has not seen a Service go may make its VirtualIP again before the finalizer is away. It has to be swept.
    if (this.#stale.length > 0) this.bed.violations.length = 0;
    this.#fence();
    await this.bed.pass(12_000);
    // A refusal that nothing has met yet would be one of a round that has none.
    for (const { api } of this.#leading) api.recover();
    this.#isStale = false;
  }

  async #start(): Promise<void> {
    this.#leading.push(await this.bed.start({ workers: 3, replacementOverlap: OVERLAP }));
  }

  async #supersede({ misses, writes }: Stale): Promise<void> {
    this.#isStale = true;
    for (const running of this.#leading.splice(0)) {
      for (const name of misses) running.watches[name].hold();
      let count = 0;
      running.api.before = ({ method }) => {
        if (method !== 'GET' && ++count > writes) fail();
      };
      this.#stale.push(running);
    }
    await this.#start();
  }

  #fence(): void {
    for (const running of this.#stale.splice(0)) this.bed.kill(running);
  }

  #edit(step: Edit): void {
    const { bed } = this;
    if (step.kind === 'pool') return this.#editPool(step);
    if (step.kind === 'gateways') {
      this.gateways = step.gateways;
      return bed.gateways('n1', ...step.gateways);
    }
    if (step.kind === 'free') return this.#free();
    const name = `s${step.service}`;
    if (step.kind === 'delete') {
      if (bed.hasService(name)) bed.deleteService(name);
    } else if (step.kind === 'renumber') {
      if (bed.hasService(name)) bed.annotate(name, { 'fairlead.io/renumber': step.wish });
    } else if (!bed.hasService(name)) {
      const key = step.ask.key === '' ? {} : { 'fairlead.io/sharing-key': step.ask.key };
      bed.createService(name, specOf(step.ask), { annotations: key });
    } else if (step.kind === 'change') bed.changeService(name, specOf(step.ask));
  }

  #free(): void {
    const { bed } = this;
    const [lowest] = [...bed.virtualIPs()].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const { name } of lowest?.services ?? []) if (bed.hasService(name)) bed.deleteService(name);
  }

  #editPool({ pool, ranges, exclude, disabled }: PoolEdit): void {
    const { bed } = this;
    if (ranges.length > 0) bed.poolWith(pool, { addresses: ranges, exclude, disabled });
    else if (bed.cluster.objects(ADDRESS_POOL).has(pool)) bed.cluster.remove(ADDRESS_POOL, { name: pool });
  }

  #refuse({ after, code }: Extract<Step, { readonly kind: 'refuse' }>): void {
    for (const { api } of this.#leading) {
      let count = 0;
      api.before = ({ plural }) => {
        if (plural === 'addresspools' || count++ < after) return;
        api.recover();
        throw new ApiError('refused', { code, status: code === 'Conflict' ? 409 : 0 });
      };
    }
  }

  /** One that sees its Services and not the VirtualIPs may publish what is another's by now: until it is fenced. */
  #lookForDoubles(): void {
    if (this.#stale.length > 0) return;
    const services = [...holdings(this.bed).values()].map(({ service }) => service);
    const single = services.filter(({ annotations }) => annotations['fairlead.io/sharing-key'] === undefined);
    const seen = new Map<string, string>();
    for (const { name, ingress } of single) {
      for (const { ip = '' } of ingress) {
        const other = seen.get(ip);
        if (other !== undefined) this.violations.push(`${ip} of ${other} and ${name}`);
        seen.set(ip, name);
      }
    }
  }
}

export interface Holding {
  readonly service: ServiceView;
  /** Of its VirtualIPs. */
  readonly names: readonly string[];
}

/** By uid. */
export function holdings(bed: Bed): ReadonlyMap<string, Holding> {
  const names = Array.from({ length: SERVICES }, (_, i) => `s${i}`).filter((name) => bed.hasService(name));
  const virtualIPs = bed.virtualIPs();
  return new Map(
    names.map((name) => {
      const service = bed.service(name);
      const own = virtualIPs.filter((one) => one.services.some(({ uid }) => uid === service.uid));
      return [service.uid, { service, names: own.map((one) => one.name).sort() }];
    }),
  );
}
