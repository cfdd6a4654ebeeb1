// The LoadBalancer contract of Kubernetes as one decision: what is the next thing that a Service asks of us? Each
// answer is safe to repeat, so a controller that stops between any two steps goes on where it was.

import type { VirtualIP } from '../resource/virtual-ip.ts';
import type { ServiceView } from './views.ts';

export interface ContractRules {
  /** The values of spec.loadBalancerClass that are ours. */
  readonly classes: readonly string[];
  /** Our finalizer on Services. */
  readonly finalizer: string;
}

export type NextStep =
  /** Before anything of it exists elsewhere, so that no deletion can be missed. */
  | { readonly kind: 'add-finalizer' }
  /** It is to have the addresses that it asks for, and its status to say them. */
  | { readonly kind: 'assign' }
  /** It has to leave these. */
  | { readonly kind: 'release'; readonly virtualIPs: readonly VirtualIP[] }
  /** A VirtualIP is being withdrawn; it comes again when that is done. */
  | { readonly kind: 'wait' }
  /** Nothing of it is left: its address may go from the status (unless it is being deleted), and our finalizer. */
  | { readonly kind: 'remove-finalizer'; readonly clearsStatus: boolean }
  | { readonly kind: 'nothing' };

/** Whether the Service wants an address from us now. */
export function isOurs(service: ServiceView, { classes }: Pick<ContractRules, 'classes'>): boolean {
  const { type, loadBalancerClass } = service;
  return (
    type === 'LoadBalancer' &&
    loadBalancerClass !== undefined &&
    classes.includes(loadBalancerClass) &&
    !service.isDeleting
  );
}

/** `virtualIPs` are those that name this Service's uid. */
export function nextStep(
  service: ServiceView,
  virtualIPs: readonly VirtualIP[],
  rules: ContractRules,
): NextStep {
  const hasFinalizer = service.finalizers.includes(rules.finalizer);
  const living = virtualIPs.filter((virtualIP) => !virtualIP.isDeleting);
  if (!isOurs(service, rules)) {
    if (living.length > 0) return { kind: 'release', virtualIPs: living };
    if (virtualIPs.length > 0) return { kind: 'wait' };
    if (!hasFinalizer) return { kind: 'nothing' };
    return { kind: 'remove-finalizer', clearsStatus: !service.isDeleting };
  }
  return { kind: hasFinalizer ? 'assign' : 'add-finalizer' };
}
