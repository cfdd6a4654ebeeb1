// KubeApi in memory, for tests in virtual time: one client of a fake cluster. Its requests are carried out a turn later,
// fail on demand, or wait until they are released.

import type {
  ApiErrorCode,
  KubeApi,
  KubeObject,
  ObjectRef,
  Patch,
  PatchOptions,
  Preconditions,
  ResourceKind,
} from '../../src/kube/api.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import type { BoundedApi, CollectionScope } from '../../src/kube/connection.ts';
import type { Duration } from '../../src/time/duration.ts';
import { FakeCluster } from './fake-cluster.ts';
import { placeOf, type StoreAnswer } from './fake-kube-store.ts';
import {
  creating,
  deleting,
  type FakeRequest,
  getting,
  listing,
  patching,
  resultOf,
  updating,
} from './fake-requests.ts';

type Hook = (request: FakeRequest) => void | Promise<void>;

/** For hooks: throws what a client gets. */
export function fail(code: ApiErrorCode = 'Unreachable'): never {
  throw new ApiError('made to fail', { code, status: 0 });
}

const undisturbed = (): void => {};

export class FakeKubeApi implements KubeApi, BoundedApi {
  readonly cluster: FakeCluster;
  readonly requests: FakeRequest[] = [];
  readonly limits: Duration[] = [];
  /** What it throws is what the client gets, and the request is not carried out. */
  before: Hook = undisturbed;
  /** The request was carried out or refused; what this throws is what the client gets instead of the answer. */
  after: Hook = undisturbed;
  /** While true, requests wait until `release`. */
  isHeld = false;
  readonly #held: (() => void)[] = [];

  constructor(cluster = new FakeCluster()) {
    this.cluster = cluster;
  }

  within(limit: Duration): KubeApi {
    this.limits.push(limit);
    return this;
  }

  get<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef): Promise<T> {
    return this.#serve(getting(kind, ref));
  }

  list<T extends KubeObject>(
    kind: ResourceKind,
    { namespace, labelSelector }: CollectionScope = {},
  ): Promise<readonly T[]> {
    const request = listing(kind, namespace);
    const read = () => this.cluster.store.objects(placeOf(request.path), labelSelector);
    return this.#serve(request, () => ({ status: 200, body: read() }));
  }

  create<T extends KubeObject>(
    kind: ResourceKind,
    namespace: string | undefined,
    object: unknown,
  ): Promise<T> {
    return this.#serve(creating(kind, namespace, object));
  }

  update<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef, object: unknown): Promise<T> {
    return this.#serve(updating(kind, ref, object));
  }

  patch<T extends KubeObject>(
    kind: ResourceKind,
    ref: ObjectRef,
    ...[patch, options]: [patch: Patch, options?: PatchOptions]
  ): Promise<T> {
    return this.#serve(patching(kind, ref, { patch, ...options }));
  }

  remove(kind: ResourceKind, ref: ObjectRef, preconditions: Preconditions = {}): Promise<void> {
    return this.#serve(deleting(kind, ref, preconditions));
  }

  /** Nothing fails any more. */
  recover(): void {
    this.before = undisturbed;
    this.after = undisturbed;
  }

  /** Lets the requests that wait be carried out, and holds no more. */
  release(): void {
    this.isHeld = false;
    for (const go of this.#held.splice(0)) go();
  }

  async #serve<T>(
    request: FakeRequest,
    carryOut = (): StoreAnswer => this.cluster.store.handle(structuredClone(request)),
  ): Promise<T> {
    const sent = structuredClone(request);
    this.requests.push(sent);
    // A request takes a while, in which other work goes on.
    await Promise.resolve();
    if (this.isHeld) await new Promise<void>((resolve) => this.#held.push(resolve));
    await this.before(sent);
    const answer = carryOut();
    const isWrite = request.method !== 'GET';
    if (isWrite && answer.status < 300)
      this.cluster.writes.push(`${request.verb} ${request.plural}/${request.name}`);
    await this.after(sent);
    return resultOf<T>(request, answer);
  }
}
