// KubeApi over one undici dispatcher with keep-alive: JSON requests, and watches as async iterables of events.
// client-node opens a TLS connection per request (docs/decisions/0003).

import { Agent, type buildConnector, type Dispatcher } from 'undici';
import type {
  KubeApi,
  KubeObject,
  ObjectRef,
  Patch,
  PatchOptions,
  Preconditions,
  ResourceKind,
} from './api.ts';
import { ApiError, codeOf } from './api-error.ts';
import type { Credentials } from './credentials.ts';
import { readLines } from './lines.ts';

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly next: string | undefined;
}

export interface ListQuery {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly limit?: number;
  readonly next?: string;
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | {
      readonly type: 'BOOKMARK';
      readonly object: { readonly metadata: { readonly resourceVersion: string } };
    }
  | {
      readonly type: 'ERROR';
      readonly object: { readonly code?: number; readonly reason?: string; readonly message?: string };
    };

export interface WatchQuery {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly resourceVersion: string;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

export interface Connection extends KubeApi {
  listPage<T extends KubeObject>(kind: ResourceKind, query: ListQuery): Promise<ListPage<T>>;
  /** Opens a watch; resolves when the server has accepted it. Ends when the server closes it. */
  watch<T extends KubeObject>(kind: ResourceKind, query: WatchQuery): Promise<AsyncIterable<WatchEvent<T>>>;
  close(): Promise<void>;
}

export interface ConnectionOptions {
  /** How sockets are made; the lab connects from another network namespace. */
  readonly connector?: buildConnector.connector;
  readonly userAgent?: string;
  /** How long a request may take to answer. */
  readonly timeoutMs?: number;
}

interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** For messages: `get services "web/shop"`. */
  readonly what: string;
  readonly signal?: AbortSignal;
  readonly isWatch?: boolean;
}

const REQUEST_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 5_000;
const PAGE = 500;

export function createConnection(credentials: Credentials, options: ConnectionOptions = {}): Connection {
  return new RestConnection(credentials, options);
}

class RestConnection implements Connection {
  readonly #credentials: Credentials;
  readonly #options: ConnectionOptions;
  readonly #dispatcher: Agent;

