// Keeps one Lease renewed: created or taken over at start, renewed at every interval, retried soon after a failure,
// and on release given back by clearing holderIdentity, as client-go does (ReleaseOnCancel).

import type { KubeApi, KubeObject } from './api.ts';
import { hasCode } from './api-error.ts';
import { LEASE } from './kinds.ts';

export interface LeaseOptions {
  readonly namespace: string;
  readonly name: string;
  readonly holder: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whole seconds in the object (spec.leaseDurationSeconds). */
  readonly durationSeconds: number;
  readonly renewIntervalMs: number;
  /** After a failed renewal. */
  readonly retryIntervalMs: number;
  /** RFC 3339 with microseconds (metav1.MicroTime). */
  readonly timestamp: () => string;
  readonly onRenewed: () => void;
  readonly onFailed: (error: Error) => void;
}

export interface LeaseKeeper {
  /** Renews now and from then on. */
  start(): void;
  /** Stops renewing and gives the Lease back; rejects with ApiError when that could not be written. */
  release(): Promise<void>;
  /** Stops renewing and leaves the Lease as it is. */
  stop(): void;
}

interface LeaseObject extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseTransitions?: number;
    readonly acquireTime?: string;
  };
}

export function keepLease(api: KubeApi, options: LeaseOptions): LeaseKeeper {
  return new Keeper(api, options);
}

class Keeper implements LeaseKeeper {
  readonly #api: KubeApi;
  readonly #options: LeaseOptions;
  #known: LeaseObject | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = true;
  #renewal: Promise<void> = Promise.resolve();

  constructor(api: KubeApi, options: LeaseOptions) {
    this.#api = api;
    this.#options = options;
  }

  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#renewal = this.#renew();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async release(): Promise<void> {
    this.stop();
    await this.#renewal;
    const ref = { namespace: this.#options.namespace, name: this.#options.name };
    const operations = [
      { op: 'test', path: '/spec/holderIdentity', value: this.#options.holder } as const,
      { op: 'replace', path: '/spec/holderIdentity', value: '' } as const,
      { op: 'replace', path: '/spec/renewTime', value: this.#options.timestamp() } as const,
    ];
    try {
      await this.#api.patch(LEASE, ref, { type: 'json', operations });
    } catch (error) {
      // Deleted, or somebody else's by now: nothing of ours is left to give back.
      if (!hasCode(error, 'NotFound', 'Invalid')) throw error;
    }
  }

  async #renew(): Promise<void> {
    let delay = this.#options.renewIntervalMs;
    try {
      this.#known = await this.#write();
      this.#options.onRenewed();
    } catch (error) {
      // What we believe of the object may be what is wrong: read it anew.
      this.#known = undefined;
      delay = this.#options.retryIntervalMs;
      this.#options.onFailed(error as Error);
    }
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#renewal = this.#renew();
    }, delay);
  }

  async #write(): Promise<LeaseObject> {
    const { namespace, name } = this.#options;
    const known = this.#known ?? (await this.#read());
    if (known === undefined) return this.#api.create<LeaseObject>(LEASE, namespace, this.#object(undefined));
    return this.#api.update<LeaseObject>(LEASE, { namespace, name }, this.#object(known));
  }

  async #read(): Promise<LeaseObject | undefined> {
    try {
      return await this.#api.get<LeaseObject>(LEASE, {
        namespace: this.#options.namespace,
        name: this.#options.name,
      });
    } catch (error) {
      if (hasCode(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #object(known: LeaseObject | undefined): unknown {
    const { namespace, name, holder, labels, durationSeconds, timestamp } = this.#options;
    const now = timestamp();
    const isOurs = known?.spec?.holderIdentity === holder;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name,
        namespace,
        labels: { ...known?.metadata.labels, ...labels },
        ...(known === undefined ? {} : { resourceVersion: known.metadata.resourceVersion }),
      },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: durationSeconds,
        renewTime: now,
        acquireTime: isOurs ? (known?.spec?.acquireTime ?? now) : now,
        leaseTransitions: (known?.spec?.leaseTransitions ?? 0) + (known === undefined || isOurs ? 0 : 1),
      },
    };
  }
}
