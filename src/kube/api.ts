// The Kubernetes API as the shells see it: types only. connection.ts implements KubeApi, list-watch.ts ListWatch,
// work-queue.ts WorkQueue, events.ts EventRecorder; test/fake/ has fakes that pass the same contract tests.

/** Metadata that every object from the API has and that we use. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
}

/** Any object from the API; kinds that we read narrow it. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** Where a kind lives: `/api/v1/services` is `{group: '', version: 'v1', plural: 'services'}`. */
export interface ResourceKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface ObjectRef {
  /** Required for a namespaced kind. */
  readonly namespace?: string;
  readonly name: string;
}

export type Patch =
  | { readonly type: 'json'; readonly operations: readonly JsonPatchOperation[] }
  | { readonly type: 'merge'; readonly body: unknown }
  | { readonly type: 'strategic'; readonly body: unknown }
  /** Server-side apply; the body is the whole intent of `fieldManager`. */
  | {
      readonly type: 'apply';
      readonly body: unknown;
      readonly fieldManager: string;
      readonly force: boolean;
    };

/** RFC 6902. */
export type JsonPatchOperation =
  | { readonly op: 'test' | 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** `Unreachable` = no HTTP answer (connect, TLS, reset, timeout); `Invalid` also covers a failed JSON Patch test. */
export type ApiErrorCode =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'TooManyRequests'
  | 'ServerError'
  | 'Unreachable';

export interface PatchOptions {
  readonly subresource?: 'status';
}

/** Every method rejects with ApiError (kube/api-error.ts), whose `code` is an ApiErrorCode, and with nothing else. */
export interface KubeApi {
  get<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef): Promise<T>;
  /** One quorum list (no resourceVersion), all pages joined. */
  list<T extends KubeObject>(
    kind: ResourceKind,
    options?: { readonly namespace?: string; readonly labelSelector?: string },
  ): Promise<readonly T[]>;
  create<T extends KubeObject>(
    kind: ResourceKind,
    namespace: string | undefined,
    object: unknown,
  ): Promise<T>;
  /** Replaces; the object carries the resourceVersion it was read at. */
  update<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef, object: unknown): Promise<T>;
  patch<T extends KubeObject>(
    kind: ResourceKind,
    ref: ObjectRef,
    patch: Patch,
    options?: PatchOptions,
  ): Promise<T>;
  remove(kind: ResourceKind, ref: ObjectRef, preconditions?: Preconditions): Promise<void>;
}

/** A change as a handler sees it; a changed uid arrives as `deleted` and then `added`. */
export type ObjectChange<T> =
  | { readonly kind: 'added'; readonly object: T }
  | { readonly kind: 'updated'; readonly object: T; readonly before: T }
  | { readonly kind: 'deleted'; readonly before: T };

/** `Syncing` before the first list; `Lost` while lists or watches fail (the store keeps what was last seen). */
export type WatchState = 'Syncing' | 'Synced' | 'Lost';

/** A local copy of all objects of a kind, kept up to date for ever until `stop`. */
export interface ListWatch<T extends KubeObject> {
  start(): void;
  /** Resolves after the first complete list; rejects only when stopped before. */
  synced(): Promise<void>;
  state(): WatchState;
  /** Key: `namespace/name`, or `name` for a cluster-scoped kind. */
  get(key: string): T | undefined;
  values(): Iterable<T>;
  /** Handlers run synchronously in order of events; an exception in one is logged and stops nothing. */
  onChange(handler: (change: ObjectChange<T>) => void): void;
  onState(handler: (state: WatchState) => void): void;
  stop(): void;
}

/** Where a listing or watch reports what went wrong; kube/ itself logs nothing. */
export type WatchProblem = { readonly kind: string; readonly error: Error; readonly retryInMs: number };

/** A rate-limited, deduplicating queue of keys: one key is never processed twice at a time. */
export interface WorkQueue {
  /** Queues a key at once; while it is being processed it runs once more afterwards. Clears its back-off delay. */
  add(key: string): void;
  addAfter(key: string, milliseconds: number): void;
  /** Starts `workers` loops; `reconcile` that rejects is retried with the key's back-off. */
  start(workers: number, reconcile: (key: string) => Promise<ReconcileResult>): void;
  /** Stops taking keys and resolves when running reconciles have ended. */
  stop(): Promise<void>;
  readonly length: number;
}

/** `retry` uses the key's exponential back-off (5 s to 300 s for Services); `done` resets it. */
export type ReconcileResult =
  | { readonly kind: 'done' }
  | { readonly kind: 'retry' }
  | { readonly kind: 'after'; readonly milliseconds: number };

/** core/v1 Events, aggregated: the same (object, type, reason, message) raises a count instead of a new Event. */
export interface EventRecorder {
  record(regarding: EventTarget, type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** Sends what is queued; used at shutdown. */
  flush(): Promise<void>;
}

export interface EventTarget {
  readonly kind: string;
  readonly apiVersion: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
}
