// Which Services are ours: by type and class (KEP-1959), by what a user asks, and, for those that were ours, by what
// they still carry of us.

import { isUnlessFalse } from './boolean-text.ts';
import { ALLOCATED } from './service-status.ts';
import type { ServiceView } from './views.ts';

/** Our finalizer on Services with a class. */
export const OWN_FINALIZER = 'fairlead.io/load-balancer';
/** The one that the default implementation of a cluster puts on Services without a class. */
export const UPSTREAM_FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';
/** Leaves a Service to somebody else, or to nobody, whatever its class. */
export const IGNORE_ANNOTATION = 'fairlead.io/ignore';

export interface ClassRules {
  /** The values of spec.loadBalancerClass that are ours. */
  readonly classes: readonly string[];
  /** Whether we are the cluster's default implementation: Services without a class are ours too. */
  readonly servesClassless: boolean;
}

/** Whether the Service wants an address from us now. */
export function isOurs(service: ServiceView, rules: ClassRules): boolean {
  return service.type === 'LoadBalancer' && isServed(service, rules) && !service.isDeleting;
}

/** The finalizer that a Service of ours has to have. */
export const finalizerFor = ({ loadBalancerClass }: ServiceView): string =>
  loadBalancerClass === undefined ? UPSTREAM_FINALIZER : OWN_FINALIZER;

/** A LoadBalancer Service that another provider may serve: what is not from us in its status is not ours to change. */
export const mayBeAnothers = (service: ServiceView, rules: ClassRules): boolean =>
  service.type === 'LoadBalancer' && !isServed(service, rules);

/** Its status says that we have cared for it. The condition is written together with an upstream finalizer. */
export const hasTrace = ({ conditions }: ServiceView): boolean =>
  conditions.some(({ type }) => type === ALLOCATED);

/** The finalizers of the Service that are ours to take away; addresses of ours have gone from its status before. */
export function ourFinalizers(service: ServiceView, rules: ClassRules): readonly string[] {
  return service.finalizers.filter(
    (finalizer) =>
      finalizer === OWN_FINALIZER || (finalizer === UPSTREAM_FINALIZER && ownsUpstream(service, rules)),
  );
}

/** The name is everybody's who is a default implementation: ours, the one before us, the one after us. */
function ownsUpstream(service: ServiceView, rules: ClassRules): boolean {
  if (isServed(service, rules)) return rules.servesClassless;
  if (service.loadBalancerClass !== undefined) return false;
  const isTakenOver = mayBeAnothers(service, rules) && service.ingress.length > 0;
  return hasTrace(service) && !isTakenOver;
}

/** By class and annotation alone: a Service of another type has no class, and counts as the default implementation's. */
function isServed({ loadBalancerClass, annotations }: ServiceView, rules: ClassRules): boolean {
  if (isUnlessFalse(annotations[IGNORE_ANNOTATION])) return false;
  return loadBalancerClass === undefined ? rules.servesClassless : rules.classes.includes(loadBalancerClass);
}
