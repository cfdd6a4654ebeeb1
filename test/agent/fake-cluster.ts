// A small API server in memory for the agent's tests: get, create, and JSON and merge patches, with lists that are
// watched, and failures on demand.

import type {
  ApiErrorCode,
  JsonPatchOperation,
  KubeApi,
  KubeObject,
  ListWatch,
  ObjectChange,
  ObjectRef,
  Patch,
  ResourceKind,
  WatchState,
} from '../../src/kube/api.ts';

export class FakeApiError extends Error {
  readonly code: ApiErrorCode;
  constructor(code: ApiErrorCode) {
    super(`fake ${code}`);
    this.code = code;
  }
}

type Tree = { [key: string]: unknown };

export interface Request {
  readonly verb: 'get' | 'create' | 'patch';
  readonly plural: string;
  readonly name: string;
  readonly subresource?: string | undefined;
}

export class FakeCluster implements KubeApi {
  readonly requests: Request[] = [];
  /** Requests that have begun and wait for `release`. */
  readonly waiting: (() => void)[] = [];
  /** Says what goes wrong with a request: `before` it is done, or `after` (done, but the answer is lost). */
  failure: (request: Request) => { code: ApiErrorCode; when: 'before' | 'after' } | undefined = () =>
    undefined;
  /** While true, requests wait in `waiting`. */
  isHeld = false;
  readonly #objects = new Map<string, Tree>();
  readonly #watches = new Map<string, FakeListWatch>();
  #version = 100;

  watch(kind: ResourceKind): FakeListWatch {
    const watch = this.#watches.get(kind.plural) ?? new FakeListWatch();
    this.#watches.set(kind.plural, watch);
    return watch;
  }

  /** The object as it is stored now; undefined if there is none. */
  stored(kind: ResourceKind, name: string): Tree | undefined {
    return this.#objects.get(`${kind.plural}/${name}`);
  }

  /** Creates or replaces an object as somebody else would. */
  put(kind: ResourceKind, object: object): void {
    const copy = structuredClone(object) as Tree;
    const metadata = copy.metadata as Tree;
    const before = this.stored(kind, String(metadata.name));
    metadata.resourceVersion = String(++this.#version);
    this.#objects.set(`${kind.plural}/${metadata.name}`, copy);
    this.watch(kind).show(copy, before);
  }

  /** Changes a stored object as somebody else would. */
  change(kind: ResourceKind, name: string, edit: (object: Tree) => void): void {
    const copy = structuredClone(this.stored(kind, name) ?? missing(name));
    edit(copy);
    this.put(kind, copy);
  }

  erase(kind: ResourceKind, name: string): void {
    const before = this.stored(kind, name) ?? missing(name);
    this.#objects.delete(`${kind.plural}/${name}`);
    this.watch(kind).hide(before);
  }

  get<T extends KubeObject>(kind: ResourceKind, { name }: ObjectRef): Promise<T> {
    return this.#serve({ verb: 'get', plural: kind.plural, name }, () => this.#read<T>(kind, name));
  }

  create<T extends KubeObject>(
    kind: ResourceKind,
    _namespace: string | undefined,
    object: unknown,
  ): Promise<T> {
    const { name } = (object as KubeObject).metadata;
    return this.#serve({ verb: 'create', plural: kind.plural, name }, () => {
      if (this.stored(kind, name) !== undefined) throw new FakeApiError('AlreadyExists');
      const copy = structuredClone(object) as Tree;
      copy.metadata = { uid: `uid-${name}`, ...(copy.metadata as Tree) };
      this.put(kind, copy);
      return this.#read<T>(kind, name);
    });
  }

  patch<T extends KubeObject>(
    kind: ResourceKind,
    { name }: ObjectRef,
    ...[patch, options]: [Patch, { readonly subresource?: 'status' }?]
  ): Promise<T> {
    const request: Request = { verb: 'patch', plural: kind.plural, name, subresource: options?.subresource };
    return this.#serve(request, () => {
      const copy = structuredClone(this.stored(kind, name) ?? missing(name));
      if (patch.type === 'json') for (const operation of patch.operations) applyOperation(copy, operation);
      else if (patch.type === 'merge') Object.assign(copy, structuredClone(patch.body));
      else throw new Error(`the fake knows no ${patch.type} patch`);
      const metadata = copy.metadata as Tree;
      const isReleased = metadata.deletionTimestamp !== undefined && (metadata.finalizers as []).length === 0;
      this.put(kind, copy);
      const written = this.#read<T>(kind, name);
      if (isReleased) this.erase(kind, name);
      return written;
    });
  }

  list(): Promise<never> {
    throw new Error('the agent lists through its watches only');
  }

  update(): Promise<never> {
    throw new Error('the agent patches');
  }

  remove(): Promise<never> {
    throw new Error('the agent deletes nothing');
  }

  #read<T extends KubeObject>(kind: ResourceKind, name: string): T {
    return structuredClone(this.stored(kind, name) ?? missing(name)) as unknown as T;
  }

  async #serve<T>(request: Request, perform: () => T): Promise<T> {
    this.requests.push(request);
    if (this.isHeld) await new Promise<void>((resolve) => this.waiting.push(resolve));
    const failure = this.failure(request);
    if (failure?.when === 'before') throw new FakeApiError(failure.code);
    const result = perform();
    if (failure !== undefined) throw new FakeApiError(failure.code);
    return result;
  }
}

