// A local copy of all objects of a kind, kept up to date for ever: quorum list, watch with bookmarks, resume, relist
// when the server has forgotten where we were, jittered back-off, and no error that ends it.

import { type Duration, milliseconds, minutes, seconds } from '../time/duration.ts';
import { type RetrySchedule, retryDelay } from '../time/retry-schedule.ts';
import type { KubeObject, ListWatch, ObjectChange, ResourceKind, WatchProblem, WatchState } from './api.ts';
import { ApiError, hasCode } from './api-error.ts';
import type { CollectionScope, Connection, WatchEvent } from './connection.ts';
import { listAll } from './list-pages.ts';
import { ObjectStore } from './object-store.ts';
import { processTime, sleep, type Time } from './time.ts';
import { WatchVigil } from './watch-vigil.ts';

export interface ListWatchOptions<T extends KubeObject = KubeObject> extends CollectionScope {
  /** At least 0, below 1; for jitter. */
  readonly random: () => number;
  /** What failed and when it is tried again; `retryInMs` 0 = a handler threw. */
  readonly onProblem: (problem: WatchProblem) => void;
  /** The longest pause between two attempts; default: 30 s. */
  readonly retryLimit?: Duration;
  readonly time?: Time;
  /** What is kept of an object when its handlers have seen it; default: all of it (object-store.ts). */
  readonly keep?: (object: T) => T;
}

const BACK_OFF: RetrySchedule = { first: milliseconds(200), factor: 2, limit: seconds(30), jitter: 0.3 };
/** The server ends a watch after 5 to 10 minutes, at random, so that watchers do not all come back together. */
const WATCH_SECONDS = { least: 300, spread: 300 };
/**
 * The back-off goes no further for a watch that was accepted and broke off: the server is there. So an API that flaps is
 * picked up again within 1.6 s, and is asked less than once a second.
 */
const MOST_BRIEF = 3;
/** The longest that a server may tell us to wait (Retry-After): a mistake in it must not stop us for a day. */
const MOST_PATIENCE = minutes(1);

type Source = Pick<Connection, 'listPage' | 'watch'>;

export function createListWatch<T extends KubeObject>(
  source: Source,
  kind: ResourceKind,
  options: ListWatchOptions<T>,
): ListWatch<T> {
  return new Reflector<T>(source, kind, options);
}

class Reflector<T extends KubeObject> implements ListWatch<T> {
  readonly #source: Source;
  readonly #kind: ResourceKind;
  readonly #options: ListWatchOptions<T>;
  readonly #time: Time;
  readonly #scope: CollectionScope;
  readonly #backOff: RetrySchedule;
  readonly #store: ObjectStore<T>;
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
  /** Where it is, or was when it failed; `Following` = the server has accepted the watch. */
  #stage: 'Listing' | 'Opening' | 'Following' = 'Listing';
  #isStarted = false;

  constructor(source: Source, kind: ResourceKind, options: ListWatchOptions<T>) {
    const { namespace, labelSelector, retryLimit = BACK_OFF.limit } = options;
    this.#source = source;
    this.#kind = kind;
    this.#options = options;
    this.#store = new ObjectStore(options.keep);
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
    const isForgotten = hasCode(error, 'Gone') && this.#stage !== 'Listing';
    // Gone: the server forgot that moment. NotFound: the kind itself was deleted, and may come back without a past.
    if (hasCode(error, 'Gone', 'NotFound')) this.#resourceVersion = undefined;
    if (!isForgotten) this.#become('Lost');
    const asked = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
    const delay = Math.max(Math.min(asked, MOST_PATIENCE), this.#nextDelay(error));
    this.#options.onProblem({ kind: this.#kind.kind, error, retryInMs: delay });
    await this.#pause(delay);
  }

  #nextDelay(error: Error): Duration {
    const isBrief = this.#stage === 'Following' && hasCode(error, 'Unreachable');
    const attempt = isBrief ? Math.min(this.#failures, MOST_BRIEF) : this.#failures;
    this.#failures = attempt + 1;
    return retryDelay(this.#backOff, attempt, this.#options.random());
  }

  async #pause(delay: number): Promise<void> {
    await sleep(delay, { time: this.#time, name: 'retry', signal: this.#stopping.signal });
  }

  /** Returns the moment of the list. */
  async #relist(): Promise<string> {
    const { signal } = this.#stopping;
    this.#stage = 'Listing';
    const list = await listAll<T>(this.#source, this.#kind, { ...this.#scope, signal });
    signal.throwIfAborted();
    this.#refuseOlder(list.resourceVersion);
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
    const vigil = new WatchVigil(this.#time);
    this.#stage = 'Opening';
    try {
      const signal = AbortSignal.any([this.#stopping.signal, vigil.silence]);
      const events = await this.#open(resourceVersion, signal);
      vigil.opened();
      this.#stage = 'Following';
      await this.#follow(events, vigil);
    } catch (error) {
      if (!vigil.silence.aborted) throw error;
    } finally {
      vigil.stop();
      if (vigil.isProven()) this.#failures = 0;
    }
    if (!vigil.hasLasted()) await this.#reopenSoon(vigil.isProven());
  }

  /** The server has ended a watch early, in good order: what works is only held to a rate; what does not is a failure. */
  async #reopenSoon(isProven: boolean): Promise<void> {
    if (this.#failures > 0)
      throw new ApiError(`watch ${this.#kind.plural}: closed at once`, { code: 'Unreachable', status: 200 });
    const delay = retryDelay(this.#backOff, 0, this.#options.random());
    if (!isProven) this.#failures = 1;
    await this.#pause(delay);
  }

  async #open(resourceVersion: string, signal: AbortSignal): Promise<AsyncIterable<WatchEvent<T>>> {
    const timeoutSeconds = Math.round(WATCH_SECONDS.least + this.#options.random() * WATCH_SECONDS.spread);
    const query = { ...this.#scope, resourceVersion, timeoutSeconds, signal };
    const events = await this.#source.watch<T>(this.#kind, query);
    this.#become('Synced');
    return events;
  }

  async #follow(events: AsyncIterable<WatchEvent<T>>, vigil: WatchVigil): Promise<void> {
    try {
      for await (const event of events) {
        if (this.#stopping.signal.aborted) return;
        vigil.heard();
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
