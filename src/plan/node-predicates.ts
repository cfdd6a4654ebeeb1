// Which nodes may hold addresses, by the rules of the upstream service controller: the exclusion label counts, cordon
// and NotReady do not (KEP-3458: readiness is the health check's job, here the election's).

import { isUnlessFalse } from './boolean-text.ts';
import type { NodeView } from './views.ts';

export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

const AUTOSCALER_TAINT = 'ToBeDeletedByClusterAutoscaler';

/** True as well for a label whose value is empty or can not be read as a boolean. */
export function isExcluded(node: Pick<NodeView, 'labels' | 'taints' | 'isDeleting'>): boolean {
  const isLeaving = node.isDeleting || node.taints.some((taint) => taint.key === AUTOSCALER_TAINT);
  return isLeaving || isUnlessFalse(node.labels[EXCLUDE_LABEL]);
}