function missing(name: string): never {
  throw Object.assign(new FakeApiError('NotFound'), { name });
}

function applyOperation(root: Tree, operation: JsonPatchOperation): void {
  const keys = operation.path.split('/').slice(1);
  const last = keys.pop() ?? '';
  const parent = keys.reduce<unknown>((node, key) => (node as Tree | undefined)?.[key], root) as
    | Tree
    | undefined;
  if (parent === undefined) throw new FakeApiError('Invalid');
  if (operation.op === 'test') {
    if (JSON.stringify(parent[last]) !== JSON.stringify(operation.value)) throw new FakeApiError('Invalid');
  } else if (operation.op === 'remove') {
    if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else delete parent[last];
  } else {
    if (operation.op === 'replace' && parent[last] === undefined) throw new FakeApiError('Invalid');
    parent[last] = structuredClone(operation.value);
  }
}

export class FakeListWatch implements ListWatch<KubeObject> {
  /** While true, changes are kept back, as by a watch that lags. */
  isLagging = false;
  readonly #objects = new Map<string, KubeObject>();
  readonly #handlers: ((change: ObjectChange<KubeObject>) => void)[] = [];
  readonly #stateHandlers: ((state: WatchState) => void)[] = [];
  readonly #synced = Promise.withResolvers<void>();
  #backlog: (() => void)[] = [];
  #state: WatchState = 'Syncing';
  isStarted = false;
  isStopped = false;

  start(): void {
    this.isStarted = true;
    for (const object of this.#objects.values()) this.#tell({ kind: 'added', object });
  }

  /** The first list is complete. */
  sync(): void {
    this.setState('Synced');
    this.#synced.resolve();
  }

  setState(state: WatchState): void {
    this.#state = state;
    for (const handler of this.#stateHandlers) handler(state);
  }

  catchUp(): void {
    this.isLagging = false;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const run of backlog) run();
  }

  show(object: object, before: object | undefined): void {
    this.#deliver(() => {
      const next = object as KubeObject;
      this.#objects.set(next.metadata.name, next);
      if (before === undefined) this.#tell({ kind: 'added', object: next });
      else this.#tell({ kind: 'updated', object: next, before: before as KubeObject });
    });
  }

  hide(object: object): void {
    this.#deliver(() => {
      const before = object as KubeObject;
      this.#objects.delete(before.metadata.name);
      this.#tell({ kind: 'deleted', before });
    });
  }

  #deliver(run: () => void): void {
    if (this.isLagging) this.#backlog.push(run);
    else run();
  }

  #tell(change: ObjectChange<KubeObject>): void {
    if (this.isStarted && !this.isStopped) for (const handler of this.#handlers) handler(change);
  }

  synced(): Promise<void> {
    return this.#synced.promise;
  }

  state(): WatchState {
    return this.#state;
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  values(): Iterable<KubeObject> {
    return this.#objects.values();
  }

  onChange(handler: (change: ObjectChange<KubeObject>) => void): void {
    this.#handlers.push(handler);
  }

  onState(handler: (state: WatchState) => void): void {
    this.#stateHandlers.push(handler);
  }

  stop(): void {
    this.isStopped = true;
  }
}
