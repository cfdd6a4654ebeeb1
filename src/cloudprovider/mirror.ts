// A watched kind as our own values, where the answer to one of our writes counts at once instead of when the watch
// gets round to it. The echo of such a write is then no change.

import type { KubeObject, ListWatch, ObjectMeta } from '../kube/api.ts';

/** What a copy of thousands of objects keeps of their metadata, once; what else matters is in their values. */
export type EntryMeta = Pick<
  ObjectMeta,
  'name' | 'namespace' | 'uid' | 'resourceVersion' | 'generation' | 'creationTimestamp'
>;

export interface Entry<V> {
  readonly meta: EntryMeta;
  readonly value: V;
}

/** At least one of the two is there; a changed uid arrives as a disappearance and then an appearance. */
export interface MirrorChange<V> {
  readonly key: string;
  readonly before: Entry<V> | undefined;
  readonly now: Entry<V> | undefined;
}

interface Stored<V> extends Entry<V> {
  /** Came as the answer to a write and has not been seen in the watch yet. */
  readonly isAhead: boolean;
}

/** How many deleted uids are remembered, against answers that arrive after the deletion was seen. */
const REMEMBERED_DELETIONS = 1024;

export class Mirror<V> {
  readonly #watch: ListWatch<KubeObject>;
  readonly #read: (object: KubeObject) => V;
  readonly #entries = new Map<string, Stored<V>>();
  readonly #deleted = new Set<string>();
  readonly #handlers: ((change: MirrorChange<V>) => void)[] = [];

  constructor(watch: ListWatch<KubeObject>, read: (object: KubeObject) => V) {
    this.#watch = watch;
    this.#read = read;
    watch.onChange((change) => {
      if (change.kind === 'deleted') this.gone(change.before);
      else this.#take(change.object, false);
    });
  }

  get watch(): ListWatch<KubeObject> {
    return this.#watch;
  }

  get(key: string): Entry<V> | undefined {
    return this.#entries.get(key);
  }

  entries(): Iterable<readonly [string, Entry<V>]> {
    return this.#entries;
  }

  /** Handlers run synchronously, in the order in which they were added. */
  onChange(handler: (change: MirrorChange<V>) => void): void {
    this.#handlers.push(handler);
  }

  /** Takes in what the API answered to a read or write of ours. */
  note(object: KubeObject): void {
    const { uid, deletionTimestamp, finalizers = [] } = object.metadata;
    // A patch that took the last finalizer from a deleted object answers with what was.
    if (deletionTimestamp !== undefined && finalizers.length === 0) this.gone(object);
    else if (!this.#deleted.has(uid)) this.#take(object, true);
  }

  /** The object does not exist any more: the watch or the API said so. */
  gone(object: { readonly metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid'> }): void {
    this.#remember(object.metadata.uid);
    const key = keyOf(object.metadata);
    const before = this.#entries.get(key);
    if (before === undefined || before.meta.uid !== object.metadata.uid) return;
    this.#entries.delete(key);
    this.#tell({ key, before, now: undefined });
  }

  #take(object: KubeObject, isAhead: boolean): void {
    const meta = object.metadata;
    const key = keyOf(meta);
    const before = this.#entries.get(key);
    // Only against what we know from an answer is the watch ever behind; its own order is trusted.
    if (before !== undefined && (isAhead || before.isAhead)) {
      const age = compareVersions(before.meta.resourceVersion, meta.resourceVersion);
      if (age === 'newer') return;
      if (age === 'same') {
        this.#entries.set(key, { ...before, isAhead: before.isAhead && isAhead });
        return;
      }
    }
    const now: Stored<V> = { meta: entryMetaOf(meta), value: this.#read(object), isAhead };
    if (before !== undefined && before.meta.uid !== meta.uid) {
      this.#remember(before.meta.uid);
      this.#entries.delete(key);
      this.#tell({ key, before, now: undefined });
      this.#entries.set(key, now);
      this.#tell({ key, before: undefined, now });
      return;
    }
    this.#entries.set(key, now);
    this.#tell({ key, before, now });
  }

  #remember(uid: string): void {
    this.#deleted.add(uid);
    if (this.#deleted.size <= REMEMBERED_DELETIONS) return;
    const [oldest] = this.#deleted;
    if (oldest !== undefined) this.#deleted.delete(oldest);
  }

  #tell(change: MirrorChange<V>): void {
    for (const handler of this.#handlers) handler(change);
  }
}

function entryMetaOf(meta: ObjectMeta): EntryMeta {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp } = meta;
  return {
    name,
    uid,
    resourceVersion,
    creationTimestamp,
    ...(namespace === undefined ? {} : { namespace }),
    ...(generation === undefined ? {} : { generation }),
  };
}

/** `namespace/name`, or `name` for a cluster-scoped kind. */
export const keyOf = ({ namespace, name }: Pick<ObjectMeta, 'namespace' | 'name'>): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

/** What the first is against the second: resource versions are decimal numbers that grow (KEP-5504). */
function compareVersions(a: string, b: string): 'older' | 'same' | 'newer' {
  if (a === b) return 'same';
  return a.length === b.length ? (a < b ? 'older' : 'newer') : a.length < b.length ? 'older' : 'newer';
}
