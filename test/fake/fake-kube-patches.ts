// JSON Patch (RFC 6902), merge patch (RFC 7396) and what we use of strategic merge patch: conditions by type (with
// `$patch: delete`), finalizers as a set. As the API server reads them.

import { isDeepStrictEqual } from 'node:util';
import type { JsonPatchOperation } from '../../src/kube/api.ts';

type Json = { [key: string]: unknown };

/** Undefined when a test fails or a path is not there. */
export function patchJson(object: object, operations: readonly JsonPatchOperation[]): object | undefined {
  const root = { document: structuredClone(object) as unknown };
  for (const operation of operations) {
    const path = `/document${operation.path}`.split('/').slice(1).map(unescapeToken);
    const last = path.pop() ?? '';
    const parent = path.reduce<unknown>((value, token) => (value as Json | undefined)?.[token], root);
    if (typeof parent !== 'object' || parent === null) return undefined;
    if (!apply(parent as Json, last, operation)) return undefined;
  }
  return root.document as object;
}

const unescapeToken = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~');

function apply(parent: Json, token: string, operation: JsonPatchOperation): boolean {
  const isThere = Object.hasOwn(parent, token);
  if (operation.op === 'test') return isThere && isDeepStrictEqual(parent[token], operation.value);
  if (operation.op === 'add' && Array.isArray(parent)) {
    parent.splice(token === '-' ? parent.length : Number(token), 0, operation.value);
    return true;
  }
  // The real server replaces what is not there as well, against RFC 6902 section 4.3.
  if (operation.op !== 'remove' && !Array.isArray(parent)) {
    parent[token] = operation.value;
    return true;
  }
  if (!isThere) return false;
  if (operation.op === 'replace') parent[token] = operation.value;
  else if (Array.isArray(parent)) parent.splice(Number(token), 1);
  else delete parent[token];
  return true;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function mergePatch(target: unknown, patch: unknown, isStrategic: boolean): unknown {
  if (!isObject(patch)) return structuredClone(patch);
  const result: Json = isObject(target) ? structuredClone(target) : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (isStrategic && key === 'conditions') result[key] = mergeList(result[key], value, 'type');
    else if (isStrategic && key === 'finalizers') {
      result[key] = [...new Set([...asList(result[key]), ...asList(value)])];
    } else if (isStrategic && key === '$deleteFromPrimitiveList/finalizers') {
      result.finalizers = asList(result.finalizers).filter((finalizer) => !asList(value).includes(finalizer));
    } else result[key] = mergePatch(result[key], value, isStrategic);
  }
  return result;
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function mergeList(target: unknown, patch: unknown, key: string): unknown {
  const merged = new Map(asList(target).map((item) => [(item as Json)[key], item]));
  for (const item of asList(patch)) {
    const id = (item as Json)[key];
    if ((item as Json).$patch === 'delete') merged.delete(id);
    else merged.set(id, mergePatch(merged.get(id), item, true));
  }
  return [...merged.values()];
}
