// The local copy behind a ListWatch: applies lists and watch events and reports what changed, deletions that were
// missed during a gap and objects re-created under the same name (another uid) included.

import type { KubeObject, ObjectChange } from './api.ts';

export const keyOf = (object: KubeObject): string =>
  object.metadata.namespace === undefined
    ? object.metadata.name
    : `${object.metadata.namespace}/${object.metadata.name}`;

/** What tells one state of one object from any other: enough for those who keep values of their own. */
export function identityOf({ metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const identity = { name, uid, resourceVersion, creationTimestamp };
  return { metadata: namespace === undefined ? identity : { ...identity, namespace } };
}

export class ObjectStore<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #keep: (object: T) => T;

  /** `keep` says what is kept of an object, and so what `get`, `values` and `before` of later changes have. */
  constructor(keep: (object: T) => T = (object) => object) {
    this.#keep = keep;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  values(): Iterable<T> {
    return this.#objects.values();
  }

  /** Makes the store equal to a complete list; yields every difference. */
  replace(items: readonly T[]): readonly ObjectChange<T>[] {
    const changes: ObjectChange<T>[] = [];
    const listed = new Set(items.map(keyOf));
    for (const [key, before] of this.#objects) {
      if (listed.has(key)) continue;
      this.#objects.delete(key);
      changes.push({ kind: 'deleted', before });
    }
    for (const item of items) changes.push(...this.upsert(item));
    return changes;
  }

  upsert(object: T): readonly ObjectChange<T>[] {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before?.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    this.#objects.set(key, this.#keep(object));
    if (before === undefined) return [{ kind: 'added', object }];
    if (before.metadata.uid === object.metadata.uid) return [{ kind: 'updated', object, before }];
    return [
      { kind: 'deleted', before },
      { kind: 'added', object },
    ];
  }

  remove(object: T): readonly ObjectChange<T>[] {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before === undefined || before.metadata.uid !== object.metadata.uid) return [];
    this.#objects.delete(key);
    return [{ kind: 'deleted', before }];
  }
}
