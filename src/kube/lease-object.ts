// coordination.k8s.io/v1 Leases as objects: how one is read, and what it says when we hold it.

import type { KubeApi, KubeObject, ObjectRef } from './api.ts';
import { hasCode } from './api-error.ts';
import { LEASE } from './kinds.ts';

export interface LeaseObject extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly leaseTransitions?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
  };
}

export interface LeaseTerms {
  readonly namespace: string;
  readonly name: string;
  readonly holder: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whole seconds (spec.leaseDurationSeconds). */
  readonly durationSeconds: number;
  /** RFC 3339 with microseconds (metav1.MicroTime). */
  readonly timestamp: () => string;
}

/** Undefined when there is none. */
export async function readLease(api: KubeApi, ref: ObjectRef): Promise<LeaseObject | undefined> {
  try {
    return await api.get<LeaseObject>(LEASE, ref);
  } catch (error) {
    if (hasCode(error, 'NotFound')) return undefined;
    throw error;
  }
}

/**
 * The Lease as `holder` holds it from now on ('' = nobody). With `known` it replaces that very version: the API refuses
 * it if somebody else has written since.
 */
export function leaseBody(
  known: LeaseObject | undefined,
  terms: LeaseTerms,
  holder: string = terms.holder,
): unknown {
  const { namespace, name, labels, durationSeconds, timestamp } = terms;
  const now = timestamp();
  const spec = known?.spec ?? {};
  const isOurs = spec.holderIdentity === terms.holder;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { ...known?.metadata, name, namespace, labels: { ...known?.metadata.labels, ...labels } },
    spec: {
      ...spec,
      holderIdentity: holder,
      leaseDurationSeconds: durationSeconds,
      renewTime: now,
      acquireTime: isOurs ? (spec.acquireTime ?? now) : now,
      // Counts changes of the holder; a new Lease has had none.
      leaseTransitions: (spec.leaseTransitions ?? 0) + (known === undefined || isOurs ? 0 : 1),
    },
  };
}