  constructor(credentials: Credentials, options: ConnectionOptions) {
    this.#credentials = credentials;
    this.#options = options;
    this.#dispatcher = new Agent({
      connect: options.connector ?? { ...credentials.tls, timeout: CONNECT_TIMEOUT_MS },
      keepAliveTimeout: 60_000,
      pipelining: 1,
    });
  }

  async get<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef): Promise<T> {
    return (await this.#json({
      method: 'GET',
      path: pathOf(kind, ref.namespace, ref.name),
      what: describe('get', kind, ref),
    })) as T;
  }

  async list<T extends KubeObject>(
    kind: ResourceKind,
    options: { readonly namespace?: string; readonly labelSelector?: string } = {},
  ): Promise<readonly T[]> {
    const items: T[] = [];
    let next: string | undefined;
    do {
      const page: ListPage<T> = await this.listPage<T>(kind, {
        ...options,
        limit: PAGE,
        ...(next === undefined ? {} : { next }),
      });
      items.push(...page.items);
      next = page.next;
    } while (next !== undefined);
    return items;
  }

  async listPage<T extends KubeObject>(kind: ResourceKind, query: ListQuery): Promise<ListPage<T>> {
    const parameters = {
      labelSelector: query.labelSelector,
      limit: String(query.limit ?? PAGE),
      continue: query.next,
    };
    const path = pathOf(kind, query.namespace);
    const page = (await this.#json({
      method: 'GET',
      path,
      query: parameters,
      what: `list ${kind.plural}`,
    })) as {
      readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
      readonly items?: readonly T[] | null;
    };
    return {
      items: page.items ?? [],
      resourceVersion: page.metadata?.resourceVersion ?? '',
      next: page.metadata?.continue === '' ? undefined : page.metadata?.continue,
    };
  }

  async create<T extends KubeObject>(
    kind: ResourceKind,
    namespace: string | undefined,
    object: unknown,
  ): Promise<T> {
    const name = (object as { readonly metadata?: { readonly name?: string } }).metadata?.name ?? '';
    const what = describe('create', kind, { name, ...(namespace === undefined ? {} : { namespace }) });
    return (await this.#json({ method: 'POST', path: pathOf(kind, namespace), body: object, what })) as T;
  }

  async update<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef, object: unknown): Promise<T> {
    return (await this.#json({
      method: 'PUT',
      path: pathOf(kind, ref.namespace, ref.name),
      body: object,
      what: describe('update', kind, ref),
    })) as T;
  }

  async patch<T extends KubeObject>(
    kind: ResourceKind,
    ref: ObjectRef,
    patch: Patch,
    options: PatchOptions = {},
  ): Promise<T> {
    const suffix = options.subresource === undefined ? '' : `/${options.subresource}`;
    const query =
      patch.type === 'apply' ? { fieldManager: patch.fieldManager, force: String(patch.force) } : {};
    return (await this.#json({
      method: 'PATCH',
      path: pathOf(kind, ref.namespace, ref.name) + suffix,
      query,
      body: patch.type === 'json' ? patch.operations : patch.body,
      contentType: PATCH_TYPES[patch.type],
      what: describe('patch', kind, ref),
    })) as T;
  }

  async remove(kind: ResourceKind, ref: ObjectRef, preconditions: Preconditions = {}): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
    await this.#json({
      method: 'DELETE',
      path: pathOf(kind, ref.namespace, ref.name),
      body,
      what: describe('delete', kind, ref),
    });
  }

  async watch<T extends KubeObject>(
    kind: ResourceKind,
    query: WatchQuery,
  ): Promise<AsyncIterable<WatchEvent<T>>> {
    const parameters = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: query.resourceVersion,
      labelSelector: query.labelSelector,
      timeoutSeconds: String(query.timeoutSeconds),
    };
    const what = `watch ${kind.plural}`;
    const response = await this.#send({
      method: 'GET',
      path: pathOf(kind, query.namespace),
      query: parameters,
      what,
      signal: query.signal,
      isWatch: true,
    });
    return watchEvents<T>(response.body, what);
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #json(request: Request): Promise<unknown> {
    const response = await this.#send(request);
    try {
      return await response.body.json();
    } catch (cause) {
      throw new ApiError(`${request.what}: the answer broke off: ${(cause as Error).message}`, {
        code: 'Unreachable',
        status: 0,
        cause,
      });
    }
  }

  async #send(request: Request): Promise<Dispatcher.ResponseData> {
    const response = await this.#dispatch(request, false);
    if (response.statusCode < 300) return response;
    if (response.statusCode !== 401) throw await failure(request, response);
    await response.body.dump();
    const second = await this.#dispatch(request, true);
    if (second.statusCode < 300) return second;
    throw await failure(request, second);
  }

  async #dispatch(request: Request, freshToken: boolean): Promise<Dispatcher.ResponseData> {
    const timeout = this.#options.timeoutMs ?? REQUEST_TIMEOUT_MS;
    try {
      return await this.#dispatcher.request({
        origin: this.#credentials.server,
        path: withQuery(request.path, request.query ?? {}),
        method: request.method,
        headers: {
          accept: 'application/json',
          'user-agent': this.#options.userAgent ?? 'fairlead',
          ...(request.body === undefined
            ? {}
            : { 'content-type': request.contentType ?? 'application/json' }),
          ...(await this.#credentials.headers(freshToken)),
        },
        body: request.body === undefined ? null : JSON.stringify(request.body),
        headersTimeout: timeout,
        bodyTimeout: request.isWatch === true ? 0 : timeout,
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
    } catch (cause) {
      throw new ApiError(`${request.what}: ${(cause as Error).message}`, {
        code: 'Unreachable',
        status: 0,
        cause,
      });
    }
  }
}

const PATCH_TYPES: Readonly<Record<Patch['type'], string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

async function* watchEvents<T>(body: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<WatchEvent<T>> {
  try {
    for await (const line of readLines(body)) yield JSON.parse(line) as WatchEvent<T>;
  } catch (cause) {
    throw new ApiError(`${what}: ${(cause as Error).message}`, { code: 'Unreachable', status: 0, cause });
  }
}

async function failure(request: Request, response: Dispatcher.ResponseData): Promise<ApiError> {
  const text = await response.body.text().catch(() => '');
  const status = readStatus(text);
  const retryAfter = Number(response.headers['retry-after']);
  const code = codeOf(response.statusCode, status.reason);
  return new ApiError(`${request.what}: ${code}: ${status.message ?? text.slice(0, 200).trim()}`, {
    code,
    status: response.statusCode,
    ...(status.reason === undefined ? {} : { reason: status.reason }),
    ...(Number.isFinite(retryAfter) ? { retryAfterMs: retryAfter * 1000 } : {}),
  });
}

function readStatus(text: string): { readonly reason?: string; readonly message?: string } {
  try {
    const status: unknown = JSON.parse(text);
    return typeof status === 'object' && status !== null ? status : {};
  } catch {
    // Not a metav1.Status (a proxy's page, an empty body): the caller quotes the text itself.
    return {};
  }
}

function pathOf(kind: ResourceKind, namespace: string | undefined, name?: string): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const scope =
    kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${kind.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, value);
  const text = parameters.toString();
  return text === '' ? path : `${path}?${text}`;
}

const describe = (verb: string, kind: ResourceKind, ref: ObjectRef): string =>
  `${verb} ${kind.plural} "${ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`}"`;
