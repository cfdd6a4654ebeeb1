// The requests of KubeApi as the fake store takes them, and its answers as KubeApi gives them.

import type {
  KubeObject,
  ObjectRef,
  Patch,
  PatchOptions,
  Preconditions,
  ResourceKind,
} from '../../src/kube/api.ts';
import { ApiError, codeOf } from '../../src/kube/api-error.ts';
import { collectionPath, describeRequest, objectPath } from '../../src/kube/resource-path.ts';
import type { StoreAnswer, StoreRequest } from './fake-kube-store.ts';

export interface FakeRequest extends StoreRequest {
  readonly verb: 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete';
  readonly plural: string;
  readonly name: string;
  readonly subresource?: 'status';
  /** For messages, as connection.ts has it. */
  readonly what: string;
}

const PATCH_TYPES: Readonly<Record<Patch['type'], string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

const METHODS: Readonly<Record<FakeRequest['verb'], string>> = {
  ...{ get: 'GET', list: 'GET', create: 'POST' },
  ...{ update: 'PUT', patch: 'PATCH', delete: 'DELETE' },
};

function request(verb: FakeRequest['verb'], kind: ResourceKind, ref: ObjectRef): FakeRequest {
  const path =
    verb === 'create' || verb === 'list' ? collectionPath(kind, ref.namespace) : objectPath(kind, ref);
  const what = describeRequest(verb, kind, ref);
  return { verb, plural: kind.plural, name: ref.name, method: METHODS[verb], path, what };
}

export const getting = (kind: ResourceKind, ref: ObjectRef): FakeRequest => request('get', kind, ref);

export const listing = (kind: ResourceKind, namespace?: string): FakeRequest =>
  request('list', kind, { name: '', ...(namespace === undefined ? {} : { namespace }) });

export function creating(kind: ResourceKind, namespace: string | undefined, body: unknown): FakeRequest {
  const { name } = (body as KubeObject).metadata;
  return { ...request('create', kind, namespace === undefined ? { name } : { namespace, name }), body };
}

export const updating = (kind: ResourceKind, ref: ObjectRef, body: unknown): FakeRequest => ({
  ...request('update', kind, ref),
  body,
});

export interface PatchRequest extends PatchOptions {
  readonly patch: Patch;
}

export function patching(
  kind: ResourceKind,
  ref: ObjectRef,
  { patch, subresource }: PatchRequest,
): FakeRequest {
  const plain = request('patch', kind, ref);
  return {
    ...plain,
    ...(subresource === undefined ? {} : { subresource, path: `${plain.path}/${subresource}` }),
    body: patch.type === 'json' ? patch.operations : patch.body,
    contentType: PATCH_TYPES[patch.type],
  };
}

export const deleting = (kind: ResourceKind, ref: ObjectRef, preconditions: Preconditions): FakeRequest => ({
  ...request('delete', kind, ref),
  body: { preconditions },
});

/** A copy of what was answered. Throws ApiError, as connection.ts does, for a refusal. */
export function resultOf<T>({ what }: FakeRequest, { status, body }: StoreAnswer): T {
  if (status < 300) return structuredClone(body) as T;
  const { reason, message } = body as { readonly reason: string; readonly message: string };
  const code = codeOf(status, reason);
  throw new ApiError(`${what}: ${code}: ${message}`, { code, status, reason });
}
