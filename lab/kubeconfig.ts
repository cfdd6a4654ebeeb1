// Kubeconfig files as the lab writes them: one cluster, one user with a bearer token, mode 0600. In JSON, which is YAML:
// so the programs load no more to read them than to read a service account, as they do in a cluster.

import { writeFile } from 'node:fs/promises';

export interface Access {
  /** `https://10.77.0.10:6443` */
  readonly server: string;
  /** PEM. */
  readonly certificateAuthority: string;
  readonly token: string;
}

export async function writeKubeconfig(path: string, user: string, access: Access): Promise<void> {
  await writeFile(path, JSON.stringify(kubeconfigOf(user, access), null, 2), { mode: 0o600 });
}

const kubeconfigOf = (user: string, access: Access): unknown => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    {
      name: 'lab',
      cluster: {
        server: access.server,
        'certificate-authority-data': Buffer.from(access.certificateAuthority).toString('base64'),
      },
    },
  ],
  users: [{ name: user, user: { token: access.token } }],
  contexts: [{ name: 'lab', context: { cluster: 'lab', user } }],
  'current-context': 'lab',
});
