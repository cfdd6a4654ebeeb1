// The lab's own API client: the administrator's, spoken from inside the control plane's namespace over one shared
// pool of connections. It is not the product's (src/kube), so a fault in that one can not hide in its own tests.

import { connect as connectTls } from 'node:tls';
import { Agent, type buildConnector, type Dispatcher, request } from 'undici';
import type { KubeApi, KubeObject, ObjectRef, Patch, Preconditions, ResourceKind } from '../src/kube/api.ts';
import type { Access } from './kubeconfig.ts';
import { connectIn } from './netns.ts';

/** What the API server refused; `code` is its Status.reason, for example `NotFound`. */
export class LabApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(message: string, answer: { readonly code: string; readonly status: number }) {
    super(message);
    this.code = answer.code;
    this.status = answer.status;
  }
}

/** One event of a watch; the first ones are the objects that there are. */
export interface LabWatchEvent<T extends KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
  /** Wall time of the arrival in milliseconds since 1970, fractions allowed. */
  readonly at: number;
}

const PATCH_TYPES: Readonly<Record<Patch['type'], string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

interface Call {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

export class LabApi implements KubeApi {
  readonly #access: Access;
  readonly #agent: Agent;

  constructor(access: Access, netns: string) {
    this.#access = access;
    this.#agent = new Agent({ connect: connectorIn(netns, access), connections: 16, bodyTimeout: 0 });
  }

  async get<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef): Promise<T> {
    return (await this.#call({ method: 'GET', path: pathOf(kind, ref) })) as T;
  }

  async list<T extends KubeObject>(kind: ResourceKind, options: ListOptions = {}): Promise<readonly T[]> {
    const query =
      options.labelSelector === undefined
        ? ''
        : `?labelSelector=${encodeURIComponent(options.labelSelector)}`;
    const list = (await this.#call({ method: 'GET', path: `${pathOf(kind, options)}${query}` })) as {
      readonly items: readonly T[];
    };
    return list.items;
  }

  async create<T extends KubeObject>(
    kind: ResourceKind,
    namespace: string | undefined,
    object: unknown,
  ): Promise<T> {
    const path = pathOf(kind, namespace === undefined ? {} : { namespace });
    return (await this.#call({ method: 'POST', path, body: object })) as T;
  }

  async update<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef, object: unknown): Promise<T> {
    return (await this.#call({ method: 'PUT', path: pathOf(kind, ref), body: object })) as T;
  }

  // Four parameters, as the contract (src/kube/api.ts) has it.
  async patch<T extends KubeObject>(
    ...[kind, ref, patch, options]: Parameters<KubeApi['patch']>
  ): Promise<T> {
    const subresource = options?.subresource === undefined ? '' : `/${options.subresource}`;
    const path = `${pathOf(kind, ref)}${subresource}`;
    const query = patch.type === 'apply' ? `?fieldManager=${patch.fieldManager}&force=${patch.force}` : '';
    const body = patch.type === 'json' ? patch.operations : patch.body;
    return (await this.#call({
      method: 'PATCH',
      path: `${path}${query}`,
      body,
      contentType: PATCH_TYPES[patch.type],
    })) as T;
  }

  async remove(kind: ResourceKind, ref: ObjectRef, options: RemoveOptions = {}): Promise<void> {
    const { gracePeriodSeconds, ...preconditions } = options;
    await this.#call({
      method: 'DELETE',
      path: pathOf(kind, ref),
      body: { preconditions, gracePeriodSeconds },
    });
  }

  /** Watches from now on, the present objects first, until `signal`; ends early if the server closes the watch. */
  async *watch<T extends KubeObject>(
    kind: ResourceKind,
    options: WatchOptions,
  ): AsyncGenerator<LabWatchEvent<T>> {
    const path = `${pathOf(kind, options)}?watch=true`;
    const { body } = await this.#send({ method: 'GET', path }, options.signal);
    let rest = '';
    for await (const chunk of body.setEncoding('utf8')) {
      const at = performance.timeOrigin + performance.now();
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield { ...(JSON.parse(line) as LabWatchEvent<T>), at };
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #call(call: Call): Promise<unknown> {
    const { body } = await this.#send(call);
    return body.json();
  }

  async #send(call: Call, signal?: AbortSignal): Promise<Dispatcher.ResponseData> {
    const answer = await request(`${this.#access.server}${call.path}`, {
      dispatcher: this.#agent,
      method: call.method,
      headers: {
        authorization: `Bearer ${this.#access.token}`,
        'content-type': call.contentType ?? 'application/json',
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (answer.statusCode < 300) return answer;
    const status = (await answer.body.json()) as { readonly reason?: string; readonly message?: string };
    const message = `${call.method} ${call.path}: ${answer.statusCode}: ${status.message ?? 'no message'}`;
    throw new LabApiError(message, { code: status.reason ?? 'Unknown', status: answer.statusCode });
  }
}

interface RemoveOptions extends Preconditions {
  /** Of a Pod: 0 removes the object at once, which is the kubelet's to do. */
  readonly gracePeriodSeconds?: number;
}

interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
}

interface WatchOptions {
  readonly namespace?: string;
  readonly signal: AbortSignal;
}

/** Connects undici to the API server from inside a namespace, with TLS. */
export const connectorIn =
  (netns: string, access: Pick<Access, 'server' | 'certificateAuthority'>): buildConnector.connector =>
  (_options, callback) => {
    const { hostname, port } = new URL(access.server);
    const secure = async (): Promise<void> => {
      const socket = await connectIn(netns, { host: hostname, port: Number(port) });
      const session = connectTls({ socket, ca: access.certificateAuthority, host: hostname });
      session.once('secureConnect', () => callback(null, session));
      session.once('error', (error) => callback(error, null));
    };
    secure().catch((error: Error) => callback(error, null));
  };

function pathOf(kind: ResourceKind, ref: { readonly namespace?: string; readonly name?: string }): string {
  const root = kind.group === '' ? '/api' : `/apis/${kind.group}`;
  const namespace = kind.namespaced && ref.namespace !== undefined ? `/namespaces/${ref.namespace}` : '';
  return `${root}/${kind.version}${namespace}/${kind.plural}${ref.name === undefined ? '' : `/${ref.name}`}`;
}
