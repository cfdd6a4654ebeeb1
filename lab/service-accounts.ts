// Tokens of service accounts through the TokenRequest API, and the kubeconfig files that carry them.

import type { KubeApi, KubeObject } from '../src/kube/api.ts';
import { type Access, writeKubeconfig } from './kubeconfig.ts';

export interface ServiceAccountRef {
  readonly namespace: string;
  readonly name: string;
}

interface TokenRequest extends KubeObject {
  readonly status?: { readonly token?: string };
}

/** A token for the account that outlives any lab (a day), unless the Secret that it is bound to is deleted. */
export async function requestToken(
  api: KubeApi,
  account: ServiceAccountRef,
  boundTo?: KubeObject,
): Promise<string> {
  const kind = {
    group: '',
    version: 'v1',
    kind: 'TokenRequest',
    plural: `serviceaccounts/${account.name}/token`,
    namespaced: true,
  };
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 86_400, ...(boundTo === undefined ? {} : { boundObjectRef: refTo(boundTo) }) },
  };
  const answer = await api.create<TokenRequest>(kind, account.namespace, request);
  const token = answer.status?.token;
  if (token === undefined)
    throw new Error(`request token of "${account.namespace}/${account.name}": the answer has none`);
  return token;
}

const refTo = ({ metadata: { name, uid } }: KubeObject): object => ({
  ...{ apiVersion: 'v1', kind: 'Secret' },
  ...{ name, uid },
});

/** Writes a kubeconfig whose user is the service account; `access` says where the API server is. */
export async function writeServiceAccountKubeconfig(
  api: KubeApi,
  account: ServiceAccountRef,
  target: { readonly path: string; readonly access: Omit<Access, 'token'> },
): Promise<void> {
  const token = await requestToken(api, account);
  await writeKubeconfig(target.path, account.name, { ...target.access, token });
}
