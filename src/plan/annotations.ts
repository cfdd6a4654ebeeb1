// The annotations of Services that Fairlead reads and writes, and those of others that mean the same, for whoever
// migrates.

export const ADDRESSES = 'fairlead.io/addresses';
export const POOL = 'fairlead.io/pool';
/** How many addresses of each family. */
export const COUNT = 'fairlead.io/count';
export const SHARING_KEY = 'fairlead.io/sharing-key';
/** Namespaces, or `*`, with which it shares addresses besides its own. */
export const SHARING_NAMESPACES = 'fairlead.io/sharing-namespaces';
/** `true`: the address is kept for a Service of the same name when this one goes. */
export const RETAIN = 'fairlead.io/retain';
/** `now`: it wants another address. Taken away when it has one. */
export const RENUMBER = 'fairlead.io/renumber';
/** Written by the controller: addresses that others have replaced, as long as they are published beside those. */
export const REPLACED = 'fairlead.io/replaced-addresses';
/** Written by the controller: the pools that its addresses are from. */
export const ALLOCATED_FROM = 'fairlead.io/allocated-from';

/** Of the time before spec.loadBalancerSourceRanges: providers of clouds read it, kube-proxy does not. */
export const LEGACY_SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** The annotations that mean the same; they have to agree. */
export const SAME_ADDRESSES: readonly string[] = [
  ADDRESSES,
  'metallb.io/loadBalancerIPs',
  'metallb.universe.tf/loadBalancerIPs',
  'kube-vip.io/loadbalancerIPs',
];
export const SAME_POOL: readonly string[] = [
  POOL,
  'metallb.io/address-pool',
  'metallb.universe.tf/address-pool',
];
export const SAME_SHARING_KEY: readonly string[] = [
  SHARING_KEY,
  'metallb.io/allow-shared-ip',
  'metallb.universe.tf/allow-shared-ip',
];
