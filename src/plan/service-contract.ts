// The LoadBalancer contract of Kubernetes as one decision: what is the next thing that a Service asks of us? Each
// answer is safe to repeat, so a controller that stops between any two steps goes on where it was.

import { formatAddress } from '../net/address.ts';
import type { VirtualIP } from '../resource/virtual-ip.ts';
import {
  type ClassRules,
  finalizerFor,
  hasTrace,
  isOurs,
  mayBeAnothers,
  ourFinalizers,
} from './service-class.ts';
import { allocatedTexts } from './service-status.ts';
import type { ServiceView } from './views.ts';

/** What is taken from the status: that of a Service that goes stays, and in another provider's no address is ours. */
export type Clearing = 'nothing' | 'conditions' | 'everything';

export type NextStep =
  /** Before anything of it exists elsewhere, so that no deletion can be missed. */
  | { readonly kind: 'add-finalizer'; readonly finalizer: string }
  /** It is to have the addresses that it asks for, and its status to say them. */
  | { readonly kind: 'assign' }
  /** It has to leave these. */
  | { readonly kind: 'release'; readonly virtualIPs: readonly VirtualIP[] }
  /** A VirtualIP is being withdrawn; it comes again when that is done. */
  | { readonly kind: 'wait' }
  /** Another provider may have it: these have to leave its status, before their VirtualIPs go themselves. */
  | { readonly kind: 'unpublish'; readonly addresses: readonly string[] }
  /** Nothing of it is left elsewhere: our finalizers may go, and what we wrote into the status. */
  | { readonly kind: 'let-go'; readonly finalizers: readonly string[]; readonly clears: Clearing }
  | { readonly kind: 'nothing' };

/** `virtualIPs` are those that name this Service's uid. */
export function nextStep(
  service: ServiceView,
  virtualIPs: readonly VirtualIP[],
  rules: ClassRules,
): NextStep {
  if (!isOurs(service, rules)) return stepOut(service, virtualIPs, rules);
  const finalizer = finalizerFor(service);
  if (!service.finalizers.includes(finalizer)) return { kind: 'add-finalizer', finalizer };
  return { kind: 'assign' };
}

/** For a Service that is not ours (any more): undo what we did to it, the finalizer last. */
function stepOut(service: ServiceView, virtualIPs: readonly VirtualIP[], rules: ClassRules): NextStep {
  const isAnothers = mayBeAnothers(service, rules);
  const published = isAnothers ? publishedBy(service, virtualIPs) : [];
  if (published.length > 0) return { kind: 'unpublish', addresses: published };
  const living = virtualIPs.filter((virtualIP) => !virtualIP.isDeleting);
  if (living.length > 0) return { kind: 'release', virtualIPs: living };
  if (virtualIPs.length > 0) return { kind: 'wait' };
  const finalizers = ourFinalizers(service, rules);
  if (service.isDeleting)
    return finalizers.length > 0 ? { kind: 'let-go', finalizers, clears: 'nothing' } : { kind: 'nothing' };
  if (finalizers.length === 0 && !hasTrace(service)) return { kind: 'nothing' };
  return { kind: 'let-go', finalizers, clears: isAnothers ? 'conditions' : 'everything' };
}

/** What of the Service's status is from us: a VirtualIP may have been deleted by hand while nobody cared for the Service. */
function publishedBy(service: ServiceView, virtualIPs: readonly VirtualIP[]): readonly string[] {
  const ours = new Set([
    ...virtualIPs.map(({ address }) => formatAddress(address)),
    ...allocatedTexts(service),
  ]);
  return service.ingress.flatMap(({ ip }) => (ip !== undefined && ours.has(ip) ? [ip] : []));
}

/** Whether the Service's status says the VirtualIP's address. */
export const isPublished = (service: ServiceView, virtualIP: VirtualIP): boolean =>
  service.ingress.some((ingress) => ingress.ip === formatAddress(virtualIP.address));
