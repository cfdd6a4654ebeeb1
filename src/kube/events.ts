// Events for users (core/v1): the same event about the same object raises a count instead of making a new one, and
// each object has a budget. Recording never blocks and never throws; what could not be written is reported.

import { type Duration, minutes } from '../time/duration.ts';
import { TokenBuckets } from '../time/token-buckets.ts';
import type { EventRecorder, EventTarget, KubeApi, KubeObject } from './api.ts';
import { hasCode, isNamespaceEnding } from './api-error.ts';
import { EVENT } from './kinds.ts';
import { processTime, type Time, type Timer } from './time.ts';

export interface EventRecorderOptions {
  /** Shown as the event's source, for example `fairlead-controller`. */
  readonly component: string;
  /** Which instance of it, for example the Pod's name. */
  readonly instance?: string;
  /** RFC 3339. */
  readonly timestamp: () => string;
  /** Unique suffix for an event's name: lower case letters and digits. */
  readonly uniqueName: () => string;
  readonly onProblem: (error: Error) => void;
  /** How long an event waits before it is written: what it tells of goes to the API first. Default: not at all. */
  readonly delay?: Duration;
  readonly time?: Time;
}

/** Writes in flight at a time: events are the least of what the API has to do for us. */
const WRITERS = 4;
/** Kinds of events that are remembered for counting; the one seen longest ago is forgotten first. */
const REMEMBERED = 4096;
/** Events waiting to be written, two for each of 5,000 Services; while the API is away further ones are dropped. */
const MOST_WAITING = 10_000;
const LONGEST_MESSAGE = 1024;
/** Of each object, as client-go's spam filter has it: one that flaps costs etcd 25 Events and one in five minutes. */
const BUDGET = { burst: 25, refill: minutes(5), remembered: 4096 };

/** One event about one object, however often it was seen. */
interface Sighting {
  readonly regarding: EventTarget;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly name: string;
  readonly first: string;
  last: string;
  count: number;
  isWritten: boolean;
}

export function createEventRecorder(api: KubeApi, options: EventRecorderOptions): EventRecorder {
  return new AggregatingRecorder(api, options);
}

class AggregatingRecorder implements EventRecorder {
  readonly #api: KubeApi;
  readonly #options: EventRecorderOptions;
  readonly #time: Time;
  readonly #budget = new TokenBuckets(BUDGET);
  readonly #sightings = new Map<string, Sighting>();
  /** What was seen and not written since; a count that rises meanwhile goes out with the same write. */
  readonly #waiting = new Set<Sighting>();
  readonly #writing = new Set<Sighting>();
  /** Since nothing waited. */
  #dropped = 0;
  #flushed: PromiseWithResolvers<void> | undefined;
  #pause: Timer | undefined;

  constructor(api: KubeApi, options: EventRecorderOptions) {
    this.#api = api;
    this.#options = options;
    this.#time = options.time ?? processTime;
  }

  record(
    regarding: EventTarget,
    type: 'Normal' | 'Warning',
    ...what: [reason: string, message: string]
  ): void {
    const [reason, message] = what;
    if (!this.#budget.spend(regarding.uid, this.#time.now())) return;
    const sighting = this.#sightingOf({
      regarding,
      type,
      reason,
      message: message.slice(0, LONGEST_MESSAGE),
    });
    sighting.count += 1;
    sighting.last = this.#options.timestamp();
    if (this.#waiting.size < MOST_WAITING || this.#waiting.has(sighting)) this.#waiting.add(sighting);
    else this.#dropped += 1;
    this.#pumpLater();
  }

  async flush(): Promise<void> {
    if (this.#isIdle()) return;
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#flushed ??= Promise.withResolvers<void>();
    this.#pump();
    await this.#flushed.promise;
  }

  #isIdle(): boolean {
    return this.#waiting.size === 0 && this.#writing.size === 0;
  }

