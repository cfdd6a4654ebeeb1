// The contract of the Kubernetes edge against a real API server: what the fake one promises to the other tests is true.

import { describe } from 'node:test';
import { createLab } from '../../lab/cluster.ts';
import { connectorIn } from '../../lab/kube-client.ts';
import { type Connection, createConnection } from '../../src/kube/connection.ts';
import { testKubeContract } from '../kube/contract.ts';
import type { ContractServer } from '../kube/contract-server.ts';
import { requirement } from '../requirements.ts';

/** A control plane and nothing that works on it. */
async function openRealServer(): Promise<ContractServer<Connection>> {
  const lab = await createLab({
    ...{ name: 'e2e-contract', nodes: 1 },
    ...{ controllers: 0, agents: false, kubeProxy: false },
  });
  const { server, certificateAuthority, token } = lab.controlPlane.admin;
  const credentials = {
    server,
    tls: { ca: certificateAuthority, rejectUnauthorized: true },
    headers: async () => ({ authorization: `Bearer ${token}` }),
  };
  const connector = connectorIn(lab.network.controlPlane.netns, lab.controlPlane.admin);
  const connection = createConnection(credentials, { connector });
  const close = async (): Promise<void> => {
    await connection.close();
    await lab.down();
  };
  return { api: connection, prefix: 'contract', close };
}

describe('the API as Fairlead relies on it', requirement('cluster'), () => {
  testKubeContract('a real API server', openRealServer);
});
