// A real API server behind the fault proxy, and list-watches of our own through it whose every change is checked: none
// lost, none doubled.

import assert from 'node:assert/strict';
import { after, before, type TestContext } from 'node:test';
import { createLab, type Lab } from '../../lab/cluster.ts';
import { type FaultProxy, SERVER_NAME, startFaultProxy } from '../../lab/fault-proxy.ts';
import { LabApiError } from '../../lab/kube-client.ts';
import type {
  KubeObject,
  ListWatch,
  ObjectChange,
  ResourceKind,
  WatchProblem,
  WatchState,
} from '../../src/kube/api.ts';
import { type Connection, createConnection } from '../../src/kube/connection.ts';
import type { Credentials } from '../../src/kube/credentials.ts';
import { createListWatch } from '../../src/kube/list-watch.ts';
import { minutes, seconds } from '../../src/time/duration.ts';
import { BentTime } from './bent-time.ts';

/** Ten times what a change needs to arrive, and more: back-offs come before it. */
const SOON = seconds(60);

export const NAMESPACE = 'default';
const LABEL = 'fairlead.io/test';

const core = (kind: string, plural: string): ResourceKind => ({
  group: '',
  version: 'v1',
  kind,
  plural,
  namespaced: true,
});
export const CONFIG_MAP = core('ConfigMap', 'configmaps');

export interface FaultBed {
  readonly lab: Lab;
  readonly proxy: FaultProxy;
}

/** Inside a `describe`: an API server and its proxy, which is calm again after each test. */
export function useFaultBed(name: string): () => FaultBed {
  let bed: FaultBed | undefined;
  before(async () => {
    const lab = await createLab({ name, nodes: 1, controllers: 0, agents: false, kubeProxy: false });
    const { controlPlane } = lab;
    bed = { lab, proxy: await startFaultProxy({ controlPlane, netns: lab.network.controlPlane.netns }) };
  });
  after(async () => {
    await bed?.proxy.close();
    await bed?.lab.down();
  });
  return () => {
    assert.ok(bed, 'the lab was not made');
    return bed;
  };
}

export interface WatcherOptions {
  readonly kind?: ResourceKind;
  readonly time?: BentTime;
  /** Default: the administrator's token. */
  readonly headers?: Credentials['headers'];
}

let count = 0;

/** A started list-watch through the proxy, of objects of its own; ends with the test, and the proxy is calm again. */
export function watchThrough(t: TestContext, bed: FaultBed, options: WatcherOptions = {}): Watcher {
  const watcher = new Watcher(bed, `t${++count}`, options);
  t.after(async () => {
    bed.proxy.calm();
    await watcher.close();
  });
  watcher.watch.start();
  return watcher;
}

export class Watcher {
  readonly connection: Connection;
  readonly watch: ListWatch<KubeObject>;
  readonly ledger = new Ledger();
  readonly problems: WatchProblem[] = [];
  readonly states: WatchState[] = [];
  /** How many watches the server has accepted. */
  opened = 0;
  /** How many lists were complete or had a further page. */
  lists = 0;
  readonly #lab: Lab;
  readonly #kind: ResourceKind;
  readonly #id: string;

