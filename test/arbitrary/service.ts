// A Service of our class and VirtualIPs of it, as the pure code sees them.

import type { ServiceView } from '../../src/plan/views.ts';
import { type VirtualIP, virtualIPName } from '../../src/resource/virtual-ip.ts';

export const FINALIZER = 'fairlead.io/load-balancer';

export const service = (changes: Partial<ServiceView> = {}): ServiceView => ({
  namespace: 'web',
  name: 'shop',
  uid: 'u1',
  resourceVersion: '1',
  creationTimestamp: '2026-12-01T10:00:00Z',
  generation: 1,
  type: 'LoadBalancer',
  loadBalancerClass: 'fairlead.io/lb',
  labels: {},
  annotations: {},
  selector: {},
  finalizers: [FINALIZER],
  isDeleting: false,
  ipFamilies: ['IPv4'],
  ipFamilyPolicy: 'SingleStack',
  clusterIPs: ['10.96.0.9'],
  ports: [{ name: '', protocol: 'TCP', port: 80 }],
  externalTrafficPolicy: 'Cluster',
  loadBalancerIP: undefined,
  loadBalancerSourceRanges: [],
  ingress: [],
  conditions: [],
  ...changes,
});

/** 10.77.0.`last` of that Service. */
export function virtualIP(last: number, changes: Partial<VirtualIP> = {}): VirtualIP {
  const address = { family: 'IPv4', value: 0x0a4d0000n + BigInt(last) } as const;
  return {
    name: virtualIPName(address),
    uid: `v${last}`,
    resourceVersion: '1',
    createdAt: '2026-12-01T10:00:00Z',
    isDeleting: false,
    finalizers: ['fairlead.io/withdraw'],
    address,
    family: 'IPv4',
    pool: 'default',
    reservedFor: undefined,
    services: [{ namespace: 'web', name: 'shop', uid: 'u1', ports: [] }],
    candidates: ['n1'],
    advertisements: [{ name: 'default', l2: { interfaces: [], ping: true, bind: false } }],
    record: { holder: undefined, epoch: 0 },
    phase: 'Pending',
    conditions: [],
    ...changes,
  };
}
