// A local copy of all objects of a kind, kept up to date for ever: quorum list, watch with bookmarks, resume, relist
// when the server has forgotten where we were, jittered back-off, and no error that ends it.

import { type Duration, milliseconds, seconds } from '../time/duration.ts';
import { between, type Instant } from '../time/instant.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';
import type { KubeObject, ListWatch, ObjectChange, ResourceKind, WatchProblem, WatchState } from './api.ts';
import { ApiError, hasCode } from './api-error.ts';
import type { CollectionScope, Connection, WatchEvent } from './connection.ts';
import { listAll } from './list-pages.ts';
import { ObjectStore } from './object-store.ts';
import { processTime, sleep, type Time } from './time.ts';

export interface ListWatchOptions extends CollectionScope {
  /** At least 0, below 1; for jitter. */
  readonly random: () => number;
  /** What failed and when it is tried again; `retryInMs` 0 = a handler threw. */
  readonly onProblem: (problem: WatchProblem) => void;
  /** The longest pause between two attempts; default: 30 s. */
  readonly retryLimit?: Duration;
  readonly time?: Time;
}

const BACK_OFF: RetrySchedule = { first: milliseconds(200), factor: 2, limit: seconds(30), jitter: 0.3 };
/** The server ends a watch after 5 to 10 minutes, at random, so that watchers do not all come back together. */
const WATCH_SECONDS = { least: 300, spread: 300 };
/**
 * kube-apiserver sends a bookmark about once a minute. Silence for more than two may be a half-open connection that TCP
 * keep-alive does not find (a proxy in between), or a kind that was never written since the server's start, which gets
 * no bookmarks: so it is no failure, the watch is only opened anew.
 */
const SILENCE = seconds(150);
/** A watch that lived this long was healthy: the back-off starts anew. */
const HEALTHY = seconds(5);

type Source = Pick<Connection, 'listPage' | 'watch'>;

export function createListWatch<T extends KubeObject>(
  source: Source,
  kind: ResourceKind,
  options: ListWatchOptions,
): ListWatch<T> {
  return new Reflector<T>(source, kind, options);
}

class Reflector<T extends KubeObject> implements ListWatch<T> {
  readonly #source: Source;
  readonly #kind: ResourceKind;
  readonly #options: ListWatchOptions;
  readonly #time: Time;
  readonly #scope: CollectionScope;
  readonly #backOff: RetrySchedule;
  readonly #store = new ObjectStore<T>();
  readonly #changeHandlers: ((change: ObjectChange<T>) => void)[] = [];
  readonly #stateHandlers: ((state: WatchState) => void)[] = [];
  readonly #stopping = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  #state: WatchState = 'Syncing';
  /** Where the watch goes on; undefined = list first. */
  #resourceVersion: string | undefined;
  /** The newest moment that we have seen of the cluster. */
  #highest = 0n;
  #failures = 0;
  #isStarted = false;