  constructor({ lab, proxy }: FaultBed, id: string, { kind = CONFIG_MAP, time, headers }: WatcherOptions) {
    this.#lab = lab;
    this.#kind = kind;
    this.#id = id;
    const { server, certificateAuthority, token } = proxy.access;
    this.connection = createConnection({
      server,
      tls: { ca: certificateAuthority, servername: SERVER_NAME, rejectUnauthorized: true },
      headers: headers ?? (async () => ({ authorization: `Bearer ${token}` })),
    });
    this.watch = createListWatch<KubeObject>(this.#counted(), kind, {
      namespace: NAMESPACE,
      labelSelector: `${LABEL}=${id}`,
      random: () => 0.5,
      time: time ?? new BentTime({ retry: 0.1 }),
      onProblem: (problem) => this.problems.push(problem),
    });
    this.watch.onChange((change) => this.ledger.take(change));
    this.watch.onState((state) => this.states.push(state));
  }

  #counted(): Pick<Connection, 'listPage' | 'watch'> {
    return {
      listPage: async (kind, query) => {
        const page = await this.connection.listPage<never>(kind, query);
        this.lists += 1;
        return page;
      },
      watch: async (kind, query) => {
        const events = await this.connection.watch<never>(kind, query);
        this.opened += 1;
        return events;
      },
    };
  }

  /** Around the proxy; repeated while the API server is not there. */
  async create(name: string, fields: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const { group, version, kind } = this.#kind;
    const object = {
      apiVersion: group === '' ? version : `${group}/${version}`,
      kind,
      metadata: { name: this.#name(name), namespace: NAMESPACE, labels: { [LABEL]: this.#id } },
      ...fields,
    };
    await this.#persist(`create ${name}`, 'AlreadyExists', () =>
      this.#lab.api.create(this.#kind, NAMESPACE, object),
    );
  }

  async touch(name: string): Promise<void> {
    const body = { metadata: { annotations: { touched: String(++count) } } };
    const ref = { namespace: NAMESPACE, name: this.#name(name) };
    await this.#persist(`touch ${name}`, undefined, () =>
      this.#lab.api.patch(this.#kind, ref, { type: 'merge', body }),
    );
  }

  async remove(name: string): Promise<void> {
    const ref = { namespace: NAMESPACE, name: this.#name(name) };
    await this.#persist(`remove ${name}`, 'NotFound', () => this.#lab.api.remove(this.#kind, ref));
  }

  async #persist(what: string, done: string | undefined, write: () => Promise<unknown>): Promise<void> {
    const attempt = async (): Promise<true> => {
      await write().catch((error: unknown) => {
        if (!(error instanceof LabApiError && error.code === done)) throw error;
      });
      return true;
    };
    await this.#lab.waitFor(what, attempt, minutes(2));
  }

  #name(name: string): string {
    return `${this.#id}-${name}`;
  }

  until(what: string, condition: () => boolean): Promise<true> {
    const told = (): string => `${what}; ${this.watch.state()}, ${this.problems.length} problems`;
    return this.#lab.waitFor(told(), condition, SOON);
  }

  /** Resolves when such a change (`added a`) has arrived. */
  arrived(change: string): Promise<true> {
    const [kind, name = ''] = change.split(' ');
    return this.until(change, () => this.ledger.changes.includes(`${kind} ${this.#name(name)}`));
  }

  /** A watch is open, with the object `before` in it. */
  async begin(): Promise<void> {
    await this.create('before');
    await this.arrived('added before');
    await this.until('the watch to open', () => this.opened > 0);
  }

  /** What else is to arrive: an object comes, one changes and one goes. */
  async changeAll(round: string | number = ''): Promise<void> {
    await this.create(`during${round}`);
    await this.touch(`during${round}`);
    await this.touch('before');
    await this.create(`passing${round}`);
    await this.remove(`passing${round}`);
  }

  /** All has arrived, once each, an event that comes after the fault too, and what we hold is what there is. */
  async end(round: string | number = ''): Promise<void> {
    await this.arrived(`added during${round}`);
    await this.create(`after${round}`);
    await this.arrived(`added after${round}`);
    assert.equal(this.watch.state(), 'Synced');
    await this.assertComplete();
  }

  async assertComplete(): Promise<void> {
    const options = { namespace: NAMESPACE, labelSelector: `${LABEL}=${this.#id}` };
    const there = await this.#lab.api.list<KubeObject>(this.#kind, options);
    assert.deepEqual(this.ledger.held(), versionsOf(there));
    assert.deepEqual(versionsOf([...this.watch.values()]), versionsOf(there));
    assert.deepEqual(this.ledger.mistakes, []);
  }

  /** The codes of all problems, each once. */
  codes(): readonly string[] {
    return [
      ...new Set(this.problems.map(({ error }) => ('code' in error ? String(error.code) : error.name))),
    ];
  }

  async close(): Promise<void> {
    this.watch.stop();
    await this.connection.close();
  }
}

/** Applies changes as a handler that trusts them would, and notes each that does not follow from those before. */
class Ledger {
  readonly changes: string[] = [];
  readonly mistakes: string[] = [];
  readonly #held = new Map<string, string>();

  take(change: ObjectChange<KubeObject>): void {
    const { name, resourceVersion } = (change.kind === 'deleted' ? change.before : change.object).metadata;
    const title = `${change.kind} ${name}`;
    this.changes.push(title);
    const known = this.#held.get(name);
    const follows = change.kind === 'added' ? known === undefined : known !== undefined;
    if (!follows || (change.kind === 'updated' && BigInt(resourceVersion) <= BigInt(known ?? 0)))
      this.mistakes.push(`${title} at ${resourceVersion}, held at ${known}`);
    if (change.kind === 'deleted') this.#held.delete(name);
    else this.#held.set(name, resourceVersion);
  }

  held(): Readonly<Record<string, string>> {
    return sorted([...this.#held]);
  }
}

const versionsOf = (objects: readonly KubeObject[]): Readonly<Record<string, string>> =>
  sorted(objects.map(({ metadata }) => [metadata.name, metadata.resourceVersion] as const));

const sorted = (entries: readonly (readonly [string, string])[]): Readonly<Record<string, string>> =>
  Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
