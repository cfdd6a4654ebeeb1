// A local copy of all objects of a kind, kept up to date for ever: quorum list, watch with bookmarks, resume, relist
// on 410, jittered back-off, no error that ends it. What the reference client's informer lacks: libraries decision 0003.

import { milliseconds, seconds } from '../time/duration.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';
import type { KubeObject, ListWatch, ObjectChange, ResourceKind, WatchProblem, WatchState } from './api.ts';
import { ApiError, codeOf, hasCode } from './api-error.ts';
import type { Connection, WatchEvent } from './connection.ts';
import { ObjectStore } from './object-store.ts';

export interface ListWatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  /** 0 <= x < 1, for jitter. */
  readonly random: () => number;
  readonly onProblem: (problem: WatchProblem) => void;
}

const BACK_OFF: RetrySchedule = { first: milliseconds(200), factor: 2, limit: seconds(30), jitter: 0.3 };
/** The server ends a watch after this long, at random, so that watchers do not come back together. */
const WATCH_SECONDS = { least: 300, spread: 300 };
/** kube-apiserver sends a bookmark about once a minute; silence of more than two means a half-open connection. */
const SILENCE_MS = 150_000;
/** A watch that lived this long was healthy: the back-off starts anew. */
const HEALTHY_MS = 5_000;

export function createListWatch<T extends KubeObject>(
  connection: Connection,
  kind: ResourceKind,
  options: ListWatchOptions,
): ListWatch<T> {
  return new Reflector<T>(connection, kind, options);
}

class Reflector<T extends KubeObject> implements ListWatch<T> {
  readonly #connection: Connection;
  readonly #kind: ResourceKind;
  readonly #options: ListWatchOptions;
  readonly #store = new ObjectStore<T>();
  readonly #changeHandlers: ((change: ObjectChange<T>) => void)[] = [];
  readonly #stateHandlers: ((state: WatchState) => void)[] = [];
  readonly #stopping = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  #state: WatchState = 'Syncing';
  #resourceVersion: string | undefined;
  #highest = 0n;
  #failures = 0;
  #isStarted = false;

  constructor(connection: Connection, kind: ResourceKind, options: ListWatchOptions) {
    this.#connection = connection;
    this.#kind = kind;
    this.#options = options;
    // Nobody may be waiting when stop() rejects it.
    this.#synced.promise.catch(() => undefined);
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#run();
  }

  synced(): Promise<void> {
    return this.#synced.promise;
  }

  state(): WatchState {
    return this.#state;
  }

  get(key: string): T | undefined {
    return this.#store.get(key);
  }

  values(): Iterable<T> {
    return this.#store.values();
  }

  onChange(handler: (change: ObjectChange<T>) => void): void {
    this.#changeHandlers.push(handler);
  }

  onState(handler: (state: WatchState) => void): void {
    this.#stateHandlers.push(handler);
  }

  stop(): void {
    this.#stopping.abort();
    this.#synced.reject(new Error(`the watch of ${this.#kind.plural} was stopped before its first list`));
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        if (this.#resourceVersion === undefined) await this.#relist();
        await this.#watchOnce();
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        await this.#recover(error as Error);
      }
    }
  }

  async #recover(error: Error): Promise<void> {
    if (hasCode(error, 'Gone')) this.#resourceVersion = undefined;
    else this.#become('Lost');
    const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    const delay = Math.max(asked, retryDelay(BACK_OFF, this.#failures, this.#options.random()));
    this.#failures += 1;
    this.#options.onProblem({ kind: this.#kind.kind, error, retryInMs: delay });
    await this.#sleep(delay);
  }

  async #relist(): Promise<void> {
    const { items, resourceVersion } = await this.#listAll();
    const version = BigInt(resourceVersion === '' ? '0' : resourceVersion);
    if (version < this.#highest) {
      const message = `list ${this.#kind.plural}: resourceVersion ${version} is older than ${this.#highest}, seen before: a lagging server`;
      throw new ApiError(message, { code: 'ServerError', status: 200 });
    }
    this.#highest = version;
    this.#resourceVersion = resourceVersion;
    this.#deliver(this.#store.replace(items));
    this.#become('Synced');
    this.#synced.resolve();
  }

  async #listAll(): Promise<{ readonly items: readonly T[]; readonly resourceVersion: string }> {
    const { namespace, labelSelector } = this.#options;
    const scope = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    };
    const items: T[] = [];
    let page = await this.#connection.listPage<T>(this.#kind, scope);
    items.push(...page.items);
    while (page.next !== undefined) {
      page = await this.#connection.listPage<T>(this.#kind, { ...scope, next: page.next });
      items.push(...page.items);
    }
    return { items, resourceVersion: page.resourceVersion };
  }

  async #watchOnce(): Promise<void> {
    const silence = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, silence.signal]);
    const timer = setTimeout(() => silence.abort(new Error('no byte for too long')), SILENCE_MS);
    const openedAt = performance.now();
    let isEmpty = true;
    try {
      for await (const event of await this.#open(signal)) {
        timer.refresh();
        isEmpty = false;
        this.#failures = 0;
        this.#take(event);
      }
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
    if (performance.now() - openedAt > HEALTHY_MS) this.#failures = 0;
    else if (isEmpty)
      throw new ApiError(`watch ${this.#kind.plural}: closed at once`, { code: 'Unreachable', status: 200 });
  }

  async #open(signal: AbortSignal): Promise<AsyncIterable<WatchEvent<T>>> {
    const { namespace, labelSelector, random } = this.#options;
    const events = await this.#connection.watch<T>(this.#kind, {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      resourceVersion: this.#resourceVersion ?? '',
      timeoutSeconds: Math.round(WATCH_SECONDS.least + random() * WATCH_SECONDS.spread),
      signal,
    });
    this.#become('Synced');
    return events;
  }

  #take(event: WatchEvent<T>): void {
    if (event.type === 'ERROR') {
      const { code = 500, reason, message } = event.object;
      throw new ApiError(`watch ${this.#kind.plural}: ${message ?? reason ?? code}`, {
        code: codeOf(code, reason),
        status: code,
      });
    }
    this.#resourceVersion = event.object.metadata.resourceVersion;
    const version = BigInt(this.#resourceVersion);
    if (version > this.#highest) this.#highest = version;
    if (event.type === 'BOOKMARK') return;
    this.#deliver(
      event.type === 'DELETED' ? this.#store.remove(event.object) : this.#store.upsert(event.object),
    );
  }

  #deliver(changes: readonly ObjectChange<T>[]): void {
    for (const change of changes)
      for (const handler of this.#changeHandlers) this.#guard(() => handler(change));
  }

  #become(state: WatchState): void {
    if (state === this.#state || (state === 'Lost' && this.#state === 'Syncing')) return;
    this.#state = state;
    for (const handler of this.#stateHandlers) this.#guard(() => handler(state));
  }

  /** A handler's mistake is reported and stops neither the watch nor the other handlers. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.onProblem({ kind: this.#kind.kind, error: error as Error, retryInMs: 0 });
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#stopping.signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}
