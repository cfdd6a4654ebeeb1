// The patch types of the API, as far as we use them: JSON Patch (RFC 6902: test, add, replace, remove), merge patch
// (RFC 7396), and of strategic merge patch conditions merged by type and finalizers as a set.

import type { JsonPatchOperation, Patch } from '../../src/kube/api.ts';
import { ApiError } from '../../src/kube/api-error.ts';

export type Json = { [key: string]: unknown };

export function applyPatch(object: Json, patch: Patch): Json {
  switch (patch.type) {
    case 'json':
      for (const operation of patch.operations) applyOperation(object, operation);
      return object;
    case 'merge':
      return merge(object, structuredClone(patch.body) as Json, false) as Json;
    case 'strategic':
      return merge(object, structuredClone(patch.body) as Json, true) as Json;
    case 'apply':
      throw new Error('the fake has no server-side apply');
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function merge(target: unknown, patch: unknown, isStrategic: boolean): unknown {
  if (!isObject(patch)) return patch;
  const result: Json = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (isStrategic && key === '$deleteFromPrimitiveList/finalizers') {
      result.finalizers = asTexts(result.finalizers).filter((one) => !asTexts(value).includes(one));
    } else if (isStrategic && key === 'finalizers') {
      result.finalizers = [...new Set([...asTexts(result.finalizers), ...asTexts(value)])];
    } else if (isStrategic && key === 'conditions') result.conditions = mergeByType(result.conditions, value);
    else result[key] = merge(result[key], value, isStrategic);
  }
  return result;
}

const asTexts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

function mergeByType(target: unknown, patch: unknown): unknown[] {
  const merged = new Map<unknown, Json>();
  for (const item of Array.isArray(target) ? (target as Json[]) : []) merged.set(item.type, item);
  for (const item of patch as Json[]) {
    if (item.$patch === 'delete') merged.delete(item.type);
    else merged.set(item.type, { ...merged.get(item.type), ...item });
  }
  return [...merged.values()];
}

function applyOperation(object: Json, operation: JsonPatchOperation): void {
  const path = operation.path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = path.pop() ?? '';
  let parent: unknown = object;
  for (const part of path) parent = (parent as Json | undefined)?.[part];
  if (typeof parent !== 'object' || parent === null) throw invalid(`no such path ${operation.path}`);
  const container = parent as Json;
  if (operation.op === 'test') {
    if (JSON.stringify(container[last]) !== JSON.stringify(operation.value))
      throw invalid(`test failed at ${operation.path}`);
  } else if (operation.op === 'remove') {
    if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else delete container[last];
  } else container[last] = operation.value;
}

const invalid = (message: string): ApiError => new ApiError(message, { code: 'Invalid', status: 422 });
