// Writes of a replica that leads no more are not sent; the fence changes nothing else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeApi } from '../../src/kube/api.ts';
import { hasCode } from '../../src/kube/api-error.ts';
import { fenced } from '../../src/kube/fence.ts';
import { ADDRESS_POOL } from '../../src/kube/kinds.ts';
import { FakeKubeApi } from '../fake/fake-kube-api.ts';
import { testApiContract } from './contract.ts';

testApiContract('an API behind the fence of a leader', async () => ({
  api: fenced(new FakeKubeApi(), () => true),
  prefix: 'fence',
  close: async () => {},
}));

const POOL = { metadata: { name: 'pool' }, spec: { addresses: ['10.0.0.1'] } };
const REF = { name: 'pool' };

const WRITES: Readonly<Record<string, (api: KubeApi) => Promise<unknown>>> = {
  create: (api) => api.create(ADDRESS_POOL, undefined, { metadata: { name: 'other' } }),
  update: (api) => api.update(ADDRESS_POOL, REF, POOL),
  patch: (api) => api.patch(ADDRESS_POOL, REF, { type: 'merge', body: { spec: {} } }),
  delete: (api) => api.remove(ADDRESS_POOL, REF),
};

for (const [verb, write] of Object.entries(WRITES)) {
  test(`${verb}: asked at each call whether it may, and not sent if not`, async () => {
    const inner = new FakeKubeApi();
    await inner.create(ADDRESS_POOL, undefined, POOL);
    const sent = inner.requests.length;
    let leads = false;
    const api = fenced(inner, () => leads);
    await assert.rejects(write(api), (error) => {
      assert.ok(hasCode(error, 'Unreachable'));
      assert.match(error.message, new RegExp(`^${verb} addresspools.*: this replica does not lead$`));
      return true;
    });
    assert.equal(inner.requests.length, sent);
    leads = true;
    await write(api);
    assert.equal(inner.requests.length, sent + 1);
  });
}

test('reads pass the fence', async () => {
  const inner = new FakeKubeApi();
  await inner.create(ADDRESS_POOL, undefined, POOL);
  const api = fenced(inner, () => false);
  assert.equal((await api.get(ADDRESS_POOL, REF)).metadata.name, 'pool');
  assert.equal((await api.list(ADDRESS_POOL)).length, 1);
});
