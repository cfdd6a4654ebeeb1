// The rights in Fairlead's roles, one by one, as they are on the real API server: which there are, one taken away and
// given back, each time until the server acts on it.

import type { Lab } from '../../lab/cluster.ts';
import { SYSTEM_NAMESPACE } from '../../lab/installation.ts';
import { resourceKindOf } from '../../lab/kinds.ts';
import type { KubeObject, ObjectRef } from '../../src/kube/api.ts';
import { seconds } from '../../src/time/duration.ts';

export type Component = 'agent' | 'controller';
type RoleKind = 'ClusterRole' | 'Role';

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Role extends KubeObject {
  readonly rules: readonly Rule[];
}

/** Where a role is found; its rights hold in its namespace, or everywhere without one. */
export interface RoleRef {
  readonly kind: RoleKind;
  readonly name: string;
  readonly namespace?: string;
}

/** One verb on one resource in one role. */
export interface Right {
  readonly role: RoleRef;
  readonly group: string;
  /** With its subresource: `services/status`. */
  readonly resource: string;
  readonly verb: string;
  readonly names: readonly string[];
}

const RBAC = 'rbac.authorization.k8s.io/v1';
export const roleKind = (role: RoleKind | `${RoleKind}Binding`) => resourceKindOf(RBAC, role);

/** What a controller needs to stay the leader. */
export const LEADER_RIGHTS: readonly string[] = ['get leases', 'create leases', 'update leases'];

export const accountOf = (component: Component, namespace: string = SYSTEM_NAMESPACE): string =>
  `system:serviceaccount:${namespace}:fairlead-${component}`;

/** `patch virtualips/status` */
export const titleOf = ({ verb, resource }: Right): string => `${verb} ${resource}`;

/** The roles of a program. */
export function rolesOf(component: Component): readonly RoleRef[] {
  const name = `fairlead-${component}`;
  return [
    { kind: 'ClusterRole', name },
    { kind: 'Role', name, namespace: SYSTEM_NAMESPACE },
  ];
}

const refOf = ({ name, namespace }: RoleRef): ObjectRef => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
});

export const readRole = (lab: Lab, role: RoleRef): Promise<Role> =>
  lab.api.get<Role>(roleKind(role.kind), refOf(role));

/** All rights of a program: what the chart rendered, read from the server. */
export async function rightsOf(lab: Lab, component: Component): Promise<readonly Right[]> {
  const found = await Promise.all(
    rolesOf(component).map(async (role) => rightsIn(role, (await readRole(lab, role)).rules)),
  );
  return found.flat();
}

const rightsIn = (role: RoleRef, rules: readonly Rule[]): readonly Right[] =>
  rules.flatMap(({ apiGroups, resources, verbs, resourceNames: names = [] }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) => verbs.map((verb) => ({ role, group, resource, verb, names }))),
    ),
  );

/** The rules without this right; the others stay as they are. */
export const without = (rules: readonly Rule[], right: Right): readonly Rule[] =>
  rules
    .flatMap((rule) =>
      rule.apiGroups.flatMap((group) =>
        rule.resources.map((resource): Rule => {
          const isMeant =
            group === right.group &&
            resource === right.resource &&
            String(rule.resourceNames ?? []) === String(right.names);
          const verbs = rule.verbs.filter((verb) => !isMeant || verb !== right.verb);
          const { resourceNames } = rule;
          const names = resourceNames === undefined ? {} : { resourceNames };
          return { apiGroups: [group], resources: [resource], ...names, verbs };
        }),
      ),
    )
    .filter(({ verbs }) => verbs.length > 0);

/** Takes the right from the program; the function that is returned gives it back. */
export async function revoke(lab: Lab, component: Component, right: Right): Promise<() => Promise<void>> {
  const { rules } = await readRole(lab, right.role);
  const set = async (value: readonly Rule[], isAllowed: boolean): Promise<void> => {
    const operations = [{ op: 'replace', path: '/rules', value }] as const;
    await lab.api.patch(roleKind(right.role.kind), refOf(right.role), { type: 'json', operations });
    await lab.waitFor(
      `${titleOf(right)} to be ${isAllowed ? 'given' : 'taken'}`,
      async () => (await mayDo(lab, accountOf(component), right)) === isAllowed,
      seconds(30),
    );
  };
  await set(without(rules, right), false);
  return () => set(rules, true);
}

interface AccessReview extends KubeObject {
  readonly status?: { readonly allowed?: boolean };
}

const ACCESS_REVIEW = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
};

/** What the server's authorizer says now. */
async function mayDo(
  lab: Lab,
  user: string,
  { role, group, resource, verb, names }: Right,
): Promise<boolean> {
  const [plural, subresource] = resource.split('/');
  const review = await lab.api.create<AccessReview>(ACCESS_REVIEW, undefined, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user,
      resourceAttributes: {
        ...(role.namespace === undefined ? {} : { namespace: role.namespace }),
        ...(names[0] === undefined ? {} : { name: names[0] }),
        ...(subresource === undefined ? {} : { subresource }),
        ...{ group, verb, resource: plural },
      },
    },
  });
  return review.status?.allowed === true;
}
