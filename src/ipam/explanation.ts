// Why none of some pools gives a Service an address: the one reason that is nearest to what would help.

import type { Family } from '../net/address.ts';
import type { Pool } from './pool.ts';
import { type Obstacle, obstacleIn, type PoolUser } from './pool-choice.ts';
import type { Refusal } from './refusal.ts';
import * as refusals from './refusal.ts';

/** The nearest to success first: who sees it has the least to change. */
const NEAREST: readonly Obstacle[] = ['NotAutomatic', 'Disabled', 'ServiceSelector', 'Namespace'];

/** Every one of `pools`, of which there is at least one, has an obstacle. */
export function refusalOf(pools: readonly Pool[], user: PoolUser, isAskedFor: boolean): Refusal {
  const having = (obstacle: Obstacle) =>
    pools.filter((pool) => obstacleIn(pool, user, isAskedFor) === obstacle).map((pool) => pool.name);
  const nearest = NEAREST.find((obstacle) => having(obstacle).length > 0) ?? 'Namespace';
  const names = having(nearest);
  switch (nearest) {
    case 'NotAutomatic':
      return refusals.poolNotAutomatic(names);
    case 'Disabled':
      return refusals.poolDisabled(names);
    case 'ServiceSelector':
      return refusals.serviceNotSelected(names);
    case 'Namespace':
      return refusals.namespaceNotAllowed(user.namespace, names);
  }
}

export interface Exhaustion {
  readonly family: Family;
  /** The pools that the Service may use. */
  readonly usable: readonly Pool[];
  /** Those of them that hold the family. */
  readonly tried: readonly Pool[];
  readonly wanted: number;
}

/** Nothing is left, or nothing of the family was ever there. */
export function exhaustion({ family, usable, tried, wanted }: Exhaustion): Refusal {
  if (tried.length === 0)
    return refusals.noPoolOfFamily(
      family,
      usable.map((pool) => pool.name),
    );
  const full = tried.map((pool) => ({ pool: pool.name, total: pool.counts(family).total }));
  return refusals.exhausted(family, full, wanted);
}
