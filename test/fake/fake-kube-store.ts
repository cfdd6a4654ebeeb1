// The state behind the fake API server: objects with uid and resourceVersion, optimistic concurrency, finalizers, status
// apart from spec, and the history that watches are resumed from. One request in, one answer out, no transport.

import type { JsonPatchOperation } from '../../src/kube/api.ts';
import { mergePatch, patchJson } from './fake-kube-patches.ts';

export type Json = { [key: string]: unknown };

export interface StoredObject extends Json {
  metadata: Json & { name: string; uid: string; resourceVersion: string };
}

export interface StoreRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly contentType?: string;
  readonly body?: unknown;
}

export interface StoreAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface StoreEvent {
  readonly version: number;
  readonly collection: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: StoredObject;
}

/** What an object's path says. */
export interface Place {
  readonly collection: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

export class FakeKubeStore {
  readonly #objects = new Map<string, StoredObject>();
  readonly #history: StoreEvent[] = [];
  readonly #subscribers = new Set<(event: StoreEvent) => void>();
  #version = 100;
  #uid = 0;

  get version(): number {
    return this.#version;
  }

  /** The oldest event that a watch can still be given. */
  get oldest(): number {
    return this.#history[0]?.version ?? this.#version + 1;
  }

  subscribe(subscriber: (event: StoreEvent) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  /** Events of one collection after a version. */
  since(version: number, { collection, namespace }: Place): readonly StoreEvent[] {
    return this.#history.filter(
      (event) =>
        event.version > version &&
        event.collection === collection &&
        (namespace === undefined || event.object.metadata.namespace === namespace),
    );
  }

  objects({ collection, namespace }: Place): readonly StoredObject[] {
    const prefix = `${collection}|${namespace === undefined ? '' : `${namespace}|`}`;
    return [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object);
  }

  /** Forgets the history: a watch from before now can not be resumed. */
  compact(): void {
    this.#history.length = 0;
  }

  /** Another write somewhere in the cluster. */
  tick(): number {
    return ++this.#version;
  }

  /** Everything but lists and watches. */
  handle(request: StoreRequest): StoreAnswer {
    const place = placeOf(request.path);
    if (request.method === 'POST') return this.#create(place, request.body as Json);
    const object = this.#objects.get(keyOf(place));
    const isApply = request.contentType === 'application/apply-patch+yaml';
    if (object === undefined && isApply) return this.#create(place, request.body as Json);
    if (object === undefined)
      return failure(404, 'NotFound', `${place.collection} "${place.name}" not found`);
    if (request.method === 'GET') return { status: 200, body: object };
    if (request.method === 'DELETE') return this.#delete(place, object, request.body as Json);
    const changed = changedBy(request, object);
    if (changed === undefined) return failure(422, 'Invalid', 'the server rejected our request');
    return this.#replace(place, object, changed);
  }

  #create(place: Place, given: Json): StoreAnswer {
    const { name } = given.metadata as { name: string };
    const key = keyOf({ ...place, name });
    if (this.#objects.has(key))
      return failure(409, 'AlreadyExists', `${place.collection} "${name}" already exists`);
    const object = structuredClone(given) as StoredObject;
    Object.assign(object.metadata, {
      ...(place.namespace === undefined ? {} : { namespace: place.namespace }),
      uid: `uid-${++this.#uid}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
    });
    return { status: 201, body: this.#store(key, 'ADDED', object) };
  }

  #replace(place: Place, before: StoredObject, changed: StoredObject): StoreAnswer {
    const { resourceVersion } = changed.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
      return failure(
        409,
        'Conflict',
        `the object has been modified; want ${before.metadata.resourceVersion}`,
      );
    }
    const { uid, creationTimestamp, deletionTimestamp } = before.metadata;
    const after = structuredClone(changed);
    Object.assign(after.metadata, {
      uid,
      creationTimestamp,
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    });
    // Spec and status are written through paths of their own.
    if (place.subresource === 'status') copyField('spec', before, after);
    else if (before.status !== undefined) copyField('status', before, after);
    const key = keyOf(place);
    const isReleased = deletionTimestamp !== undefined && !hasFinalizers(after);
    if (!isReleased) return { status: 200, body: this.#store(key, 'MODIFIED', after) };
    return { status: 200, body: this.#remove(key, after) };
  }

  #delete(place: Place, object: StoredObject, options: Json | undefined): StoreAnswer {
    const { uid, resourceVersion } = (options?.preconditions ?? {}) as Json;
    const { metadata } = object;
    if (
      (uid ?? metadata.uid) !== metadata.uid ||
      (resourceVersion ?? metadata.resourceVersion) !== metadata.resourceVersion
    )
      return failure(409, 'Conflict', 'the precondition does not match');
    const key = keyOf(place);
    if (!hasFinalizers(object)) return { status: 200, body: this.#remove(key, structuredClone(object)) };
    const marked = structuredClone(object);
    marked.metadata.deletionTimestamp ??= '2026-01-01T00:01:00Z';
    return { status: 200, body: this.#store(key, 'MODIFIED', marked) };
  }

  #store(key: string, type: 'ADDED' | 'MODIFIED', object: StoredObject): StoredObject {
    object.metadata.resourceVersion = String(++this.#version);
    this.#objects.set(key, object);
    this.#publish(key, type, object);
    return object;
  }

  #remove(key: string, object: StoredObject): StoredObject {
    object.metadata.resourceVersion = String(++this.#version);
    this.#objects.delete(key);
    this.#publish(key, 'DELETED', object);
    return object;
  }

  #publish(key: string, type: StoreEvent['type'], object: StoredObject): void {
    const [collection = ''] = key.split('|');
    const event = { version: this.#version, collection, type, object };
    this.#history.push(event);
    for (const subscriber of this.#subscribers) subscriber(event);
  }
}

/** `/apis/g/v1/namespaces/ns/things/name/status` and its shorter forms. */
export function placeOf(path: string): Place {
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  // `namespaces/ns` alone is the Namespace itself.
  const isScoped = rest[0] === 'namespaces' && rest.length > 2;
  const [collection = '', name, subresource] = isScoped ? rest.slice(2) : rest;
  return { collection, namespace: isScoped ? rest[1] : undefined, name, subresource };
}

const keyOf = ({ collection, namespace, name }: Place): string =>
  `${collection}|${namespace === undefined ? '' : `${namespace}|`}${name ?? ''}`;

/** Undefined when a JSON Patch does not fit. */
function changedBy(
  { method, contentType, body }: StoreRequest,
  object: StoredObject,
): StoredObject | undefined {
  if (method === 'PUT') return body as StoredObject;
  if (contentType === 'application/json-patch+json') {
    return patchJson(object, body as readonly JsonPatchOperation[]) as StoredObject | undefined;
  }
  const isStrategic = contentType === 'application/strategic-merge-patch+json';
  return mergePatch(object, body, isStrategic) as StoredObject;
}

function copyField(field: string, from: Json, to: Json): void {
  if (from[field] === undefined) delete to[field];
  else to[field] = structuredClone(from[field]);
}

function hasFinalizers({ metadata }: StoredObject): boolean {
  return Array.isArray(metadata.finalizers) && metadata.finalizers.length > 0;
}

/** A metav1.Status. */
export const failure = (code: number, reason: string, message: string): StoreAnswer => ({
  status: code,
  body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code },
});