  #sightingOf(event: Pick<Sighting, 'regarding' | 'type' | 'reason' | 'message'>): Sighting {
    const { regarding, type, reason, message } = event;
    const key = [regarding.uid, type, reason, message].join('\0');
    const known = this.#sightings.get(key);
    const now = this.#options.timestamp();
    const name = `${regarding.name.slice(0, 200).replace(/[^a-z0-9]+$/, '')}.${this.#options.uniqueName()}`;
    const sighting = known ?? { ...event, name, first: now, last: now, count: 0, isWritten: false };
    this.#sightings.delete(key);
    this.#sightings.set(key, sighting);
    if (this.#sightings.size > REMEMBERED) forgetFirst(this.#sightings);
    return sighting;
  }

  #pumpLater(): void {
    const { delay } = this.#options;
    if (delay === undefined) return this.#pump();
    this.#pause ??= this.#time.after(delay, 'events', () => {
      this.#pause = undefined;
      this.#pump();
    });
  }

  #pump(): void {
    for (const sighting of this.#waiting) {
      if (this.#writing.size >= WRITERS) return;
      if (this.#writing.has(sighting)) continue;
      this.#waiting.delete(sighting);
      this.#writing.add(sighting);
      void this.#write(sighting);
    }
  }

  async #write(sighting: Sighting): Promise<void> {
    try {
      if (sighting.isWritten) await this.#raiseCount(sighting);
      else await this.#create(sighting);
      sighting.isWritten = true;
    } catch (error) {
      // Each Service of a namespace that is being deleted has something to say, and nobody is left to read it.
      if (!isNamespaceEnding(error)) this.#options.onProblem(error as Error);
    }
    this.#writing.delete(sighting);
    this.#pump();
    if (!this.#isIdle()) return;
    this.#reportDropped();
    this.#flushed?.resolve();
    this.#flushed = undefined;
  }

  /** Once for all of them: a line each would be a flood in the log as well. */
  #reportDropped(): void {
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (dropped === 0) return;
    this.#options.onProblem(
      new Error(`${dropped} events dropped: ${MOST_WAITING} others waited to be written`),
    );
  }

  async #raiseCount(sighting: Sighting): Promise<void> {
    const { name, count, last } = sighting;
    const body = { count, lastTimestamp: wholeSeconds(last) };
    const ref = { name, namespace: namespaceOf(sighting.regarding) };
    try {
      await this.#api.patch<KubeObject>(EVENT, ref, { type: 'merge', body });
    } catch (error) {
      // Events live for an hour only.
      if (!hasCode(error, 'NotFound')) throw error;
      await this.#create(sighting);
    }
  }

  async #create({ regarding, type, reason, message, ...sighting }: Sighting): Promise<void> {
    const { component, instance = '' } = this.#options;
    const { kind, apiVersion, name, uid } = regarding;
    const namespace = namespaceOf(regarding);
    await this.#api.create<KubeObject>(EVENT, namespace, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: sighting.name, namespace },
      involvedObject: {
        kind,
        apiVersion,
        name,
        uid,
        ...(regarding.namespace === undefined ? {} : { namespace }),
      },
      type,
      reason,
      message,
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
      firstTimestamp: wholeSeconds(sighting.first),
      lastTimestamp: wholeSeconds(sighting.last),
      count: sighting.count,
    });
  }
}

/** The API server accepts events about cluster-scoped objects in this namespace only. */
const CLUSTER_EVENTS = 'default';

const namespaceOf = ({ namespace }: EventTarget): string => namespace ?? CLUSTER_EVENTS;

function forgetFirst(entries: Map<string, unknown>): void {
  for (const key of entries.keys()) {
    entries.delete(key);
    return;
  }
}

/** core/v1 Event times are metav1.Time: whole seconds. */
const wholeSeconds = (timestamp: string): string => timestamp.replace(/\.\d+Z$/, 'Z');
