// KubeApi and watches over one RestClient: which method, path, body and content type each call is.

import type { Duration } from '../time/duration.ts';
import { seconds } from '../time/duration.ts';
import type {
  KubeApi,
  KubeObject,
  ObjectRef,
  Patch,
  PatchOptions,
  Preconditions,
  ResourceKind,
} from './api.ts';
import type { Credentials } from './credentials.ts';
import { listAll } from './list-pages.ts';
import { collectionPath, describeCollection, describeRequest, objectPath } from './resource-path.ts';
import { RestClient, type RestOptions } from './rest-client.ts';
import { readWatchEvents, type WatchEvent } from './watch-stream.ts';

export type { ObjectEvent, WatchEvent } from './watch-stream.ts';

export interface CollectionScope {
  /** Undefined = all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  /** Of the whole list, the same on each page. */
  readonly resourceVersion: string;
  /** Asks for the next page; undefined after the last. */
  readonly next: string | undefined;
}

export interface ListQuery extends CollectionScope {
  readonly limit?: number;
  readonly next?: string;
  readonly signal?: AbortSignal;
}

export interface WatchQuery extends CollectionScope {
  readonly resourceVersion: string;
  /** The server ends the watch after this time. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

/** What can be limited in time, for requests that are of no use when they come late. */
export interface BoundedApi {
  /** The same API over the same connections, each request with this limit. */
  within(limit: Duration): KubeApi;
}

export interface Connection extends KubeApi, BoundedApi {
  listPage<T extends KubeObject>(kind: ResourceKind, query: ListQuery): Promise<ListPage<T>>;
  /** Opens a watch with bookmarks; resolves when the server has accepted it. The events end when the server ends it. */
  watch<T extends KubeObject>(kind: ResourceKind, query: WatchQuery): Promise<AsyncIterable<WatchEvent<T>>>;
  /** Ends everything that is in flight; nothing of it keeps the process alive afterwards. */
  close(): Promise<void>;
}

export interface ConnectionOptions extends RestOptions {
  /** How long a request may take altogether; default 15 s. */
  readonly timeoutMs?: number;
}

const REQUEST_TIMEOUT = seconds(15);
/**
 * As many as most clusters have of anything: each page is a request more, and costs the server more than its part of the
 * whole.
 */
const PAGE = 10_000;

/** Opens no connection yet. Throws TypeError when the server of the credentials is not a URL. */
export function createConnection(credentials: Credentials, options: ConnectionOptions = {}): Connection {
  return new RestConnection(new RestClient(credentials, options), options.timeoutMs ?? REQUEST_TIMEOUT);
}

class RestConnection implements Connection {
  readonly #client: RestClient;
  readonly #timeoutMs: number;

  constructor(client: RestClient, timeoutMs: number) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  within(limit: Duration): KubeApi {
    return new RestConnection(this.#client, limit);
  }

  async get<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef): Promise<T> {
    const request = { method: 'GET', path: objectPath(kind, ref), timeoutMs: this.#timeoutMs } as const;
    return (await this.#client.json({ ...request, what: describeRequest('get', kind, ref) })) as T;
  }

  async list<T extends KubeObject>(kind: ResourceKind, options: CollectionScope = {}): Promise<readonly T[]> {
    return (await listAll<T>(this, kind, options)).items;
  }

  async listPage<T extends KubeObject>(kind: ResourceKind, query: ListQuery): Promise<ListPage<T>> {
    const { namespace, labelSelector, limit = PAGE, next, signal } = query;
    const page = (await this.#client.list({
      method: 'GET',
      path: collectionPath(kind, namespace),
      // No resourceVersion: a quorum read.
      query: { labelSelector, limit: String(limit), continue: next },
      what: describeCollection('list', kind, namespace),
      timeoutMs: this.#timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    })) as {
      readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
      readonly items?: readonly T[] | null;
    };
    return {
      items: page.items ?? [],
      resourceVersion: page.metadata?.resourceVersion ?? '',
      next: page.metadata?.continue || undefined,
    };
  }

  async create<T extends KubeObject>(
    kind: ResourceKind,
    namespace: string | undefined,
    object: unknown,
  ): Promise<T> {
    const name = (object as { readonly metadata?: { readonly name?: string } }).metadata?.name ?? '';
    return (await this.#client.json({
      method: 'POST',
      path: collectionPath(kind, namespace),
      body: object,
      what: describeRequest('create', kind, namespace === undefined ? { name } : { namespace, name }),
      timeoutMs: this.#timeoutMs,
    })) as T;
  }

  async update<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef, object: unknown): Promise<T> {
    return (await this.#client.json({
      method: 'PUT',
      path: objectPath(kind, ref),
      body: object,
      what: describeRequest('update', kind, ref),
      timeoutMs: this.#timeoutMs,
    })) as T;
  }

  async patch<T extends KubeObject>(
    kind: ResourceKind,
    ref: ObjectRef,
    ...[patch, options = {}]: [patch: Patch, options?: PatchOptions]
  ): Promise<T> {
    const suffix = options.subresource === undefined ? '' : `/${options.subresource}`;
    return (await this.#client.json({
      method: 'PATCH',
      path: objectPath(kind, ref) + suffix,
      query: patch.type === 'apply' ? { fieldManager: patch.fieldManager, force: String(patch.force) } : {},
      body: patch.type === 'json' ? patch.operations : patch.body,
      contentType: PATCH_TYPES[patch.type],
      what: describeRequest('patch', kind, ref),
      timeoutMs: this.#timeoutMs,
    })) as T;
  }

  async remove(kind: ResourceKind, ref: ObjectRef, preconditions: Preconditions = {}): Promise<void> {
    await this.#client.json({
      method: 'DELETE',
      path: objectPath(kind, ref),
      body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions },
      what: describeRequest('delete', kind, ref),
      timeoutMs: this.#timeoutMs,
    });
  }

  async watch<T extends KubeObject>(
    kind: ResourceKind,
    query: WatchQuery,
  ): Promise<AsyncIterable<WatchEvent<T>>> {
    const { namespace, labelSelector, resourceVersion, timeoutSeconds, signal } = query;
    const what = describeCollection('watch', kind, namespace);
    const body = await this.#client.stream({
      method: 'GET',
      path: collectionPath(kind, namespace),
      query: {
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion,
        labelSelector,
        timeoutSeconds: String(timeoutSeconds),
      },
      what,
      signal,
      timeoutMs: this.#timeoutMs,
    });
    return readWatchEvents<T>(body, what);
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}

/** JSON is valid YAML, so the body of an apply patch is JSON as well. */
const PATCH_TYPES: Readonly<Record<Patch['type'], string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};
