// Events for users (core/v1): the same event about the same object raises a count instead of making a new one, and
// each object has a budget (client-go's spam filter: a burst of 25, then one in 5 minutes). Never blocks, never throws.

import type { EventRecorder, EventTarget, KubeApi, KubeObject } from './api.ts';
import { hasCode } from './api-error.ts';
import { EVENT } from './kinds.ts';

export interface EventRecorderOptions {
  /** Shown as the event's source, for example `fairlead-controller`. */
  readonly component: string;
  /** Where events about cluster-scoped objects go. */
  readonly namespace: string;
  readonly timestamp: () => string;
  /** Unique suffix for an event's name. */
  readonly uniqueName: () => string;
  readonly onProblem: (error: Error) => void;
}

const BURST = 25;
const REFILL_MS = 300_000;
/** Old entries are forgotten beyond this many, the oldest first. */
const REMEMBERED = 4096;

interface Sighting {
  readonly name: string;
  readonly namespace: string;
  readonly first: string;
  count: number;
  /** The write before this one about the same event. */
  last: Promise<void>;
}

interface Budget {
  tokens: number;
  refilledAt: number;
}

export function createEventRecorder(api: KubeApi, options: EventRecorderOptions): EventRecorder {
  return new AggregatingRecorder(api, options);
}

class AggregatingRecorder implements EventRecorder {
  readonly #api: KubeApi;
  readonly #options: EventRecorderOptions;
  readonly #sightings = new Map<string, Sighting>();
  readonly #budgets = new Map<string, Budget>();
  readonly #inFlight = new Set<Promise<void>>();

  constructor(api: KubeApi, options: EventRecorderOptions) {
    this.#api = api;
    this.#options = options;
  }

  record(regarding: EventTarget, type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (!this.#spend(regarding.uid)) return;
    const sighting = this.#sightingOf(regarding, [regarding.uid, type, reason, message].join('\0'));
    sighting.count += 1;
    const body = this.#body(regarding, { type, reason, message, sighting });
    const write = sighting.last.then(() => this.#write(sighting, body));
    sighting.last = write;
    this.#inFlight.add(write);
    void write.finally(() => this.#inFlight.delete(write));
  }

  async flush(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  #sightingOf(regarding: EventTarget, key: string): Sighting {
    const known = this.#sightings.get(key);
    if (known !== undefined) return known;
    const sighting: Sighting = {
      name: `${regarding.name.slice(0, 200)}.${this.#options.uniqueName()}`,
      namespace: regarding.namespace ?? this.#options.namespace,
      first: this.#options.timestamp(),
      count: 0,
      last: Promise.resolve(),
    };
    this.#sightings.set(key, sighting);
    forgetOldest(this.#sightings);
    return sighting;
  }

  #spend(uid: string): boolean {
    const now = performance.now();
    const budget = this.#budgets.get(uid) ?? { tokens: BURST, refilledAt: now };
    const refill = Math.floor((now - budget.refilledAt) / REFILL_MS);
    if (refill > 0) {
      budget.tokens = Math.min(BURST, budget.tokens + refill);
      budget.refilledAt += refill * REFILL_MS;
    }
    this.#budgets.set(uid, budget);
    forgetOldest(this.#budgets);
    if (budget.tokens === 0) return false;
    budget.tokens -= 1;
    return true;
  }

  #body(
    regarding: EventTarget,
    event: { type: string; reason: string; message: string; sighting: Sighting },
  ): Readonly<Record<string, unknown>> {
    const { sighting, type, reason, message } = event;
    const { component, timestamp } = this.#options;
    return {
      metadata: { name: sighting.name, namespace: sighting.namespace },
      involvedObject: regarding,
      type,
      reason,
      message: message.slice(0, 1024),
      source: { component },
      firstTimestamp: wholeSeconds(sighting.first),
      lastTimestamp: wholeSeconds(timestamp()),
      count: sighting.count,
    };
  }

  async #write(sighting: Sighting, body: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      if (body.count === 1) await this.#create(sighting, body);
      else await this.#repeat(sighting, body);
    } catch (error) {
      this.#options.onProblem(error as Error);
    }
  }

  async #repeat(sighting: Sighting, body: Readonly<Record<string, unknown>>): Promise<void> {
    const { count, lastTimestamp } = body;
    const ref = { name: sighting.name, namespace: sighting.namespace };
    try {
      await this.#api.patch<KubeObject>(EVENT, ref, { type: 'strategic', body: { count, lastTimestamp } });
    } catch (error) {
      // Events live for an hour only.
      if (!hasCode(error, 'NotFound')) throw error;
      await this.#create(sighting, body);
    }
  }

  async #create(sighting: Sighting, body: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#api.create<KubeObject>(EVENT, sighting.namespace, {
      apiVersion: 'v1',
      kind: 'Event',
      ...body,
    });
  }
}

function forgetOldest(entries: Map<string, unknown>): void {
  if (entries.size <= REMEMBERED) return;
  for (const key of entries.keys()) {
    entries.delete(key);
    return;
  }
}

/** core/v1 Event times are metav1.Time: whole seconds. */
const wholeSeconds = (timestamp: string): string => timestamp.replace(/\.\d+Z$/, 'Z');
