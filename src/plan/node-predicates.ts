// Which nodes may hold addresses, by the rules of the upstream service controller: the exclusion label counts, cordon
// and NotReady do not (KEP-3458: readiness is the health check's job, here the election's).

import { isUnlessFalse } from './boolean-text.ts';
import type { NodeView } from './views.ts';

export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

const AUTOSCALER_TAINT = 'ToBeDeletedByClusterAutoscaler';

/**
 * What it holds is handed over, if somebody else is able. True as well for a label whose value is empty or can not be read as a boolean.
 */
export function isExcluded(
  node: Pick<NodeView, 'labels' | 'taints' | 'isDeleting' | 'isShuttingDown'>,
): boolean {
  const isTaken = node.taints.some((taint) => taint.key === AUTOSCALER_TAINT);
  const isLeaving = node.isDeleting || node.isShuttingDown || isTaken;
  return isLeaving || isUnlessFalse(node.labels[EXCLUDE_LABEL]);
}

const ZONE_LABEL = 'topology.kubernetes.io/zone';
/** What admins of virtual nodes write, that no two candidates need be on one machine. */
const HOST_LABEL = 'fairlead.io/host';

/** '' where nobody says. */
export const zoneOf = ({ labels }: Pick<NodeView, 'labels'>): string => labels[ZONE_LABEL] ?? '';

/** The machine that it runs on, as far as anybody says; else itself. */
export const hostOf = ({ labels, name }: Pick<NodeView, 'labels' | 'name'>): string =>
  labels[HOST_LABEL] ?? labels['kubernetes.io/hostname'] ?? name;
