// Reading the verb of a request to the Kubernetes API.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callOf } from '../../lab/api-call.ts';

const CALLS = [
  ['GET', '/api/v1/services', 'list'],
  ['GET', '/api/v1/services?limit=500', 'list'],
  ['GET', '/api/v1/services?watch=true&resourceVersion=1', 'watch'],
  ['GET', '/api/v1/namespaces', 'list'],
  ['GET', '/api/v1/namespaces/web', 'get'],
  ['GET', '/api/v1/namespaces/web/services', 'list'],
  ['GET', '/api/v1/namespaces/web/services/shop', 'get'],
  ['GET', '/apis/fairlead.io/v1alpha1/virtualips', 'list'],
  ['GET', '/apis/fairlead.io/v1alpha1/virtualips/10.0.0.1', 'get'],
  ['PATCH', '/apis/fairlead.io/v1alpha1/virtualips/10.0.0.1/status', 'patch'],
  ['POST', '/api/v1/namespaces/web/services', 'create'],
  ['PUT', '/api/v1/namespaces/web/services/shop', 'update'],
  ['DELETE', '/api/v1/namespaces/web/services/shop', 'delete'],
  ['GET', '/readyz', 'get'],
] as const;

for (const [method, path, verb] of CALLS) {
  test(`${method} ${path} is ${verb}`, () => assert.deepEqual(callOf(method, path), { verb, path }));
}
