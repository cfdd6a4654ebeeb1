// The state behind the fake API server: objects with uid and resourceVersion, optimistic concurrency, finalizers, status
// apart from spec, and the history that watches are resumed from. One request in, one answer out, no transport.

import { isDeepStrictEqual } from 'node:util';
import type { JsonPatchOperation } from '../../src/kube/api.ts';
import { mergePatch, patchJson } from './fake-kube-patches.ts';

export type Json = { [key: string]: unknown };

export interface StoredObject extends Json {
  metadata: Json & { name: string; uid: string; resourceVersion: string; generation?: number };
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
  /** '' for the core group. */
  readonly group: string;
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

  objects({ collection, namespace }: Place, labelSelector?: string): readonly StoredObject[] {
    const prefix = `${collection}|${namespace === undefined ? '' : `${namespace}|`}`;
    const all = [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object);
    return all.filter((object) => isSelected(object, labelSelector));
  }

  /** Stores an object as it is, whatever the rules for requests say: how it came to be is not told. */
  put(place: Place, given: Json): StoredObject {
    const key = keyOf(place);
    const before = this.#objects.get(key);
    const object = structuredClone(given) as StoredObject;
    object.metadata = { ...this.#identity(place), ...object.metadata };
    return this.#store(key, before === undefined ? 'ADDED' : 'MODIFIED', object);
  }

  /** Removes an object, whatever its finalizers say. */
  erase(place: Place): void {
    const object = this.#objects.get(keyOf(place));
    if (object === undefined) throw new Error(`erase ${keyOf(place)}: not there`);
    this.#remove(keyOf(place), structuredClone(object));
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
    const { uid = object.metadata.uid } = changed.metadata;
    if (uid !== object.metadata.uid)
      return request.method === 'PUT'
        ? failure(409, 'Conflict', 'Precondition failed: UID in precondition')
        : failure(422, 'Invalid', 'metadata.uid: field is immutable');
    return this.#replace(place, object, changed);
  }

  #create(place: Place, given: Json): StoreAnswer {
    const { name } = given.metadata as { name: string };
    const key = keyOf({ ...place, name });
    if (this.#objects.has(key))
      return failure(409, 'AlreadyExists', `${place.collection} "${name}" already exists`);
    const object = structuredClone(given) as StoredObject;
    // Written through its own path only.
    delete object.status;
    Object.assign(object.metadata, this.#identity(place), object.spec === undefined ? {} : { generation: 1 });
    return { status: 201, body: this.#store(key, 'ADDED', object) };
  }

  #identity({ namespace }: Place): Json {
    return {
      ...(namespace === undefined ? {} : { namespace }),
      uid: `uid-${++this.#uid}`,
      creationTimestamp: timestamp(this.#version),
    };
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
    const after = written(place, before, changed);
    const key = keyOf(place);
    const isReleased = after.metadata.deletionTimestamp !== undefined && !hasFinalizers(after);
    if (isReleased) return { status: 200, body: this.#remove(key, after) };
    // A write that changes nothing is none.
    if (isDeepStrictEqual(before, after)) return { status: 200, body: before };
    if (!isDeepStrictEqual(before.spec, after.spec)) raiseGeneration(after);
    return { status: 200, body: this.#store(key, 'MODIFIED', after) };
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
    if (metadata.deletionTimestamp !== undefined) return { status: 200, body: object };
    const marked = structuredClone(object);
    marked.metadata.deletionTimestamp = timestamp(this.#version);
    raiseGeneration(marked);
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
  const group = parts[0] === 'api' ? '' : (parts[1] ?? '');
  return { group, collection, namespace: isScoped ? rest[1] : undefined, name, subresource };
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

/** What of a changed object is written: spec and status have paths of their own, and the server its own fields. */
function written({ group, subresource }: Place, before: StoredObject, changed: StoredObject): StoredObject {
  const after = structuredClone(changed);
  if (subresource !== 'status') copyField('status', before, after);
  // Of a custom resource the status path writes nothing else; a Service's takes finalizers as well.
  else if (group === 'fairlead.io')
    return { ...structuredClone(before), ...('status' in after ? { status: after.status } : {}) };
  else copyField('spec', before, after);
  for (const field of OF_THE_SERVER) copyField(field, before.metadata, after.metadata);
  return after;
}

const OF_THE_SERVER = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
] as const;

/** Not every built-in kind counts generations; nothing of ours relies on that one does not. */
function raiseGeneration({ metadata }: StoredObject): void {
  if (metadata.generation !== undefined) metadata.generation += 1;
}

/** A second per change, so that creation times tell the order. */
const timestamp = (version: number): string =>
  new Date(Date.UTC(2026, 0, 1) + version * 1000).toISOString().replace('.000Z', 'Z');

/** Equality terms only, the ones we use. */
function isSelected({ metadata }: StoredObject, selector = ''): boolean {
  const labels = (metadata.labels ?? {}) as Readonly<Record<string, string>>;
  const terms = selector.split(',').filter(Boolean);
  return terms.every((term) => labels[term.split('=')[0] ?? ''] === term.split('=')[1]);
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
