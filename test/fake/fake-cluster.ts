// A cluster in memory behind KubeApi and ListWatch: optimistic concurrency, finalizers, status apart from spec, the
// patch types that we use, changes delivered synchronously or held back, and a hook to break any request.

import type {
  KubeApi,
  KubeObject,
  ListWatch,
  ObjectChange,
  ObjectRef,
  Patch,
  PatchOptions,
  Preconditions,
  ResourceKind,
  WatchState,
} from '../../src/kube/api.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { applyPatch, type Json } from './patches.ts';

export interface FakeRequest {
  readonly verb: 'get' | 'list' | 'create' | 'update' | 'patch' | 'remove';
  readonly plural: string;
  readonly name: string;
  readonly body: unknown;
}

type Handler = (change: ObjectChange<KubeObject>) => void;

const fail = (code: ApiError['code'], message: string): never => {
  throw new ApiError(message, { code, status: 0 });
};

const copy = <T>(value: T): T => structuredClone(value);

export class FakeCluster {
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #handlers = new Map<string, Set<Handler>>();
  #version = 100;
  /** Writes that were carried out, as `verb plural/name`. */
  readonly writes: string[] = [];

  objects(kind: ResourceKind): Map<string, KubeObject> {
    const objects = this.#objects.get(kind.plural) ?? new Map<string, KubeObject>();
    this.#objects.set(kind.plural, objects);
    return objects;
  }

  subscribe(kind: ResourceKind, handler: Handler): () => void {
    const handlers = this.#handlers.get(kind.plural) ?? new Set();
    this.#handlers.set(kind.plural, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  create(kind: ResourceKind, namespace: string | undefined, object: unknown): KubeObject {
    const given = copy(object) as { metadata: { name: string } };
    const place = namespace === undefined ? {} : { namespace };
    const metadata = { ...given.metadata, ...place };
    if (this.objects(kind).has(keyOf(metadata)))
      fail('AlreadyExists', `${kind.plural} "${metadata.name}" already exists`);
    const version = this.#nextVersion();
    const server = { uid: `uid-${version}`, creationTimestamp: timestamp(version), generation: 1 };
    // The API server drops the status of a new object.
    const dropped = { status: undefined };
    return this.#store(kind, {
      ...given,
      ...dropped,
      metadata: { ...metadata, ...server, resourceVersion: '' },
    } as KubeObject);
  }

  get(kind: ResourceKind, ref: ObjectRef): KubeObject {
    return this.objects(kind).get(keyOf(ref)) ?? fail('NotFound', `${kind.plural} "${ref.name}" not found`);
  }

  patch(
    kind: ResourceKind,
    ref: ObjectRef,
    { patch, subresource }: { patch: Patch; subresource?: 'status' },
  ): KubeObject {
    const before = this.get(kind, ref);
    const patched = applyPatch(copy(before) as unknown as Json, patch) as unknown as KubeObject;
    if (patched.metadata.resourceVersion !== before.metadata.resourceVersion)
      fail('Conflict', 'the object has been modified');
    if (patched.metadata.uid !== before.metadata.uid) fail('Invalid', 'metadata.uid is immutable');
    const kept = subresource === undefined ? { status: statusOf(before) } : { spec: specOf(before) };
    return this.#replace(kind, before, { ...patched, ...kept } as KubeObject);
  }

  remove(kind: ResourceKind, ref: ObjectRef, preconditions: Preconditions = {}): void {
    const before = this.get(kind, ref);
    const { uid = before.metadata.uid, resourceVersion = before.metadata.resourceVersion } = preconditions;
    if (uid !== before.metadata.uid) fail('Conflict', 'the uid is another one');
    if (resourceVersion !== before.metadata.resourceVersion) fail('Conflict', 'the object has been modified');
    if (before.metadata.deletionTimestamp !== undefined) return;
    const deletionTimestamp = timestamp(this.#version);
    this.#replace(kind, before, { ...before, metadata: { ...before.metadata, deletionTimestamp } });
  }

  #replace(kind: ResourceKind, before: KubeObject, next: KubeObject): KubeObject {
    if (JSON.stringify(before) === JSON.stringify(next)) return copy(before);
    const isSpecNew = JSON.stringify(specOf(before)) !== JSON.stringify(specOf(next));
    const generation = (before.metadata.generation ?? 1) + (isSpecNew ? 1 : 0);
    const object = { ...next, metadata: { ...next.metadata, generation } };
    const isGone =
      object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).length === 0;
    if (!isGone) return this.#store(kind, object);
    this.#nextVersion();
    this.objects(kind).delete(keyOf(object.metadata));
    this.#tell(kind, { kind: 'deleted', before });
    return copy(object);
  }

  #store(kind: ResourceKind, object: KubeObject): KubeObject {
    const key = keyOf(object.metadata);
    const before = this.objects(kind).get(key);
    const resourceVersion = String(this.#nextVersion());
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion } };
    this.objects(kind).set(key, stored);
    this.#tell(
      kind,
      before === undefined ? { kind: 'added', object: stored } : { kind: 'updated', object: stored, before },
    );
    return copy(stored);
  }

  #tell(kind: ResourceKind, change: ObjectChange<KubeObject>): void {
    for (const handler of this.#handlers.get(kind.plural) ?? []) handler(copy(change));
  }

  #nextVersion(): number {
    this.#version += 1;
    return this.#version;
  }
}

