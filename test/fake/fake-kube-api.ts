// KubeApi in memory over the fake store, for tests in virtual time: requests are carried out at once, fail on demand, or
// wait until they are released.

import type {
  KubeApi,
  KubeObject,
  ObjectRef,
  Patch,
  PatchOptions,
  Preconditions,
  ResourceKind,
} from '../../src/kube/api.ts';
import { ApiError, codeOf } from '../../src/kube/api-error.ts';
import type { BoundedApi } from '../../src/kube/connection.ts';
import { collectionPath, objectPath } from '../../src/kube/resource-path.ts';
import type { Duration } from '../../src/time/duration.ts';
import { FakeKubeStore, type StoreRequest } from './fake-kube-store.ts';

const PATCH_TYPES: Readonly<Record<Patch['type'], string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** `before`: the request is not carried out. `after`: it is, and the answer is lost. */
export type FakeFailure = { readonly when: 'before' | 'after'; readonly error: ApiError };

export const unreachableError = (): ApiError =>
  new ApiError('made to fail', { code: 'Unreachable', status: 0 });

export class FakeKubeApi implements KubeApi, BoundedApi {
  readonly store: FakeKubeStore;
  /** `METHOD path` of every request. */
  readonly requests: string[] = [];
  readonly limits: Duration[] = [];
  /** What goes wrong with a request. */
  failure: (request: StoreRequest) => FakeFailure | undefined = () => undefined;
  /** While true, requests wait in `held`. */
  isHeld = false;
  readonly held: (() => void)[] = [];

  constructor(store = new FakeKubeStore()) {
    this.store = store;
  }

  within(limit: Duration): KubeApi {
    this.limits.push(limit);
    return this;
  }

  get<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef): Promise<T> {
    return this.#serve({ method: 'GET', path: objectPath(kind, ref) });
  }

  async list<T extends KubeObject>(
    kind: ResourceKind,
    options: { readonly namespace?: string } = {},
  ): Promise<readonly T[]> {
    const place = {
      collection: kind.plural,
      namespace: options.namespace,
      name: undefined,
      subresource: undefined,
    };
    return structuredClone(this.store.objects(place)) as unknown as readonly T[];
  }

  create<T extends KubeObject>(kind: ResourceKind, namespace: string | undefined, body: unknown): Promise<T> {
    return this.#serve({ method: 'POST', path: collectionPath(kind, namespace), body });
  }

  update<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef, body: unknown): Promise<T> {
    return this.#serve({ method: 'PUT', path: objectPath(kind, ref), body });
  }

  patch<T extends KubeObject>(
    kind: ResourceKind,
    ref: ObjectRef,
    ...[patch, options = {}]: [patch: Patch, options?: PatchOptions]
  ): Promise<T> {
    const path = objectPath(kind, ref) + (options.subresource === undefined ? '' : `/${options.subresource}`);
    const body = patch.type === 'json' ? patch.operations : patch.body;
    return this.#serve({ method: 'PATCH', path, body, contentType: PATCH_TYPES[patch.type] });
  }

  async remove(kind: ResourceKind, ref: ObjectRef, preconditions: Preconditions = {}): Promise<void> {
    await this.#serve({ method: 'DELETE', path: objectPath(kind, ref), body: { preconditions } });
  }

  /** Lets the requests that wait be carried out. */
  release(): void {
    for (const go of this.held.splice(0)) go();
  }

  async #serve<T>(request: StoreRequest): Promise<T> {
    this.requests.push(`${request.method} ${request.path}`);
    if (this.isHeld) await new Promise<void>((resolve) => this.held.push(resolve));
    const failure = this.failure(request);
    if (failure?.when === 'before') throw failure.error;
    const { status, body } = this.store.handle(structuredClone(request));
    if (failure !== undefined) throw failure.error;
    if (status < 300) return structuredClone(body) as T;
    const { reason, message } = body as { readonly reason: string; readonly message: string };
    throw new ApiError(message, { code: codeOf(status, reason), status, reason });
  }
}
