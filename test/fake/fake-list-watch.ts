// ListWatch in memory: what happens in the fake cluster is seen at once, or when a test lets it be seen. The store behind
// it is the real one.

import type { KubeObject, ListWatch, ObjectChange, ResourceKind, WatchState } from '../../src/kube/api.ts';
import { ObjectStore } from '../../src/kube/object-store.ts';
import { collectionPath } from '../../src/kube/resource-path.ts';
import type { FakeCluster } from './fake-cluster.ts';
import { placeOf, type StoreEvent } from './fake-kube-store.ts';

export class FakeListWatch implements ListWatch<KubeObject> {
  isStopped = false;
  readonly #cluster: FakeCluster;
  readonly #kind: ResourceKind;
  readonly #selects: (object: KubeObject) => boolean;
  readonly #objects = new ObjectStore<KubeObject>();
  readonly #handlers: ((change: ObjectChange<KubeObject>) => void)[] = [];
  readonly #stateHandlers: ((state: WatchState) => void)[] = [];
  readonly #synced = Promise.withResolvers<void>();
  #held: StoreEvent[] | undefined;
  #state: WatchState = 'Syncing';
  #isSlow = false;
  #unsubscribe: () => void = () => {};

  /** `selects`: what a selector would let through. */
  constructor(
    cluster: FakeCluster,
    kind: ResourceKind,
    selects: (object: KubeObject) => boolean = () => true,
  ) {
    this.#cluster = cluster;
    this.#kind = kind;
    this.#selects = selects;
  }

  start(): void {
    if (!this.#isSlow) this.completeSync();
  }

  /** The first list takes until `completeSync`. */
  delaySync(): void {
    this.#isSlow = true;
  }

  completeSync(): void {
    const listed = [...this.#cluster.objects(this.#kind).values()].filter(this.#selects);
    this.#tell(this.#objects.replace(listed));
    const { collection } = placeOf(collectionPath(this.#kind, undefined));
    this.#unsubscribe = this.#cluster.store.subscribe((event) => {
      if (event.collection !== collection) return;
      if (this.#held === undefined) this.#deliver(event);
      else this.#held.push(event);
    });
    this.setState('Synced');
    this.#synced.resolve();
  }

  synced(): Promise<void> {
    return this.#synced.promise;
  }

  state(): WatchState {
    return this.#state;
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  values(): Iterable<KubeObject> {
    return this.#objects.values();
  }

  onChange(handler: (change: ObjectChange<KubeObject>) => void): void {
    this.#handlers.push(handler);
  }

  onState(handler: (state: WatchState) => void): void {
    this.#stateHandlers.push(handler);
  }

  stop(): void {
    this.isStopped = true;
    this.#unsubscribe();
    if (this.#state === 'Syncing') this.#synced.reject(new Error('stopped before the first list'));
  }

  setState(state: WatchState): void {
    this.#state = state;
    for (const handler of this.#stateHandlers) handler(state);
  }

  /** From now on changes are late, until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of held) this.#deliver(event);
  }

  #deliver({ type, object }: StoreEvent): void {
    const seen = structuredClone(object) as unknown as KubeObject;
    if (!this.#selects(seen)) return;
    this.#tell(type === 'DELETED' ? this.#objects.remove(seen) : this.#objects.upsert(seen));
  }

  #tell(changes: readonly ObjectChange<KubeObject>[]): void {
    for (const change of changes) for (const handler of this.#handlers) handler(change);
  }
}
