// A service account's token that is replaced in its file while watches are open, as kubelet does it: when the old one is
// refused the new one is read, and nobody notices.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { requestToken } from '../../lab/service-accounts.ts';
import type { KubeObject, ResourceKind } from '../../src/kube/api.ts';
import { hasCode } from '../../src/kube/api-error.ts';
import { type Credentials, inClusterCredentials } from '../../src/kube/credentials.ts';
import { minutes } from '../../src/time/duration.ts';
import { requirement } from '../requirements.ts';
import { CONFIG_MAP, NAMESPACE, useFaultBed, type Watcher, watchThrough } from './fault-bed.ts';

const SECRET: ResourceKind = { ...CONFIG_MAP, kind: 'Secret', plural: 'secrets' };
const ACCOUNT = { namespace: NAMESPACE, name: 'rotating' };

const BINDING = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: ACCOUNT.name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ kind: 'ServiceAccount', ...ACCOUNT }],
};

describe('the token of a service account', requirement('cluster'), () => {
  const bed = useFaultBed('e2e-token');

  /** A token that is good until `revoke`. */
  async function revocableToken(): Promise<{ readonly token: string; revoke(): Promise<void> }> {
    const { api } = bed().lab;
    const metadata = { namespace: NAMESPACE, generateName: 'token-' };
    const secret = await api.create<KubeObject>(SECRET, NAMESPACE, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
    });
    const ref = { namespace: NAMESPACE, name: secret.metadata.name };
    return { token: await requestToken(api, ACCOUNT, secret), revoke: () => api.remove(SECRET, ref) };
  }

  /** As in a Pod, with a token file that the caller writes. */
  function podCredentials(t: TestContext): {
    readonly headers: Credentials['headers'];
    write(token: string): void;
  } {
    const directory = mkdtempSync(join(tmpdir(), 'fairlead-token-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const write = (token: string): void => writeFileSync(join(directory, 'token'), token);
    writeFileSync(join(directory, 'ca.crt'), bed().proxy.access.certificateAuthority);
    write('a token that is replaced before anybody asks');
    const { headers } = inClusterCredentials({ KUBERNETES_SERVICE_HOST: '127.0.0.1' }, { directory });
    return { headers, write };
  }

  const isRefused = async ({ connection }: Watcher): Promise<boolean> => {
    try {
      await connection.list(CONFIG_MAP, { namespace: NAMESPACE });
      return false;
    } catch (error) {
      if (hasCode(error, 'Unauthorized')) return true;
      throw error;
    }
  };

  test('is read anew when it is refused, and the watch goes on', async (t) => {
    const { lab, proxy } = bed();
    await lab.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: ACCOUNT });
    await lab.apply(BINDING);
    const [first, second] = [await revocableToken(), await revocableToken()];
    const pod = podCredentials(t);
    pod.write(first.token);
    const watcher = watchThrough(t, bed(), { headers: pod.headers });
    await watcher.begin();
    await first.revoke();
    const authorization = `Bearer ${first.token}`;
    const late = watchThrough(t, bed(), { headers: async () => ({ authorization }) });
    // The API server remembers a token that was good for 10 s.
    await lab.waitFor('the old token to be refused', () => isRefused(late), minutes(2));
    pod.write(second.token);
    proxy.resetAll();
    await watcher.changeAll();
    await watcher.end();
    assert.deepEqual([watcher.codes(), watcher.lists], [['Unreachable'], 1]);
  });
});
