// The API for who acts only while it leads: a write is refused here as soon as the leadership is over, so that what was
// queued when the process was stopped (SIGSTOP, a paused VM) is never sent. What was sent before and is still on its way
// is refused by the API server, because each write names the version or the name that it was decided on.

import type { KubeApi, KubeObject, ObjectRef, Preconditions, ResourceKind } from './api.ts';
import { unreachable } from './api-error.ts';
import { describeRequest } from './resource-path.ts';

/** Reads pass; writes reject with ApiError `Unreachable`, unsent, unless `mayWrite` says otherwise at that moment. */
export function fenced(api: KubeApi, mayWrite: () => boolean): KubeApi {
  return new FencedApi(api, mayWrite);
}

class FencedApi implements KubeApi {
  readonly #api: KubeApi;
  readonly #mayWrite: () => boolean;

  constructor(api: KubeApi, mayWrite: () => boolean) {
    this.#api = api;
    this.#mayWrite = mayWrite;
  }

  get<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef): Promise<T> {
    return this.#api.get<T>(kind, ref);
  }

  list<T extends KubeObject>(...args: Parameters<KubeApi['list']>): Promise<readonly T[]> {
    return this.#api.list<T>(...args);
  }

  async create<T extends KubeObject>(
    kind: ResourceKind,
    namespace: string | undefined,
    object: unknown,
  ): Promise<T> {
    this.#check('create', kind);
    return this.#api.create<T>(kind, namespace, object);
  }

  async update<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef, object: unknown): Promise<T> {
    this.#check('update', kind, ref);
    return this.#api.update<T>(kind, ref, object);
  }

  // Four parameters, as the contract has it.
  async patch<T extends KubeObject>(...args: Parameters<KubeApi['patch']>): Promise<T> {
    this.#check('patch', args[0], args[1]);
    return this.#api.patch<T>(...args);
  }

  async remove(kind: ResourceKind, ref: ObjectRef, preconditions?: Preconditions): Promise<void> {
    this.#check('delete', kind, ref);
    return this.#api.remove(kind, ref, preconditions);
  }

  #check(verb: string, kind: ResourceKind, ref: ObjectRef = { name: '' }): void {
    if (!this.#mayWrite()) throw unreachable(describeRequest(verb, kind, ref), 'this replica does not lead');
  }
}
