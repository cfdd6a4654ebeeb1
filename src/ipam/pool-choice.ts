// Which pools a Service may be given addresses from, and in which order they are asked.

import { type Labels, requirementsOf, selects } from './label-selector.ts';
import type { Pool } from './pool.ts';

/** Why a pool gives a Service nothing; the first that applies, in this order. */
export type Obstacle = 'Namespace' | 'ServiceSelector' | 'Disabled' | 'NotAutomatic';

export interface PoolUser {
  readonly namespace: string;
  readonly namespaceLabels: Labels;
  readonly labels: Labels;
}

/**
 * The order of pools: priority, lower first; then those that are bound to namespaces before global ones; then the most
 * specific first (namespaces by name before a selector, then by the number of labels they ask for); then by name.
 */
export function comparePools(a: Pool, b: Pool): number {
  return (
    a.spec.priority - b.spec.priority ||
    Number(a.isGlobal) - Number(b.isGlobal) ||
    Number(b.spec.namespaces.length > 0) - Number(a.spec.namespaces.length > 0) ||
    specificity(b) - specificity(a) ||
    (a.name < b.name ? -1 : 1)
  );
}

const specificity = ({ spec }: Pool): number =>
  requirementsOf(spec.namespaceSelector) + requirementsOf(spec.serviceSelector);

/** Whether it is meant for the Service at all. */
export function exclusionFrom({ spec, isGlobal }: Pool, user: PoolUser): Obstacle | undefined {
  const { namespaces, namespaceSelector, serviceSelector } = spec;
  const isSelected = namespaceSelector !== undefined && selects(namespaceSelector, user.namespaceLabels);
  if (!isGlobal && !isSelected && !namespaces.includes(user.namespace)) return 'Namespace';
  return serviceSelector !== undefined && !selects(serviceSelector, user.labels)
    ? 'ServiceSelector'
    : undefined;
}

/** Why the pool gives the Service nothing new; `isAskedFor`: by its name or by one of its addresses. */
export function obstacleIn(pool: Pool, user: PoolUser, isAskedFor: boolean): Obstacle | undefined {
  const exclusion = exclusionFrom(pool, user);
  if (exclusion !== undefined) return exclusion;
  if (pool.spec.disabled) return 'Disabled';
  return pool.spec.autoAssign || isAskedFor ? undefined : 'NotAutomatic';
}
