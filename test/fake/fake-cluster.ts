// A cluster in memory, as somebody else works on it: at once, by the rules of the API server or past them.

import type { KubeObject, ObjectRef, ResourceKind } from '../../src/kube/api.ts';
import { keyOf } from '../../src/kube/object-store.ts';
import { collectionPath, objectPath } from '../../src/kube/resource-path.ts';
import { FakeKubeStore, type Json, placeOf } from './fake-kube-store.ts';
import {
  creating,
  deleting,
  type FakeRequest,
  getting,
  type PatchRequest,
  patching,
  resultOf,
} from './fake-requests.ts';

export class FakeCluster {
  readonly store: FakeKubeStore;
  /** Writes of clients (FakeKubeApi) that were carried out, as `verb plural/name`. */
  readonly writes: string[] = [];

  constructor(store = new FakeKubeStore()) {
    this.store = store;
  }

  /** By `namespace/name`, or `name` for a cluster-scoped kind. */
  objects(kind: ResourceKind): ReadonlyMap<string, KubeObject> {
    const objects = this.store.objects(placeOf(collectionPath(kind, undefined)));
    return new Map(
      objects
        .map((object) => structuredClone(object) as unknown as KubeObject)
        .map((object) => [keyOf(object), object]),
    );
  }

  get<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef): T {
    return this.#carryOut(getting(kind, ref));
  }

  /** The object with all its fields; undefined if there is none. */
  stored(kind: ResourceKind, { namespace, name }: ObjectRef): Json | undefined {
    return this.objects(kind).get(namespace === undefined ? name : `${namespace}/${name}`) as
      | Json
      | undefined;
  }

  create(kind: ResourceKind, namespace: string | undefined, object: unknown): KubeObject {
    return this.#carryOut(creating(kind, namespace, object));
  }

  patch(kind: ResourceKind, ref: ObjectRef, patch: PatchRequest): KubeObject {
    return this.#carryOut(patching(kind, ref, patch));
  }

  remove(kind: ResourceKind, ref: ObjectRef): void {
    this.#carryOut(deleting(kind, ref, {}));
  }

  /** Creates or replaces an object as it is, with uid, status and times of the caller's. */
  put(kind: ResourceKind, object: object): void {
    this.store.put(placeOf(objectPath(kind, (object as KubeObject).metadata)), object as Json);
  }

  /** Changes whatever of a stored object. */
  change(kind: ResourceKind, ref: ObjectRef, edit: (object: Json) => void): void {
    const object = this.get(kind, ref) as unknown as Json;
    edit(object);
    this.put(kind, object);
  }

  /** The object is gone, whatever its finalizers say. */
  erase(kind: ResourceKind, ref: ObjectRef): void {
    this.store.erase(placeOf(objectPath(kind, ref)));
  }

  #carryOut<T>(request: FakeRequest): T {
    return resultOf<T>(request, this.store.handle(structuredClone(request)));
  }
}
