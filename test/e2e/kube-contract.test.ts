// The contract of the Kubernetes edge against a real API server: what the fake one promises to the other tests is true.

import type { Socket } from 'node:net';
import { describe } from 'node:test';
import { connect } from 'node:tls';
import { createLab } from '../../lab/cluster.ts';
import { beginConnectIn } from '../../lab/netns.ts';
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
  const { hostname: host, port } = new URL(server);
  const { netns } = lab.network.controlPlane;
  const open = (): Socket => beginConnectIn(netns, { host, port: Number(port) });
  const options = { host, ca: certificateAuthority };
  const connection = createConnection(credentials, {
    connect: () => connect({ ...options, socket: open() }),
  });
  const close = async (): Promise<void> => {
    await connection.close();
    await lab.down();
  };
  return { api: connection, prefix: 'contract', close };
}

describe('the API as Fairlead relies on it', requirement('cluster'), () => {
  testKubeContract('a real API server', openRealServer);
});
