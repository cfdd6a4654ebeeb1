// The contract against the fake server: what the other tests of kube/ lean on behaves as the real one does.

import { createConnection } from '../../src/kube/connection.ts';
import { FakeKubeServer } from '../fake/fake-kube-server.ts';
import { testKubeContract } from './contract.ts';

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
  return { connection, prefix: 'contract', close };
});