/** One client of the cluster; it can be cut off for ever, like a process that was killed. */
export class FakeApi implements KubeApi {
  readonly #cluster: FakeCluster;
  /** Called before a request is carried out, and after; what it throws is what the client gets. */
  before: (request: FakeRequest) => void | Promise<void> = () => {};
  after: (request: FakeRequest) => void = () => {};

  constructor(cluster: FakeCluster) {
    this.#cluster = cluster;
  }

  get<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef): Promise<T> {
    return this.#request(
      { verb: 'get', plural: kind.plural, name: ref.name, body: undefined },
      () => copy(this.#cluster.get(kind, ref)) as T,
    );
  }

  list<T extends KubeObject>(kind: ResourceKind): Promise<readonly T[]> {
    return this.#request(
      { verb: 'list', plural: kind.plural, name: '', body: undefined },
      () => [...this.#cluster.objects(kind).values()].map(copy) as T[],
    );
  }

  create<T extends KubeObject>(
    kind: ResourceKind,
    namespace: string | undefined,
    object: unknown,
  ): Promise<T> {
    const { name } = (object as KubeObject).metadata;
    return this.#request(
      { verb: 'create', plural: kind.plural, name, body: object },
      () => this.#cluster.create(kind, namespace, object) as T,
    );
  }

  update<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef): Promise<T> {
    return Promise.reject(new Error(`the fake has no update: ${kind.plural} ${ref.name}`));
  }

  patch<T extends KubeObject>(
    kind: ResourceKind,
    ref: ObjectRef,
    ...[patch, options]: [Patch, PatchOptions?]
  ): Promise<T> {
    const request: FakeRequest = { verb: 'patch', plural: kind.plural, name: ref.name, body: patch };
    return this.#request(request, () => this.#cluster.patch(kind, ref, { patch, ...options }) as T);
  }

  remove(kind: ResourceKind, ref: ObjectRef, preconditions?: Preconditions): Promise<void> {
    return this.#request({ verb: 'remove', plural: kind.plural, name: ref.name, body: preconditions }, () =>
      this.#cluster.remove(kind, ref, preconditions),
    );
  }

  async #request<T>(request: FakeRequest, carryOut: () => T): Promise<T> {
    // A request takes a while, in which other work goes on.
    await Promise.resolve();
    await this.before(request);
    const result = carryOut();
    if (request.verb !== 'get' && request.verb !== 'list')
      this.#cluster.writes.push(`${request.verb} ${request.plural}/${request.name}`);
    this.after(request);
    return result;
  }
}

export class FakeListWatch implements ListWatch<KubeObject> {
  readonly #cluster: FakeCluster;
  readonly #kind: ResourceKind;
  readonly #store = new Map<string, KubeObject>();
  readonly #handlers: Handler[] = [];
  readonly #stateHandlers: ((state: WatchState) => void)[] = [];
  #held: ObjectChange<KubeObject>[] | undefined;
  #state: WatchState = 'Syncing';
  #isSlow = false;
  readonly #synced = Promise.withResolvers<void>();
  #unsubscribe: () => void = () => {};

  constructor(cluster: FakeCluster, kind: ResourceKind) {
    this.#cluster = cluster;
    this.#kind = kind;
  }

  start(): void {
    if (!this.#isSlow) this.completeSync();
  }

  /** The first list takes until `completeSync`. */
  delaySync(): void {
    this.#isSlow = true;
  }

  completeSync(): void {
    for (const object of this.#cluster.objects(this.#kind).values()) {
      this.#deliver({ kind: 'added', object: copy(object) });
    }
    this.#unsubscribe = this.#cluster.subscribe(this.#kind, (change) => {
      if (this.#held === undefined) this.#deliver(change);
      else this.#held.push(change);
    });
    this.setState('Synced');
    this.#synced.resolve();
  }

  synced(): Promise<void> {
    return this.#synced.promise;
  }

  state(): WatchState {
    return this.#state;
  }

  get(key: string): KubeObject | undefined {
    return this.#store.get(key);
  }

  values(): Iterable<KubeObject> {
    return this.#store.values();
  }

  onChange(handler: Handler): void {
    this.#handlers.push(handler);
  }

  onState(handler: (state: WatchState) => void): void {
    this.#stateHandlers.push(handler);
  }

  stop(): void {
    this.#unsubscribe();
    if (this.#state === 'Syncing') this.#synced.reject(new Error('stopped before the first list'));
  }

  setState(state: WatchState): void {
    this.#state = state;
    for (const handler of this.#stateHandlers) handler(state);
  }

  /** From now on changes are late, until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const change of held) this.#deliver(change);
  }

  #deliver(change: ObjectChange<KubeObject>): void {
    if (change.kind === 'deleted') this.#store.delete(keyOf(change.before.metadata));
    else this.#store.set(keyOf(change.object.metadata), change.object);
    for (const handler of this.#handlers) handler(change);
  }
}

const keyOf = ({ namespace, name }: { readonly namespace?: string; readonly name: string }): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

const statusOf = (object: KubeObject): unknown => (object as { status?: unknown }).status;
const specOf = (object: KubeObject): unknown => (object as { spec?: unknown }).spec;

/** A second per change, so that creation times tell the order. */
const timestamp = (version: number): string =>
  new Date(Date.UTC(2026, 0, 1) + version * 1000).toISOString().replace('.000Z', 'Z');