  constructor(source: Source, kind: ResourceKind, options: ListWatchOptions) {
    const { namespace, labelSelector, retryLimit = BACK_OFF.limit } = options;
    this.#source = source;
    this.#kind = kind;
    this.#options = options;
    this.#time = options.time ?? processTime;
    this.#backOff = { ...BACK_OFF, limit: retryLimit };
    this.#scope = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    };
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
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        this.#resourceVersion ??= await this.#relist();
        await this.#watchOnce(this.#resourceVersion);
      } catch (error) {
        if (!signal.aborted) await this.#recover(error as Error);
      }
    }
  }

  async #recover(error: Error): Promise<void> {
    // Gone: the server forgot that moment. NotFound: the kind itself was deleted, and may come back without a past.
    if (hasCode(error, 'Gone', 'NotFound')) this.#resourceVersion = undefined;
    if (!hasCode(error, 'Gone')) this.#become('Lost');
    const asked = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
    const delay = Math.max(asked, retryDelay(this.#backOff, this.#failures, this.#options.random()));
    this.#failures += 1;
    this.#options.onProblem({ kind: this.#kind.kind, error, retryInMs: delay });
    await sleep(delay, { time: this.#time, name: 'retry', signal: this.#stopping.signal });
  }

  /** Returns the moment of the list. */
  async #relist(): Promise<string> {
    const { signal } = this.#stopping;
    const list = await listAll<T>(this.#source, this.#kind, { ...this.#scope, signal });
    signal.throwIfAborted();
    this.#refuseOlder(list.resourceVersion);
    for (const item of list.items) trim(item);
    this.#deliver(this.#store.replace(list.items));
    this.#become('Synced');
    this.#synced.resolve();
    return list.resourceVersion;
  }

  /** A server that lags behind (or was restored from a backup under us) must not make objects disappear. */
  #refuseOlder(resourceVersion: string): void {
    const version = BigInt(resourceVersion);
    if (version < this.#highest) {
      const what = `list ${this.#kind.plural}: resourceVersion ${version} is older than ${this.#highest}, seen before`;
      throw new ApiError(`${what}: a server that lags, or was restored`, {
        code: 'ServerError',
        status: 200,
      });
    }
    this.#highest = version;
  }

  async #watchOnce(resourceVersion: string): Promise<void> {
    const watchdog = new Watchdog(this.#time, SILENCE);
    const signal = AbortSignal.any([this.#stopping.signal, watchdog.signal]);
    let openedAt: Instant | undefined;
    try {
      const events = await this.#open(resourceVersion, signal);
      openedAt = this.#time.now();
      await this.#follow(events, watchdog);
    } catch (error) {
      if (!watchdog.signal.aborted) throw error;
    } finally {
      watchdog.stop();
      if (this.#isHealthy(openedAt)) this.#failures = 0;
    }
    if (this.#isHealthy(openedAt)) return;
    throw new ApiError(`watch ${this.#kind.plural}: closed at once`, { code: 'Unreachable', status: 200 });
  }

  #isHealthy(openedAt: Instant | undefined): boolean {
    return openedAt !== undefined && between(openedAt, this.#time.now()) >= HEALTHY;
  }

  async #open(resourceVersion: string, signal: AbortSignal): Promise<AsyncIterable<WatchEvent<T>>> {
    const timeoutSeconds = Math.round(WATCH_SECONDS.least + this.#options.random() * WATCH_SECONDS.spread);
    const query = { ...this.#scope, resourceVersion, timeoutSeconds, signal };
    const events = await this.#source.watch<T>(this.#kind, query);
    this.#become('Synced');
    return events;
  }

  async #follow(events: AsyncIterable<WatchEvent<T>>, watchdog: Watchdog): Promise<void> {
    try {
      for await (const event of events) {
        if (this.#stopping.signal.aborted) return;
        watchdog.heard();
        this.#take(event);
      }
    } catch (error) {
      // A broken connection is resumed; after any other end the events that we hold may be what is wrong.
      if (!hasCode(error, 'Unreachable')) this.#resourceVersion = undefined;
      throw error;
    }
  }

  #take(event: WatchEvent<T>): void {
    const { resourceVersion } = event.object.metadata;
    const version = BigInt(resourceVersion);
    this.#resourceVersion = resourceVersion;
    if (version > this.#highest) this.#highest = version;
    if (event.type === 'BOOKMARK') return;
    trim(event.object);
    this.#deliver(
      event.type === 'DELETED' ? this.#store.remove(event.object) : this.#store.upsert(event.object),
    );
  }

  #deliver(changes: readonly ObjectChange<T>[]): void {
    for (const change of changes) {
      for (const handler of this.#changeHandlers) this.#guard(() => handler(change));
    }
  }

  #become(state: WatchState): void {
    if (state === this.#state || (state === 'Lost' && this.#state === 'Syncing')) return;
    this.#state = state;
    for (const handler of this.#stateHandlers) this.#guard(() => handler(state));
  }

  /** A handler's mistake is reported, and stops neither the watch nor the other handlers. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.onProblem({ kind: this.#kind.kind, error: error as Error, retryInMs: 0 });
    }
  }
}

/** managedFields can be half of an object, and nobody here reads them. */
function trim(object: KubeObject): void {
  delete (object.metadata as { managedFields?: unknown }).managedFields;
}

/** Aborts its signal when nothing was heard for too long. */
class Watchdog {
  readonly #time: Time;
  readonly #limit: Duration;
  readonly #controller = new AbortController();
  #heardAt: Instant;
  #timer: { cancel(): void };

  constructor(time: Time, limit: Duration) {
    this.#time = time;
    this.#limit = limit;
    this.#heardAt = time.now();
    this.#timer = time.after(limit, 'silence', () => this.#check());
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  heard(): void {
    this.#heardAt = this.#time.now();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #check(): void {
    const left = milliseconds(this.#limit - between(this.#heardAt, this.#time.now()));
    if (left <= 0) this.#controller.abort();
    else this.#timer = this.#time.after(left, 'silence', () => this.#check());
  }
}
