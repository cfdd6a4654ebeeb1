// The API paths of all kinds that Fairlead reads or writes.

import type { ResourceKind } from './api.ts';

const core = (kind: string, plural: string, namespaced: boolean): ResourceKind => ({
  group: '',
  version: 'v1',
  kind,
  plural,
  namespaced,
});
const fairlead = (kind: string, plural: string): ResourceKind => ({
  group: 'fairlead.io',
  version: 'v1alpha1',
  kind,
  plural,
  namespaced: false,
});

export const SERVICE = core('Service', 'services', true);
export const NAMESPACE = core('Namespace', 'namespaces', false);
export const NODE = core('Node', 'nodes', false);
export const EVENT = core('Event', 'events', true);
export const SECRET = core('Secret', 'secrets', true);
export const LEASE: ResourceKind = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};
export const ENDPOINT_SLICE: ResourceKind = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
};
export const ADDRESS_POOL = fairlead('AddressPool', 'addresspools');
export const VIRTUAL_IP = fairlead('VirtualIP', 'virtualips');
export const ANNOUNCER = fairlead('Announcer', 'announcers');
