// Where objects live under the API server's URL, and how a request to one is named in messages.

import type { ObjectRef, ResourceKind } from './api.ts';

/** The path of all objects of a kind, in one namespace or (undefined) in all. */
export function collectionPath(kind: ResourceKind, namespace: string | undefined): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const scope =
    kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${kind.plural}`;
}

/** The path of one object. Throws for a namespaced kind without a namespace: the path would name something else. */
export function objectPath(kind: ResourceKind, { namespace, name }: ObjectRef): string {
  if (kind.namespaced && namespace === undefined) {
    throw new TypeError(`${kind.kind} "${name}" has no namespace: want one, the kind is namespaced`);
  }
  return `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`;
}

export function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, value);
  const text = parameters.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** `patch services "web/shop"`. */
export const describeRequest = (verb: string, kind: ResourceKind, { namespace, name }: ObjectRef): string =>
  `${verb} ${kind.plural} "${namespace === undefined ? name : `${namespace}/${name}`}"`;

/** `list services`, `watch leases in "fairlead-system"`. */
export const describeCollection = (verb: string, kind: ResourceKind, namespace: string | undefined): string =>
  `${verb} ${kind.plural}${namespace === undefined ? '' : ` in "${namespace}"`}`;
