// The contract against the fakes: what the other tests of kube/ lean on behaves as the real one does.

import { createConnection } from '../../src/kube/connection.ts';
import { FakeKubeApi } from '../fake/fake-kube-api.ts';
import { FakeKubeServer } from '../fake/fake-kube-server.ts';
import { testApiContract, testKubeContract } from './contract.ts';

testKubeContract('the fake API server', async () => {
  const server = new FakeKubeServer();
  const credentials = {
    server: await server.listen(),
    tls: { rejectUnauthorized: true },
    headers: async () => ({ authorization: 'Bearer secret' }),
  };
  const connection = createConnection(credentials);
  const close = async (): Promise<void> => {
    await connection.close();
    await server.close();
  };
  return { api: connection, prefix: 'contract', close };
});

testApiContract('the API in memory', async () => ({
  api: new FakeKubeApi(),
  prefix: 'contract',
  close: () => Promise.resolve(),
}));
