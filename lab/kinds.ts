// The API paths of the kinds that the lab itself writes, beyond those that Fairlead uses (src/kube/kinds.ts).

import type { ResourceKind } from '../src/kube/api.ts';
import {
  ADDRESS_POOL,
  ANNOUNCER,
  ENDPOINT_SLICE,
  EVENT,
  LEASE,
  NODE,
  SERVICE,
  VIRTUAL_IP,
} from '../src/kube/kinds.ts';

type Naming = Pick<ResourceKind, 'group' | 'kind' | 'plural'>;
const clusterScoped = (naming: Naming): ResourceKind => ({ ...naming, version: 'v1', namespaced: false });
const namespaced = (naming: Naming): ResourceKind => ({ ...naming, version: 'v1', namespaced: true });

const RBAC = 'rbac.authorization.k8s.io';

export const NAMESPACE = clusterScoped({ group: '', kind: 'Namespace', plural: 'namespaces' });
export const POD = namespaced({ group: '', kind: 'Pod', plural: 'pods' });
export const SECRET = namespaced({ group: '', kind: 'Secret', plural: 'secrets' });
export const CONFIG_MAP = namespaced({ group: '', kind: 'ConfigMap', plural: 'configmaps' });
export const SERVICE_ACCOUNT = namespaced({ group: '', kind: 'ServiceAccount', plural: 'serviceaccounts' });
export const CUSTOM_RESOURCE_DEFINITION = clusterScoped({
  group: 'apiextensions.k8s.io',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
});
export const CLUSTER_ROLE_BINDING = clusterScoped({
  group: RBAC,
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
});

const KNOWN: readonly ResourceKind[] = [
  NAMESPACE,
  POD,
  SECRET,
  CONFIG_MAP,
  SERVICE_ACCOUNT,
  ENDPOINT_SLICE,
  CUSTOM_RESOURCE_DEFINITION,
  CLUSTER_ROLE_BINDING,
  clusterScoped({ group: RBAC, kind: 'ClusterRole', plural: 'clusterroles' }),
  namespaced({ group: RBAC, kind: 'Role', plural: 'roles' }),
  namespaced({ group: RBAC, kind: 'RoleBinding', plural: 'rolebindings' }),
  namespaced({ group: 'apps', kind: 'Deployment', plural: 'deployments' }),
  namespaced({ group: 'apps', kind: 'DaemonSet', plural: 'daemonsets' }),
  SERVICE,
  NODE,
  EVENT,
  LEASE,
  ADDRESS_POOL,
  VIRTUAL_IP,
  ANNOUNCER,
];

/** The API path for an object's apiVersion and kind; throws with what is known for one that the lab does not know. */
export function resourceKindOf(apiVersion: string, kind: string): ResourceKind {
  const found = KNOWN.find((known) => known.kind === kind && groupVersion(known) === apiVersion);
  if (found !== undefined) return found;
  const names = KNOWN.map((known) => `${groupVersion(known)} ${known.kind}`).join(', ');
  throw new Error(`apply "${apiVersion} ${kind}": not a kind the lab knows; known are ${names}`);
}

const groupVersion = (kind: ResourceKind): string =>
  kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
